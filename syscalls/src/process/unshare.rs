//! `unshare(2)`, `setns(2)`.

use crate::arg::Fd;
use abi::Errno;
use abi::sched::CloneFlags;
use fs::proc::NamespaceFile;
use kernel::pidfd::PidFd;
use kernel::{CurrentTask, Namespace, Task};

/// `unshare(2)`.
pub(crate) fn unshare(task: &mut CurrentTask, flags: u64) -> Result<(), Errno> {
    task.unshare(CloneFlags::from_bits_retain(flags))
}

/// `setns(2)`: by a descriptor of a namespace, or by a pidfd with a mask of kinds.
pub(crate) fn setns(task: &mut CurrentTask, fd: Fd, kinds: u32) -> Result<(), Errno> {
    let file = task.fds().get(fd.0)?;
    let kinds = CloneFlags::from_bits_retain(kinds.into());
    if let Some(NamespaceFile(namespace)) = file.downcast::<NamespaceFile>() {
        if !kinds.is_empty() && kinds != namespace.kind() {
            return Err(Errno::EINVAL);
        }
        return task.enter(std::slice::from_ref(namespace));
    }
    let pidfd = file.downcast::<PidFd>().ok_or(Errno::EINVAL)?;
    if kinds.is_empty() || !CloneFlags::NAMESPACES.contains(kinds) {
        return Err(Errno::EINVAL);
    }
    let target = pidfd.thread().cloned().or_else(|| pidfd.group().leader()).ok_or(Errno::ESRCH)?;
    if !target.is_live() {
        return Err(Errno::ESRCH);
    }
    if !task.may_look_into(&target) {
        return Err(Errno::EPERM);
    }
    let all = namespaces_of(&target)?;
    let wanted: Vec<Namespace> = all.into_iter().filter(|namespace| kinds.contains(namespace.kind())).collect();
    task.enter(&wanted)
}

/// The namespaces that a live task is in: `ESRCH`.
fn namespaces_of(task: &Task) -> Result<[Namespace; 8], Errno> {
    let own = task.attributes().namespaces;
    Ok([
        Namespace::User(task.creds().user_ns.clone()),
        Namespace::Mount(task.fs().ok_or(Errno::ESRCH)?.namespace()),
        Namespace::Uts(own.uts),
        Namespace::Ipc(own.ipc),
        Namespace::Pid(task.pid_namespace()),
        Namespace::Cgroup(own.cgroup),
        Namespace::Net(own.net),
        Namespace::Time(own.time),
    ])
}
