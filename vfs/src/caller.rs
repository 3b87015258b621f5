//! Who asks for a file operation.

use crate::cred::Credentials;
use abi::Errno;
use abi::poll::Events;
use std::sync::Arc;
use sync::{Deadline, Fail, Restart, WaitQueue, WaitWord, Woken};

/// What the vfs may know of the calling process. Implemented by the kernel's task (`Any`: those above may ask for
/// it).
pub trait ProcessView: std::any::Any + Send + Sync {
    /// Thread id in the root pid namespace.
    fn tid(&self) -> i32;
    /// Process id (thread group) in the root pid namespace.
    fn pid(&self) -> i32;
    /// Session id, in the root pid namespace.
    fn session(&self) -> i32;
    /// Process group id, in the root pid namespace.
    fn process_group(&self) -> i32;
    /// The process group has no member whose parent is in the same session but another group.
    fn is_group_orphaned(&self) -> bool;
    /// The signal is blocked by the calling thread or ignored by the process.
    fn is_signal_ignored(&self, signal: u8) -> bool;
    /// Sends a signal to the process group of the caller (terminal job control).
    fn signal_own_group(&self, signal: u8);
    /// Sends a signal to the process itself, from the kernel (`SIGPIPE`, `SIGXFSZ`, `SIGIO`).
    fn signal_self(&self, signal: u8);
    /// Soft limit `RLIMIT_*` of the process; `u64::MAX` is no limit.
    fn limit(&self, resource: u32) -> u64;
    /// The file-creation mask.
    fn umask(&self) -> u32;
}

/// The one who asks: credentials, limits and the word to sleep on. Owned by a task, lent to operations.
#[derive(Clone)]
pub struct Caller {
    /// Identity and rights.
    pub creds: Arc<Credentials>,
    /// What the calling thread sleeps on. Only the calling thread's own word may be here.
    pub word: Arc<WaitWord>,
    /// The process.
    pub process: Arc<dyn ProcessView>,
}

impl Caller {
    /// Blocks until `attempt` gives something, an event of `events` on `queue` being the time to try
    /// again. Ends with `Fail::Interrupted(Restart::Sa)` on a signal, `Fail::Errno(EAGAIN)` at the deadline
    /// (that is what file timeouts report).
    pub fn block<T>(
        &self,
        queue: &WaitQueue,
        events: Events,
        deadline: Option<Deadline>,
        attempt: impl FnMut() -> Option<T>,
    ) -> Result<T, Fail> {
        self.wait(deadline, attempt, || queue.add(events, self.word.clone()), |place| queue.remove(place))
    }

    /// As [`Self::block`] where one event serves one waiter: those who wait are woken in turn, one at a time.
    pub fn block_in_turn<T>(
        &self,
        queue: &WaitQueue,
        events: Events,
        deadline: Option<Deadline>,
        attempt: impl FnMut() -> Option<T>,
    ) -> Result<T, Fail> {
        let leave = |place| {
            queue.remove(place);
            if self.word.is_woken() {
                // This wake-up was for an event that is still there. (Of an end all were told.)
                queue.notify(events - (Events::HUP | Events::ERR));
            }
        };
        self.wait(deadline, attempt, || queue.add_in_turn(events, self.word.clone()), leave)
    }

    /// Sleeps between attempts, where `enter` makes the word known to those who wake it and `leave` ends that. From
    /// `enter` on only a sleep takes note of a wake-up, so that one which an attempt did not need is seen by `leave`.
    fn wait<T, P>(
        &self,
        deadline: Option<Deadline>,
        mut attempt: impl FnMut() -> Option<T>,
        enter: impl FnOnce() -> P,
        leave: impl FnOnce(P),
    ) -> Result<T, Fail> {
        if let Some(value) = attempt() {
            return Ok(value);
        }
        self.word.arm();
        let place = enter();
        let result = loop {
            if let Some(value) = attempt() {
                break Ok(value);
            }
            match self.word.sleep(deadline) {
                Woken::Event => {}
                Woken::Interrupted => break Err(Fail::Interrupted(Restart::Sa)),
                Woken::TimedOut => break Err(Fail::Errno(Errno::EAGAIN)),
            }
        };
        leave(place);
        result
    }

    /// As [`Self::block`] for operations that end with an `Errno`: `attempt` gives `EAGAIN` to wait on.
    /// With `nonblock` that `EAGAIN` is the result.
    pub fn retry<T>(
        &self,
        queue: &WaitQueue,
        events: Events,
        nonblock: bool,
        mut attempt: impl FnMut() -> Result<T, Errno>,
    ) -> Result<T, Fail> {
        if nonblock {
            return attempt().map_err(Fail::Errno);
        }
        self.block(queue, events, None, || ended(attempt()))?.map_err(Fail::Errno)
    }

    /// As [`Self::retry`], in turn.
    pub fn retry_in_turn<T>(
        &self,
        queue: &WaitQueue,
        events: Events,
        nonblock: bool,
        mut attempt: impl FnMut() -> Result<T, Errno>,
    ) -> Result<T, Fail> {
        if nonblock {
            return attempt().map_err(Fail::Errno);
        }
        self.block_in_turn(queue, events, None, || ended(attempt()))?.map_err(Fail::Errno)
    }
}

/// What an attempt gave, unless that is a reason to wait.
pub fn ended<T>(result: Result<T, Errno>) -> Option<Result<T, Errno>> {
    match result {
        Err(Errno::EAGAIN) => None,
        other => Some(other),
    }
}
