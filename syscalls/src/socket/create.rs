//! `socket(2)`, `socketpair(2)`.

use abi::Errno;
use abi::socket::{SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_TYPE_MASK};
use kernel::CurrentTask;
use mm::UserPtr;
use net::{Call, NetNamespace, Socket};
use std::sync::Arc;

/// Takes the flags out of a type argument: type, non-blocking, close-on-exec. `EINVAL`.
fn split(kind: i32) -> Result<(i32, bool, bool), Errno> {
    let flags = kind & !SOCK_TYPE_MASK;
    if flags & !(SOCK_NONBLOCK | SOCK_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    Ok((kind & SOCK_TYPE_MASK, flags & SOCK_NONBLOCK != 0, flags & SOCK_CLOEXEC != 0))
}

/// The task's network namespace.
fn net(task: &CurrentTask) -> Arc<NetNamespace> {
    task.task().with_attributes(|attributes| attributes.namespaces.net.clone())
}

const fn call(task: &CurrentTask, nonblock: bool) -> Call<'_> {
    Call { caller: task.caller(), fs: None, nonblock }
}

/// `socket(2)`.
pub(crate) fn socket(task: &mut CurrentTask, family: i32, kind: i32, protocol: i32) -> Result<i32, Errno> {
    let (kind, nonblock, cloexec) = split(kind)?;
    let socket = Socket::create(&call(task, nonblock), &net(task), family, kind, protocol)?;
    task.fds().insert(task.caller(), socket.into_file(nonblock), cloexec)
}

/// `socketpair(2)`.
pub(crate) fn socketpair(
    task: &mut CurrentTask,
    family: i32,
    kind: i32,
    protocol: i32,
    fds: UserPtr<[i32; 2]>,
) -> Result<(), Errno> {
    let (kind, nonblock, cloexec) = split(kind)?;
    let one = task.fds().reserve(task.caller(), 0, cloexec)?;
    let two = task.fds().reserve(task.caller(), 0, cloexec)?;
    fds.give(&**task.mm(), &[one.fd(), two.fd()])?;
    let (first, second) = Socket::pair(&call(task, nonblock), &net(task), family, kind, protocol)?;
    one.install(first.into_file(nonblock));
    two.install(second.into_file(nonblock));
    Ok(())
}
