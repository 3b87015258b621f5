//! `nacre create`.

use crate::bundle::Bundle;
use crate::cli::{Create, Global};
use crate::container::{make, make_member};
use crate::error::Result;

/// Makes a container that waits for `start`.
pub(crate) fn run(global: &Global, command: &Create) -> Result<u8> {
    let bundle = Bundle::load(&command.making.bundle)?;
    match bundle.sandbox()? {
        Some(sandbox) => make_member(global, &command.making, &bundle, sandbox)?.let_go()?,
        None => make(global, &command.making, &bundle, false)?.let_go()?,
    }
    Ok(0)
}
