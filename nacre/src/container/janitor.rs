//! Cleans up after a command that is killed while it makes or keeps a container.

use super::process_id::ProcessId;
use super::record::Record;
use super::store::Store;
use crate::error::{Result, Try};
use host::launch::{Child, close_others, fork, leave_session};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Signal, pidfd_send_signal};
use std::os::fd::{AsFd as _, OwnedFd};

/// Seconds that the sandbox is given to end.
const PATIENCE: i64 = 10;

/// A process that waits for the end of this one. Dropping it sends it away and waits until it is gone.
pub(super) struct Janitor {
    child: Child,
    line: Option<OwnedFd>,
}

impl Janitor {
    /// Starts it for a container that this process, `keeper`, is going to make. What is to be removed it reads from
    /// the record.
    pub(super) fn start(store: &Store, id: &str, keeper: Option<ProcessId>) -> Result<Self> {
        let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC).map(|(read, write)| (write, read)).to("make a pipe")?;
        let child = fork(|| {
            watch(store, id, keeper, &theirs);
            0
        })?;
        Ok(Self { child, line: Some(ours) })
    }
}

impl Janitor {
    /// Sends it away: nothing is left to clean up.
    pub(super) fn dismiss(&mut self) {
        if let Some(line) = self.line.take() {
            // Should it be gone already it is not needed any more.
            let _ = rustix::io::write(&line, b"done");
        }
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        self.dismiss();
        let _ = self.child.wait();
    }
}

fn watch(store: &Store, id: &str, keeper: Option<ProcessId>, line: &OwnedFd) {
    // Whatever fails here leaves more open than needed, which does not hurt.
    let _ = leave_session();
    let _ = close_others(&[line.as_fd()]);
    let mut byte = [0];
    loop {
        match rustix::io::read(line, &mut byte) {
            Err(rustix::io::Errno::INTR) => {}
            // Sent away.
            Ok(1..) => return,
            _ => break,
        }
    }
    let Ok(entry) = store.open(id) else { return };
    match entry.read() {
        Ok(record) if record.keeper.is_some() && record.keeper == keeper => {
            end(&record);
            // Nobody is left to tell.
            let _ = entry.remove(Some(&record));
        }
        // Another one's, or one that was let go.
        Ok(_) => {}
        // Killed before the first record was written.
        Err(_) => {
            entry.remove_if_abandoned();
        }
    }
}

/// Ends the sandbox.
fn end(record: &Record) {
    let Some(pidfd) = record.sentry.and_then(ProcessId::open) else { return };
    let _ = pidfd_send_signal(&pidfd, Signal::KILL);
    let patience = Timespec { tv_sec: PATIENCE, tv_nsec: 0 };
    let _ = poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&patience));
}
