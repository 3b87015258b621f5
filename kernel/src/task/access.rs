//! Who may look into whom: `ptrace(2)`, "Ptrace access mode checking".

use super::{CurrentTask, Task};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use vfs::Capability;

impl CurrentTask {
    /// The caller may read and change `other`'s memory and descriptors, and trace it (`PTRACE_MODE_ATTACH_REALCREDS`):
    /// it may look into it, and Yama lets it.
    pub fn may_access(&self, other: &Task) -> bool {
        Arc::ptr_eq(self.group(), other.group()) || self.is_let_trace(other) && self.may_look_into(other)
    }

    /// The caller may see what `other` keeps to itself (`PTRACE_MODE_READ_REALCREDS`): its own process; one that lets
    /// itself be dumped, of the same user and group throughout, with no more capabilities; or `CAP_SYS_PTRACE` over it.
    pub fn may_look_into(&self, other: &Task) -> bool {
        if Arc::ptr_eq(self.group(), other.group()) {
            return true;
        }
        let (ours, theirs) = (self.creds(), other.creds());
        let same_user = [theirs.uid, theirs.euid, theirs.suid].iter().all(|&uid| uid == ours.uid);
        let same_group = [theirs.gid, theirs.egid, theirs.sgid].iter().all(|&gid| gid == ours.gid);
        let covers = theirs.permitted & !ours.permitted == 0;
        let is_open = !other.is_live() || other.group().is_dumpable.load(SeqCst);
        same_user && same_group && covers && is_open || ours.has_in(&theirs.user_ns, Capability::SysPtrace)
    }
}
