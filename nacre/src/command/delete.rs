//! `nacre delete`.

use crate::cli::{Delete, Global};
use crate::container::{Entry, Moment, ProcessId, Record, Status, Store, run_hooks};
use crate::error::{Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, pidfd_send_signal};

/// Seconds that a killed sandbox is given to end.
const PATIENCE: i64 = 30;

/// Removes a container that has ended.
pub(crate) fn run(global: &Global, command: &Delete) -> Result<u8> {
    let entry = match Store::new(global).open(&command.id) {
        Err(_) if command.force => return Ok(0),
        result => result?,
    };
    if entry.remove_if_abandoned() {
        return Ok(0);
    }
    let record = entry.read()?;
    match entry.status(&record) {
        Status::Stopped => {}
        // Nothing of the guest runs in it yet.
        Status::Created => end(&record)?,
        _ if command.force => end(&record)?,
        status => bail!("cannot delete container \"{}\": it is {status}; kill it first, or use --force", entry.id),
    }
    remove(&entry, &record)?;
    Ok(0)
}

/// Removes what is kept and tells the hooks.
fn remove(entry: &Entry, record: &Record) -> Result<()> {
    entry.remove(Some(record))?;
    run_hooks(record, Moment::Deleted)
}

fn end(record: &Record) -> Result<()> {
    let Some(process) = record.sentry.and_then(ProcessId::open) else { return Ok(()) };
    // It may end by itself just now.
    let _ = pidfd_send_signal(&process, Signal::KILL);
    let patience = Timespec { tv_sec: PATIENCE, tv_nsec: 0 };
    match poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&patience)) {
        Ok(0) => bail!("container \"{}\" does not end within {PATIENCE} seconds of being killed", record.id),
        _ => Ok(()),
    }
}
