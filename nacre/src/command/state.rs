//! `nacre state`.

use crate::cli::{Global, Id};
use crate::container::Store;
use crate::error::{Result, Try};

/// Prints the state of a container.
pub(crate) fn run(global: &Global, command: &Id) -> Result<u8> {
    let entry = Store::new(global).open(&command.id)?;
    let record = entry.read()?;
    let state = record.state(entry.status(&record));
    println!("{}", serde_json::to_string_pretty(&state).to("print the state")?);
    Ok(0)
}
