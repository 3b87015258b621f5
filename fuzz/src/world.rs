//! A process that nothing happens to, for targets that need a caller.

use std::sync::Arc;
use sync::WaitWord;
use vfs::{Caller, Credentials, ProcessView, UserNamespace};

struct Process;

impl ProcessView for Process {
    fn tid(&self) -> i32 {
        7
    }
    fn pid(&self) -> i32 {
        7
    }
    fn session(&self) -> i32 {
        7
    }
    fn process_group(&self) -> i32 {
        7
    }
    fn is_group_orphaned(&self) -> bool {
        false
    }
    fn is_signal_ignored(&self, _signal: u8) -> bool {
        false
    }
    fn signal_own_group(&self, _signal: u8) {}
    fn signal_self(&self, _signal: u8) {}
    fn limit(&self, _resource: u32) -> u64 {
        1024
    }
    fn umask(&self) -> u32 {
        0o22
    }
}

/// Root of a user namespace of its own.
pub(crate) fn caller(user_ns: &Arc<UserNamespace>) -> Caller {
    Caller {
        creds: Arc::new(Credentials::root(user_ns.clone())),
        word: Arc::new(WaitWord::new()),
        process: Arc::new(Process),
    }
}
