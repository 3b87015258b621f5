//! Who may send signals to whom: `kill(2)`.

use crate::task::{Task, ThreadGroup};
use crate::tree::Tree;
use abi::Errno;
use abi::signal::{SI_USER, SIGCONT, SigInfo};
use std::sync::Arc;
use vfs::{Capability, Credentials};

/// May `sender` send `signal` (0: just asking) to a thread with credentials `target`, of the same session or not?
/// `EPERM`.
pub fn may_signal(sender: &Credentials, target: &Credentials, signal: u8, same_session: bool) -> Result<(), Errno> {
    let is_same_user = sender.euid == target.suid
        || sender.euid == target.uid
        || sender.uid == target.suid
        || sender.uid == target.uid;
    let is_allowed =
        is_same_user || sender.has_in(&target.user_ns, Capability::Kill) || (signal == SIGCONT && same_session);
    if is_allowed { Ok(()) } else { Err(Errno::EPERM) }
}

impl Task {
    /// The information of a signal that this task sends to a process: `kill(2)`, `tgkill(2)`.
    pub fn signal_info(&self, signal: u8, code: i32, target: &ThreadGroup) -> SigInfo {
        self.signal_info_in(&self.kernel().tree(), signal, code, target)
    }

    fn signal_info_in(&self, tree: &Tree, signal: u8, code: i32, target: &ThreadGroup) -> SigInfo {
        let pid = self.group().pid().within(target.pid().namespace());
        let mut uid = self.creds().uid;
        if self.kernel().has_user_namespaces()
            && let Some(receiver) = tree.tasks_of(target).next()
        {
            uid = receiver.creds().user_ns.guest_uid(uid);
        }
        SigInfo::sent(signal, code, pid, uid)
    }

    /// The target's namespace lies inside of this task's: an init in it cannot refuse SIGKILL and SIGSTOP.
    pub fn is_outside(&self, target: &ThreadGroup) -> bool {
        self.group().pid().within(target.pid().namespace()) == 0
    }

    /// Sends a signal to a process with all checks of `kill(2)`; signal 0 only checks. `EPERM`, `EAGAIN`.
    pub fn kill(&self, target: &ThreadGroup, signal: u8) -> Result<(), Errno> {
        self.kill_in(&self.kernel().tree(), target, signal, false)
    }

    /// Sends a signal to several processes, each with all checks: what came of each. None of them forks meanwhile. A
    /// number that is no signal is an error of each.
    pub fn kill_each(
        &self,
        choose: impl FnOnce(&Tree) -> Vec<Arc<ThreadGroup>>,
        signal: Result<u8, Errno>,
    ) -> Vec<Result<(), Errno>> {
        let tree = self.kernel().tree();
        let send = |target: &Arc<ThreadGroup>| self.kill_in(&tree, target, signal?, true);
        choose(&tree).iter().map(send).collect()
    }

    fn kill_in(&self, tree: &Tree, target: &ThreadGroup, signal: u8, is_to_many: bool) -> Result<(), Errno> {
        self.check_kill_in(tree, target, signal)?;
        let info = self.signal_info_in(tree, signal, SI_USER, target);
        target.send_user_as(info, self.is_outside(target), is_to_many)
    }

    /// May this task send the signal to the process? `EPERM`.
    pub fn check_kill(&self, target: &ThreadGroup, signal: u8) -> Result<(), Errno> {
        self.check_kill_in(&self.kernel().tree(), target, signal)
    }

    fn check_kill_in(&self, tree: &Tree, target: &ThreadGroup, signal: u8) -> Result<(), Errno> {
        if std::ptr::eq(Arc::as_ptr(self.group()), target) {
            return Ok(());
        }
        let Some(leader) = tree.leader_of(target) else { return Err(Errno::ESRCH) };
        let same_session = || match (tree.session_of(self.group()), tree.session_of(target)) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            _ => false,
        };
        may_signal(&self.creds(), &leader.creds(), signal, signal == SIGCONT && same_session())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::signal::SIGTERM;
    use vfs::UserNamespace;

    #[test]
    fn by_ids() {
        let ns = UserNamespace::root();
        let root = Credentials::root(ns);
        let user = |uid: u32, euid: u32| Credentials { uid, euid, suid: euid, effective: 0, ..root.clone() };
        assert!(may_signal(&root, &user(5, 5), SIGTERM, false).is_ok());
        assert!(may_signal(&user(5, 5), &user(5, 0), SIGTERM, false).is_ok());
        assert!(may_signal(&user(5, 5), &user(6, 6), SIGTERM, true).is_err());
        assert!(may_signal(&user(5, 5), &user(6, 6), SIGCONT, true).is_ok());
    }
}
