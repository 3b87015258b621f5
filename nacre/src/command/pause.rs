//! `nacre pause` and `nacre resume`.

use crate::cli::{Global, Id};
use crate::container::{Entry, Record, Status, Store, ask};
use crate::error::{Result, bail};
use sentry::control::Order;

/// Stops every process of a container where it is.
pub(crate) fn pause(global: &Global, command: &Id) -> Result<u8> {
    let (entry, record, status) = look(global, command)?;
    if !matches!(status, Status::Created | Status::Running) {
        bail!("cannot pause container \"{}\": it is not running, but {status}", entry.id);
    }
    ask(&entry, &record, &Order::Pause)?;
    Ok(0)
}

/// Lets the processes of a paused container go on.
pub(crate) fn resume(global: &Global, command: &Id) -> Result<u8> {
    let (entry, record, status) = look(global, command)?;
    if status != Status::Paused {
        bail!("cannot resume container \"{}\": it is not paused, but {status}", entry.id);
    }
    ask(&entry, &record, &Order::Resume)?;
    Ok(0)
}

fn look(global: &Global, command: &Id) -> Result<(Entry, Record, Status)> {
    let entry = Store::new(global).open(&command.id)?;
    let record = entry.read()?;
    let status = entry.status(&record);
    Ok((entry, record, status))
}
