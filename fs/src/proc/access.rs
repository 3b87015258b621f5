//! Who may look into a process: `ptrace(2)`, "Ptrace access mode checking".

use abi::Errno;
use kernel::Task;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use vfs::{Caller, Capability};

/// `PTRACE_MODE_READ_FSCREDS`.
pub(super) fn may_read(caller: &Caller, task: &Arc<Task>) -> bool {
    if caller.process.pid() == task.group().pid().root() {
        return true;
    }
    let (own, its) = (&caller.creds, task.creds());
    let is_capable = own.has_in(&its.user_ns, Capability::SysPtrace);
    let (uid, gid) = (own.fsuid, own.fsgid);
    let is_same = [its.uid, its.euid, its.suid].iter().all(|&id| id == uid)
        && [its.gid, its.egid, its.sgid].iter().all(|&id| id == gid);
    if !is_capable && (!is_same || !task.group().is_dumpable.load(Relaxed)) {
        return false;
    }
    // A process with capabilities that the caller lacks is out of reach.
    is_capable || (Arc::ptr_eq(&own.user_ns, &its.user_ns) && its.permitted & !own.permitted == 0)
}

/// As [`may_read`], for files that refuse with `EACCES`.
pub(super) fn check_read(caller: &Caller, task: &Arc<Task>) -> Result<(), Errno> {
    if may_read(caller, task) { Ok(()) } else { Err(Errno::EACCES) }
}
