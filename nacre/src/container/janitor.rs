//! Cleans up after a command that is killed while it makes or keeps a container.

use super::record::Record;
use super::store::Entry;
use crate::cgroup;
use crate::error::{Result, Try};
use host::launch::{Child, close_others, fork, leave_session};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Signal, pidfd_send_signal};
use std::fs;
use std::os::fd::{AsFd as _, OwnedFd};

/// Seconds that the sandbox is given to end.
const PATIENCE: i64 = 10;

/// A process that waits for the end of this one. Dropping it sends it away.
pub(super) struct Janitor {
    child: Child,
    line: OwnedFd,
}

impl Janitor {
    /// Starts it for a container of this process. What is to be removed it reads from the record.
    pub(super) fn start(entry: &Entry) -> Result<Self> {
        let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC).map(|(read, write)| (write, read)).to("make a pipe")?;
        let child = fork(|| {
            watch(entry, &theirs);
            0
        })?;
        Ok(Self { child, line: ours })
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        // Should it be gone already it is not needed any more.
        let _ = rustix::io::write(&self.line, b"done");
        let _ = self.child.wait();
    }
}

fn watch(entry: &Entry, line: &OwnedFd) {
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
    // The lock went with the descriptors. Nobody else removes what has a keeper until that is dead.
    let record = entry.read().ok();
    if record.as_ref().is_some_and(|record| record.keeper.is_none()) {
        return;
    }
    if let Some(record) = &record {
        end(record);
        let _ = cgroup::remove(&record.cgroups);
    }
    let _ = fs::remove_dir_all(&entry.dir);
}

/// Ends the sandbox.
fn end(record: &Record) {
    let Some(pidfd) = record.sentry.and_then(super::process_id::ProcessId::open) else { return };
    let _ = pidfd_send_signal(&pidfd, Signal::KILL);
    let patience = Timespec { tv_sec: PATIENCE, tv_nsec: 0 };
    let _ = poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&patience));
}
