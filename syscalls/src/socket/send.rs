//! `send(2)`: `sendto`, `sendmsg`, `sendmmsg`.

use super::header::{self, Header};
use super::{address, call, control, file, socket_of};
use crate::arg::Fd;
use crate::file::range;
use abi::Errno;
use abi::socket::{ADDRESS_MAX, MmsgHdr, MsgFlags, MsgHdr, UIO_MAXIOV};
use kernel::CurrentTask;
use mm::{UserAddr, UserPtr, UserSource};
use net::Outgoing;
use std::mem::offset_of;
use sync::Fail;
use vfs::OpenFile;

/// `sendto(2)`.
pub(crate) fn sendto(
    task: &mut CurrentTask,
    fd: Fd,
    buf: UserAddr,
    len: usize,
    flags: u32,
    to: UserAddr,
    tolen: i32,
) -> Result<usize, Fail> {
    let ranges = range(buf, len)?;
    let file = task.fds().get(fd.0)?;
    let socket = socket_of(&file)?;
    let memory = &**task.mm();
    let to = if to.is_null() { None } else { Some(address::read(memory, to, tolen)?) };
    let flags = MsgFlags::from_bits_retain(flags);
    let mut call = call(task, &file);
    call.nonblock |= flags.contains(MsgFlags::DONTWAIT);
    let message = Outgoing { to: to.as_ref().map(net::Address::as_bytes), flags, controls: Vec::new() };
    socket.send(&call, &mut UserSource::new(memory, ranges), message)
}

/// Sends one message.
fn send_one(task: &CurrentTask, file: &OpenFile, at: UserPtr<MsgHdr>, flags: MsgFlags) -> Result<usize, Fail> {
    let socket = socket_of(file)?;
    let memory = &**task.mm();
    let Header { name, namelen, ranges, control, controllen } = header::read(task, at)?;
    let to = match namelen {
        0 => None,
        len => Some(address::read(memory, name, len.min(ADDRESS_MAX as i32))?),
    };
    let controls = match controllen {
        0 => Vec::new(),
        len => control::read(task, control, len, socket.common().family)?,
    };
    let mut call = call(task, file);
    call.nonblock |= flags.contains(MsgFlags::DONTWAIT);
    let message = Outgoing { to: to.as_ref().map(net::Address::as_bytes), flags, controls };
    socket.send(&call, &mut UserSource::new(memory, ranges), message)
}

/// Flags of a call with headers: `EINVAL` for those that programs may not give.
pub(super) fn flags(bits: u32) -> Result<MsgFlags, Errno> {
    let flags = MsgFlags::from_bits_retain(bits);
    if flags.contains(MsgFlags::CMSG_COMPAT) { Err(Errno::EINVAL) } else { Ok(flags) }
}

/// `sendmsg(2)`.
pub(crate) fn sendmsg(task: &mut CurrentTask, fd: Fd, message: UserPtr<MsgHdr>, bits: u32) -> Result<usize, Fail> {
    let flags = flags(bits)?;
    let file = file(task, fd)?;
    send_one(task, &file, message, flags)
}

/// `sendmmsg(2)`.
pub(crate) fn sendmmsg(
    task: &mut CurrentTask,
    fd: Fd,
    messages: UserPtr<MmsgHdr>,
    count: u32,
    bits: u32,
) -> Result<u32, Fail> {
    let flags = flags(bits)?;
    let file = file(task, fd)?;
    let count = count.min(UIO_MAXIOV as u32);
    for index in 0..count {
        let step = messages.at(index as usize).map_err(Fail::Errno).and_then(|at| {
            let sent = send_one(task, &file, UserPtr::new(at.addr()), flags)?;
            let len = UserPtr::<u32>::new(at.addr().offset(offset_of!(MmsgHdr, len) as u64)?);
            Ok(len.give(&**task.mm(), &(sent as u32))?)
        });
        match step {
            Ok(()) => {}
            Err(_) if index > 0 => return Ok(index),
            Err(fail) => return Err(fail),
        }
    }
    Ok(count)
}
