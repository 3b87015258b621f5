//! Yama: who may trace whom beyond what their rights say (admin-guide/LSM/Yama).

use crate::kernel::Kernel;
use crate::task::{CurrentTask, Task, ThreadGroup};
use crate::tree::Tree;
use abi::Errno;
use std::sync::{Arc, Weak};
use vfs::Capability;

/// `PR_SET_PTRACER_ANY`: -1 of an `int`.
const ANYBODY: u32 = u32::MAX;

/// `kernel.yama.ptrace_scope`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Rights alone count.
    #[default]
    Classic,
    /// Descendants, and those that have named the tracer.
    Restricted,
    /// `CAP_SYS_PTRACE` is needed.
    Admin,
    /// Nobody, and for good.
    Nobody,
}

impl Scope {
    /// All, by their numbers.
    pub const ALL: [Self; 4] = [Self::Classic, Self::Restricted, Self::Admin, Self::Nobody];
}

/// Who else may trace a process: `PR_SET_PTRACER`.
#[derive(Clone, Debug, Default)]
pub enum Ptracer {
    /// Nobody else.
    #[default]
    Nobody,
    /// Everybody.
    Anybody,
    /// A process and its descendants, while it lives.
    Process(Weak<ThreadGroup>),
}

impl Kernel {
    /// `kernel.yama.ptrace_scope`.
    pub fn ptrace_scope(&self) -> Scope {
        *self.ptrace_scope.lock()
    }

    /// Sets `kernel.yama.ptrace_scope`. `EINVAL`: the last one cannot be left.
    pub fn set_ptrace_scope(&self, scope: Scope) -> Result<(), Errno> {
        let mut current = self.ptrace_scope.lock();
        if *current == Scope::Nobody && scope != Scope::Nobody {
            return Err(Errno::EINVAL);
        }
        *current = scope;
        Ok(())
    }
}

impl Tree {
    /// The process is `ancestor`, or descends from it.
    fn descends(&self, group: &Arc<ThreadGroup>, ancestor: &Arc<ThreadGroup>) -> bool {
        let mut at = Some(group.pid().root());
        while let Some(node) = at.and_then(|id| self.node(id)) {
            if Arc::ptr_eq(&node.group, ancestor) {
                return true;
            }
            at = node.parent;
        }
        false
    }
}

impl CurrentTask {
    /// Yama lets this task trace another one that it has the rights to trace.
    pub(crate) fn is_let_trace(&self, other: &Task) -> bool {
        let is_capable = || self.creds().has_in(&other.creds().user_ns, Capability::SysPtrace);
        match self.kernel().ptrace_scope() {
            Scope::Classic => true,
            Scope::Restricted => is_capable() || self.is_related(other),
            Scope::Admin => is_capable(),
            Scope::Nobody => false,
        }
    }

    fn is_related(&self, other: &Task) -> bool {
        let ptracer = other.group().ptracer.lock().clone();
        let tree = self.kernel().tree();
        if tree.descends(other.group(), self.group()) {
            return true;
        }
        match ptracer {
            Ptracer::Nobody => false,
            Ptracer::Anybody => true,
            Ptracer::Process(named) => named.upgrade().is_some_and(|named| tree.descends(self.group(), &named)),
        }
    }

    /// `PR_SET_PTRACER`: 0 is nobody, -1 everybody. `EINVAL`: no such process.
    pub fn set_ptracer(&self, id: u64) -> Result<(), Errno> {
        let ptracer = match id {
            0 => Ptracer::Nobody,
            _ if id as u32 == ANYBODY => Ptracer::Anybody,
            _ => {
                let namespace = self.task().pid_namespace();
                let named = self.kernel().tree().group_of_any(&namespace, id as i32).ok_or(Errno::EINVAL)?;
                Ptracer::Process(Arc::downgrade(&named))
            }
        };
        *self.group().ptracer.lock() = ptracer;
        Ok(())
    }
}

/// Yama lets the parent of a process become its tracer (`PTRACE_TRACEME`).
pub(crate) fn lets_parent_trace(tracee: &Task, tracer: &Task) -> bool {
    match tracee.kernel().ptrace_scope() {
        Scope::Classic | Scope::Restricted => true,
        Scope::Admin => tracer.creds().has_in(&tracee.creds().user_ns, Capability::SysPtrace),
        Scope::Nobody => false,
    }
}
