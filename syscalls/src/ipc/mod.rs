//! System V IPC and POSIX message queues: `sysvipc(7)`, `mq_overview(7)`.

mod mqueue;
mod msg;
mod sem;
mod shm;

pub(crate) use mqueue::{mq_getsetattr, mq_notify, mq_open, mq_timedreceive, mq_timedsend, mq_unlink};
pub(crate) use msg::{msgctl, msgget, msgrcv, msgsnd};
pub(crate) use sem::{semctl, semget, semop, semtimedop};
pub(crate) use shm::{shmat, shmctl, shmdt, shmget};

use abi::Errno;
use abi::ipc::IpcPerm;
use kernel::CurrentTask;
use kernel::ipc::{Get, IpcNamespace, Object};
use std::sync::Arc;

fn namespace(task: &CurrentTask) -> Arc<IpcNamespace> {
    task.task().attributes().namespaces.ipc
}

/// The caller's process id as it sees it itself.
fn own_pid(task: &CurrentTask) -> i32 {
    task.group().pid().own()
}

fn get<'a>(task: &'a CurrentTask, ns: &'a IpcNamespace, key: i32, flags: i32) -> Get<'a> {
    Get { key, flags, creds: task.creds(), ns: &ns.owner }
}

/// Rights to an object: `EACCES`. `want` are permission bits in all three places.
fn check(task: &CurrentTask, ns: &IpcNamespace, object: &impl Object, want: u32) -> Result<(), Errno> {
    let perm = *object.perm().lock();
    perm.check(task.creds(), &ns.owner, want)
}

/// Rights of the owner or maker: `EPERM`.
fn check_owner(task: &CurrentTask, ns: &IpcNamespace, object: &impl Object) -> Result<(), Errno> {
    let perm = *object.perm().lock();
    perm.check_owner(task.creds(), &ns.owner)
}

/// The ids of `IPC_SET` as kernel ids; `EINVAL`.
fn owner_of(task: &CurrentTask, perm: &IpcPerm) -> Result<(u32, u32), Errno> {
    let users = &task.creds().user_ns;
    let uid = users.kernel_uid(perm.uid).ok_or(Errno::EINVAL)?;
    Ok((uid, users.kernel_gid(perm.gid).ok_or(Errno::EINVAL)?))
}

/// An object's rights with ids as the caller's user namespace names them.
fn shown(task: &CurrentTask, perm: IpcPerm) -> IpcPerm {
    let users = &task.creds().user_ns;
    IpcPerm {
        uid: users.guest_uid(perm.uid),
        gid: users.guest_gid(perm.gid),
        cuid: users.guest_uid(perm.cuid),
        cgid: users.guest_gid(perm.cgid),
        ..perm
    }
}

/// Read permission and write permission for owner, group and others.
const READ: u32 = 0o444;
const WRITE: u32 = 0o222;
