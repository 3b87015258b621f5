//! `bind(2)`, `connect(2)`, `getsockname(2)`, `getpeername(2)`, `shutdown(2)`.

use super::{address, call, file, socket_of};
use crate::arg::Fd;
use abi::Errno;
use kernel::CurrentTask;
use mm::{UserAddr, UserPtr};
use sync::Fail;

/// `bind(2)`.
pub(crate) fn bind(task: &mut CurrentTask, fd: Fd, addr: UserAddr, len: i32) -> Result<(), Errno> {
    let file = file(task, fd)?;
    let address = address::read(&**task.mm(), addr, len)?;
    socket_of(&file)?.bind(&call(task, &file), address.as_bytes())
}

/// `connect(2)`.
pub(crate) fn connect(task: &mut CurrentTask, fd: Fd, addr: UserAddr, len: i32) -> Result<(), Fail> {
    let file = file(task, fd)?;
    let address = address::read(&**task.mm(), addr, len)?;
    socket_of(&file)?.connect(&call(task, &file), address.as_bytes())
}

/// `getsockname(2)`.
pub(crate) fn getsockname(task: &mut CurrentTask, fd: Fd, addr: UserAddr, len: UserPtr<i32>) -> Result<(), Errno> {
    let file = file(task, fd)?;
    let own = socket_of(&file)?.local_address()?;
    address::write(&**task.mm(), own.as_bytes(), addr, len)
}

/// `getpeername(2)`.
pub(crate) fn getpeername(task: &mut CurrentTask, fd: Fd, addr: UserAddr, len: UserPtr<i32>) -> Result<(), Errno> {
    let file = file(task, fd)?;
    let peer = socket_of(&file)?.peer_address()?;
    address::write(&**task.mm(), peer.as_bytes(), addr, len)
}

/// `shutdown(2)`.
pub(crate) fn shutdown(task: &mut CurrentTask, fd: Fd, how: i32) -> Result<(), Errno> {
    let file = file(task, fd)?;
    socket_of(&file)?.shutdown(how)
}
