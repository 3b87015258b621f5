//! What is counted per user: processes and queued signals (`getrlimit(2)`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// What is counted for one real user id.
#[derive(Debug, Default)]
pub struct User {
    processes: AtomicU64,
    signals: AtomicU64,
}

impl User {
    /// Threads of the user: what `RLIMIT_NPROC` limits.
    pub fn processes(&self) -> u64 {
        self.processes.load(SeqCst)
    }

    /// Signals queued for processes by the user's doing: what `RLIMIT_SIGPENDING` limits.
    pub fn signals(&self) -> u64 {
        self.signals.load(SeqCst)
    }

    /// Counts a thread; given back when dropped.
    pub fn count_process(self: &Arc<Self>) -> ProcessCharge {
        self.processes.fetch_add(1, SeqCst);
        ProcessCharge(Arc::clone(self))
    }

    /// Counts a queued signal unless `limit` are queued; given back when dropped.
    pub fn count_signal(self: &Arc<Self>, limit: u64) -> Option<SignalCharge> {
        let added = self.signals.fetch_update(SeqCst, SeqCst, |n| (n < limit).then_some(n + 1));
        added.is_ok().then(|| SignalCharge(Arc::clone(self)))
    }
}

/// A thread that counts for a user.
#[derive(Debug)]
pub struct ProcessCharge(Arc<User>);

impl Drop for ProcessCharge {
    fn drop(&mut self) {
        self.0.processes.fetch_sub(1, SeqCst);
    }
}

/// A queued signal that counts for a user.
#[derive(Debug)]
pub struct SignalCharge(Arc<User>);

impl Drop for SignalCharge {
    fn drop(&mut self) {
        self.0.signals.fetch_sub(1, SeqCst);
    }
}
