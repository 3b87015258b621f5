//! What keeps a task from application code.

use crate::ptrace::Event;
use crate::task::CurrentTask;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use sync::WaitWord;

/// What keeps a task from application code.
#[derive(Clone, Debug)]
pub enum Stop {
    /// Its process is stopped by a signal.
    Group,
    /// Its tracer has it: a trap stands with its signals.
    Ptrace,
    /// Its tracer may want to know of this.
    Event(Event),
    /// Its vfork child has not yet let go of its memory.
    Vfork(Arc<Vfork>),
    /// Its container is paused from outside.
    External,
}

/// A parent that waits for its vfork child.
pub struct Vfork {
    is_done: AtomicBool,
    parent: Arc<WaitWord>,
}

impl Vfork {
    /// `parent` is going to wait.
    pub(crate) fn new(parent: Arc<WaitWord>) -> (Arc<Self>, Release) {
        let vfork = Arc::new(Self { is_done: AtomicBool::new(false), parent });
        (vfork.clone(), Release(vfork))
    }
}

impl fmt::Debug for Vfork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vfork({})", if self.is_done.load(SeqCst) { "done" } else { "waiting" })
    }
}

/// Held by a vfork child; dropped, it lets the parent go on.
#[derive(Debug)]
pub(crate) struct Release(Arc<Vfork>);

impl Drop for Release {
    fn drop(&mut self) {
        self.0.is_done.store(true, SeqCst);
        self.0.parent.wake();
    }
}

impl CurrentTask {
    /// Sleeps while a stop lasts. It ends early when the task is killed.
    pub(crate) fn wait_stop(&mut self, stop: &Stop) {
        let word = self.task().word().clone();
        while !word.is_killed() {
            word.arm();
            if matches!(stop, Stop::Ptrace) {
                self.answer_tracer();
            }
            if !self.is_stopped(stop) {
                break;
            }
            let _ = word.sleep_killable(None);
        }
    }

    fn is_stopped(&self, stop: &Stop) -> bool {
        match stop {
            Stop::Group => self.group().signals.lock().is_stopped(self.task().serial()),
            Stop::Ptrace => self.is_trapped(),
            Stop::Event(_) => false,
            Stop::Vfork(vfork) => !vfork.is_done.load(SeqCst),
            Stop::External => self.group().container().is_paused(),
        }
    }
}
