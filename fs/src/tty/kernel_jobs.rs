//! The processes of the sandbox as terminals need them.

use super::jobs::Jobs;
use super::pty::Pty;
use abi::signal::SigInfo;
use kernel::{Kernel, PidNamespace, ProcessGroup, Session, Task, Terminal};
use std::any::Any;
use std::sync::{Arc, Weak};
use vfs::Caller;

/// [`Jobs`] over the process tree.
pub struct KernelJobs {
    /// The kernel owns the terminals.
    kernel: Weak<Kernel>,
}

impl KernelJobs {
    /// Over the processes of `kernel`.
    pub fn new(kernel: &Arc<Kernel>) -> Arc<Self> {
        Arc::new(Self { kernel: Arc::downgrade(kernel) })
    }

    fn session(&self, id: i32) -> Option<Arc<Session>> {
        let kernel = self.kernel.upgrade()?;
        let tree = kernel.tree();
        tree.session(kernel.root_pids(), id)
    }

    fn group(&self, id: i32) -> Option<Arc<ProcessGroup>> {
        let kernel = self.kernel.upgrade()?;
        let tree = kernel.tree();
        tree.process_group(kernel.root_pids(), id)
    }
}

fn namespace(caller: &Caller) -> Option<Arc<PidNamespace>> {
    Task::of(caller).map(Task::pid_namespace)
}

impl Jobs for KernelJobs {
    fn signal_group(&self, group: i32, signal: u8) {
        if let Some(kernel) = self.kernel.upgrade() {
            kernel.signal_process_group(group, SigInfo::kernel(signal));
        }
    }

    fn signal_leader(&self, session: i32, signal: u8) {
        if let Some(leader) = self.kernel.upgrade().and_then(|kernel| kernel.group(session)) {
            leader.send(SigInfo::kernel(signal));
        }
    }

    fn session_of_group(&self, group: i32) -> Option<i32> {
        Some(self.group(group)?.session().id().root())
    }

    fn id_for(&self, caller: &Caller, id: i32) -> i32 {
        let Some(namespace) = namespace(caller) else { return 0 };
        self.group(id).map_or(0, |group| group.id().within(&namespace))
    }

    fn group_from(&self, caller: &Caller, id: i32) -> Option<i32> {
        let namespace = namespace(caller)?;
        let kernel = self.kernel.upgrade()?;
        let tree = kernel.tree();
        Some(tree.process_group(&namespace, id)?.id().root())
    }

    fn terminal(&self, session: i32) -> Option<Arc<Pty>> {
        let terminal: Arc<dyn Any + Send + Sync> = self.session(session)?.terminal()?;
        terminal.downcast().ok()
    }

    fn set_terminal(&self, session: i32, terminal: Option<Arc<Pty>>) {
        if let Some(session) = self.session(session) {
            let old = session.set_terminal(terminal.map(|pty| pty as Arc<dyn Terminal>));
            drop(old);
        }
    }

    fn set_foreground(&self, session: i32, group: i32) {
        if let (Some(session), Some(group)) = (self.session(session), self.group(group)) {
            session.set_foreground(&group);
        }
    }
}

impl Terminal for Pty {
    fn device(&self) -> u64 {
        Self::device(self)
    }

    fn attached(&self, session: i32, foreground: i32) {
        self.control_session(session, foreground);
    }

    /// The session is over. A pseudoterminal's files live on: who still has them may use them.
    fn hang_up(&self) {
        self.forget_session();
    }

    fn kill(&self) {
        Self::hang_up(self);
    }
}
