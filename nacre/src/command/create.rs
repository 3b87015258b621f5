//! `nacre create`.

use crate::cli::{Create, Global};
use crate::container::make;
use crate::error::Result;

/// Makes a container that waits for `start`.
pub(crate) fn run(global: &Global, command: &Create) -> Result<u8> {
    make(global, &command.making, false)?.let_go()?;
    Ok(0)
}
