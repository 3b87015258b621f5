//! Sockets: `socket(2)` and its family.

mod accept;
mod address;
mod control;
mod create;
mod header;
mod name;
mod option;
mod receive;
mod send;

pub(crate) use accept::{accept, accept4, listen};
pub(crate) use create::{socket, socketpair};
pub(crate) use name::{bind, connect, getpeername, getsockname, shutdown};
pub(crate) use option::{getsockopt, setsockopt};
pub(crate) use receive::{recvfrom, recvmmsg, recvmsg};
pub(crate) use send::{sendmmsg, sendmsg, sendto};

use crate::arg::Fd;
use abi::Errno;
use abi::fs::OpenFlags;
use kernel::CurrentTask;
use net::{Call, Socket};
use std::sync::Arc;
use vfs::OpenFile;

/// The open file of a descriptor, which is a socket: `EBADF`, `ENOTSOCK`.
fn file(task: &CurrentTask, fd: Fd) -> Result<Arc<OpenFile>, Errno> {
    let file = task.fds().get(fd.0)?;
    socket_of(&file)?;
    Ok(file)
}

/// The socket that a file is: `ENOTSOCK`.
fn socket_of(file: &OpenFile) -> Result<&Socket, Errno> {
    file.downcast().ok_or(Errno::ENOTSOCK)
}

/// A call of the task on a file.
fn call<'a>(task: &'a CurrentTask, file: &OpenFile) -> Call<'a> {
    let nonblock = file.flags().contains(OpenFlags::NONBLOCK);
    Call { caller: task.caller(), fs: Some(task.fs()), nonblock }
}
