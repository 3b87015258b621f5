//! Job control: `setpgid(2)`, `setsid(2)`, controlling terminals.

use crate::kernel::Kernel;
use crate::session::{ProcessGroup, Session};
use crate::task::{CurrentTask, ThreadGroup};
use abi::Errno;
use std::sync::Arc;

impl CurrentTask {
    /// `setpgid(2)`: ids are those of the caller's pid namespace; 0 is the caller, and the process itself.
    pub fn set_process_group(&self, pid: i32, pgid: i32) -> Result<(), Errno> {
        let own = self.group();
        let namespace = own.pid().namespace().clone();
        let pid = if pid == 0 { own.pid().within(&namespace) } else { pid };
        let pgid = if pgid == 0 { pid } else { pgid };
        if pgid < 0 {
            return Err(Errno::EINVAL);
        }
        let mut tree = self.kernel().tree();
        let Some(target) = tree.group(&namespace, pid) else {
            return Err(if tree.task(&namespace, pid).is_some() { Errno::EINVAL } else { Errno::ESRCH });
        };
        let own_session = tree.node_of(own).ok_or(Errno::ESRCH)?.process_group.session().clone();
        let node = tree.node_of(&target).ok_or(Errno::ESRCH)?;
        let session = node.process_group.session().clone();
        if node.parent == Some(own.pid().root()) {
            if !Arc::ptr_eq(&session, &own_session) {
                return Err(Errno::EPERM);
            }
            if node.has_execed {
                return Err(Errno::EACCES);
            }
        } else if !Arc::ptr_eq(&target, own) {
            return Err(Errno::ESRCH);
        }
        if session.id().root() == target.pid().root() {
            return Err(Errno::EPERM);
        }
        let group = match tree.process_group(&namespace, pgid) {
            Some(group) if Arc::ptr_eq(group.session(), &session) => group,
            None if pgid == pid => ProcessGroup::new(target.pid().clone(), session),
            _ => return Err(Errno::EPERM),
        };
        tree.set_process_group(&target, &group);
        Ok(())
    }

    /// `setsid(2)`: the new session's id. `EPERM`: the caller leads a process group.
    pub fn new_session(&self) -> Result<i32, Errno> {
        let own = self.group();
        let mut tree = self.kernel().tree();
        if tree.process_group(self.kernel().root_pids(), own.pid().root()).is_some() {
            return Err(Errno::EPERM);
        }
        let session = Session::new(own.pid().clone());
        let group = ProcessGroup::new(own.pid().clone(), session);
        tree.set_process_group(own, &group);
        Ok(own.pid().own())
    }
}

impl Kernel {
    /// A process group by its id in the root namespace.
    pub fn process_group(&self, id: i32) -> Option<Arc<ProcessGroup>> {
        self.tree().process_group(self.root_pids(), id)
    }

    /// A session by its id in the root namespace.
    pub fn session(&self, id: i32) -> Option<Arc<Session>> {
        self.tree().session(self.root_pids(), id)
    }

    /// The process group has no member whose parent is in the same session but another group.
    pub fn is_orphaned(&self, group: &ProcessGroup) -> bool {
        self.tree().is_orphaned(group, None)
    }

    /// Processes of a group.
    pub fn members(&self, group: &ProcessGroup) -> Vec<Arc<ThreadGroup>> {
        self.tree().members(group)
    }
}
