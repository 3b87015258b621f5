//! Callers for the unit tests of filesystems made of code and of terminals.

use std::sync::Arc;
use sync::WaitWord;
use vfs::{Caller, Credentials, ProcessView, UserNamespace};

/// A process that is nothing but its ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) session: i32,
    pub(crate) group: i32,
    pub(crate) ignores: bool,
    pub(crate) is_orphaned: bool,
}

impl ProcessView for Process {
    fn tid(&self) -> i32 {
        self.pid
    }
    fn pid(&self) -> i32 {
        self.pid
    }
    fn session(&self) -> i32 {
        self.session
    }
    fn process_group(&self) -> i32 {
        self.group
    }
    fn is_group_orphaned(&self) -> bool {
        self.is_orphaned
    }
    fn is_signal_ignored(&self, _signal: u8) -> bool {
        self.ignores
    }
    fn signal_own_group(&self, _signal: u8) {}
    fn signal_self(&self, _signal: u8) {}
    fn limit(&self, _resource: u32) -> u64 {
        u64::MAX
    }
    fn umask(&self) -> u32 {
        0o022
    }
}

/// Root in a process.
pub(crate) fn caller_of(process: Process) -> Caller {
    Caller {
        creds: Arc::new(Credentials::root(UserNamespace::root())),
        word: Arc::new(WaitWord::new()),
        process: Arc::new(process),
    }
}

/// Root.
pub(crate) fn caller() -> Caller {
    caller_of(Process::default())
}
