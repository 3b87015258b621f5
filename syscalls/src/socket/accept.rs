//! `listen(2)`, `accept(2)`, `accept4(2)`.

use super::{address, call, file, socket_of};
use crate::arg::Fd;
use abi::Errno;
use abi::socket::{SOCK_CLOEXEC, SOCK_NONBLOCK};
use kernel::CurrentTask;
use mm::{UserAddr, UserPtr};
use sync::Fail;

/// `listen(2)`.
pub(crate) fn listen(task: &mut CurrentTask, fd: Fd, backlog: i32) -> Result<(), Errno> {
    let file = file(task, fd)?;
    socket_of(&file)?.listen(&call(task, &file), backlog)
}

/// `accept(2)`.
pub(crate) fn accept(task: &mut CurrentTask, fd: Fd, addr: UserAddr, len: UserPtr<i32>) -> Result<i32, Fail> {
    accept4(task, fd, addr, len, 0)
}

/// `accept4(2)`.
pub(crate) fn accept4(
    task: &mut CurrentTask,
    fd: Fd,
    addr: UserAddr,
    len: UserPtr<i32>,
    flags: i32,
) -> Result<i32, Fail> {
    if flags & !(SOCK_NONBLOCK | SOCK_CLOEXEC) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let file = task.fds().get(fd.0)?;
    let socket = socket_of(&file)?;
    let reserved = task.fds().reserve(task.caller(), 0, flags & SOCK_CLOEXEC != 0)?;
    let accepted = socket.accept(&call(task, &file))?;
    if !addr.is_null() {
        let peer = accepted.peer_address().map_err(|_| Errno::ECONNABORTED)?;
        address::write(&**task.mm(), peer.as_bytes(), addr, len)?;
    }
    Ok(reserved.install(accepted.into_file(flags & SOCK_NONBLOCK != 0)))
}
