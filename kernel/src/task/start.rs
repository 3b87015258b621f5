//! How a task gets its host thread.

use crate::task::{CurrentTask, Live, Release, Task, host};
use abi::Errno;
use abi::signal::SigStack;
use mm::{UserAddr, UserPtr};
use platform::{Context, Rseq};
use std::sync::Arc;

/// A task that is ready to run, on its way to its host thread.
pub(crate) struct Start {
    pub(crate) task: Arc<Task>,
    pub(crate) live: Live,
    pub(crate) context: Context,
    pub(crate) alt_stack: SigStack,
    pub(crate) clear_child_tid: UserAddr,
    /// Where it stores its own id first of all: `CLONE_CHILD_SETTID`.
    pub(crate) set_child_tid: UserAddr,
    /// What the host has registered for the caller, whose copy it is.
    pub(crate) rseq: Option<Rseq>,
    pub(crate) release: Option<Release>,
}

impl Start {
    /// A task with nothing inherited.
    pub(crate) fn new(task: Arc<Task>, live: Live, context: Context) -> Self {
        Self {
            task,
            live,
            context,
            alt_stack: SigStack { flags: abi::signal::SS_DISABLE, ..SigStack::default() },
            clear_child_tid: UserAddr::NULL,
            set_child_tid: UserAddr::NULL,
            rseq: None,
            release: None,
        }
    }

    /// Gives it a host thread and lets it run. `EAGAIN` when the host has none.
    pub(crate) fn spawn(self) -> Result<(), Errno> {
        host::run(Box::new(move || self.run()))
    }

    fn run(self) {
        let tid = self.task.pid().own();
        let mut current = CurrentTask::new(self.task, self.live, self.context);
        current.alt_stack = self.alt_stack;
        current.clear_child_tid = self.clear_child_tid;
        current.context.set_rseq(self.rseq);
        current.release = self.release;
        if !self.set_child_tid.is_null() {
            // As Linux: a bad address is the program's own affair.
            let _ = UserPtr::<i32>::new(self.set_child_tid).write(&**current.mm(), &tid);
        }
        current.run();
    }
}
