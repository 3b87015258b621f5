//! Who asks for file operations before there is a process.

use std::sync::Arc;
use sync::WaitWord;
use vfs::{Caller, Credentials, ProcessView};

/// Nobody's process.
struct Outside;

impl ProcessView for Outside {
    fn tid(&self) -> i32 {
        0
    }
    fn pid(&self) -> i32 {
        0
    }
    /// None: it has no terminal and gets none.
    fn session(&self) -> i32 {
        -1
    }
    fn process_group(&self) -> i32 {
        0
    }
    fn is_group_orphaned(&self) -> bool {
        true
    }
    fn is_signal_ignored(&self, _signal: u8) -> bool {
        true
    }
    fn signal_own_group(&self, _signal: u8) {}
    fn signal_self(&self, _signal: u8) {}
    fn limit(&self, _resource: u32) -> u64 {
        u64::MAX
    }
    fn umask(&self) -> u32 {
        0
    }
}

/// A caller with these credentials.
pub(super) fn caller(creds: Credentials) -> Caller {
    Caller { creds: Arc::new(creds), word: Arc::new(WaitWord::new()), process: Arc::new(Outside) }
}
