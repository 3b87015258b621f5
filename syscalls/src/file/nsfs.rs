//! Commands of namespaces: `ioctl_ns(2)`.

use abi::Errno;
use abi::ioctl::{NS_GET_MNTNS_ID, NS_GET_NSTYPE, NS_GET_OWNER_UID, NS_GET_PARENT, NS_GET_USERNS};
use kernel::{CurrentTask, Namespace, PidNamespace};
use mm::{UserAddr, UserPtr};
use std::sync::Arc;
use vfs::UserNamespace;

/// Answers a command; `ENOTTY` for others.
pub(super) fn control(task: &CurrentTask, namespace: &Namespace, command: u32, arg: u64) -> Result<u64, Errno> {
    match command {
        NS_GET_USERNS => open(task, Namespace::User(visible(task, namespace.owner())?)),
        NS_GET_PARENT => match namespace {
            Namespace::User(ns) => open(task, Namespace::User(visible(task, ns.parent.clone())?)),
            Namespace::Pid(ns) => open(task, Namespace::Pid(visible_pids(task, ns)?)),
            _ => Err(Errno::EINVAL),
        },
        NS_GET_NSTYPE => Ok(namespace.kind().bits()),
        NS_GET_OWNER_UID => {
            let Namespace::User(ns) = namespace else { return Err(Errno::EINVAL) };
            let uid = task.creds().user_ns.guest_uid(ns.owner);
            UserPtr::new(UserAddr(arg)).give(&**task.mm(), &uid).map(|()| 0)
        }
        NS_GET_MNTNS_ID => {
            let Namespace::Mount(ns) = namespace else { return Err(Errno::EINVAL) };
            UserPtr::new(UserAddr(arg)).give(&**task.mm(), &ns.id().unwrap_or_default()).map(|()| 0)
        }
        _ => Err(Errno::ENOTTY),
    }
}

fn open(task: &CurrentTask, namespace: Namespace) -> Result<u64, Errno> {
    let file = fs::proc::namespace_file(namespace);
    task.fds().insert(task.caller(), file, true).map(|fd| fd as u64)
}

/// The caller sees its own user namespace and those below: `EPERM`.
fn visible(task: &CurrentTask, ns: Option<Arc<UserNamespace>>) -> Result<Arc<UserNamespace>, Errno> {
    ns.filter(|ns| ns.is_within(&task.creds().user_ns)).ok_or(Errno::EPERM)
}

fn visible_pids(task: &CurrentTask, ns: &Arc<PidNamespace>) -> Result<Arc<PidNamespace>, Errno> {
    ns.parent.clone().filter(|ns| ns.is_within(&task.task().pid_namespace())).ok_or(Errno::EPERM)
}
