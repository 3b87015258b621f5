//! `recv(2)`: `recvfrom`, `recvmsg`, `recvmmsg`.

use super::header::{self, Header};
use super::send::flags;
use super::{address, call, control, file, socket_of};
use crate::arg::Fd;
use crate::file::range;
use abi::Errno;
use abi::socket::{MmsgHdr, MsgFlags, MsgHdr};
use abi::time::Timespec;
use kernel::CurrentTask;
use mm::{UserAddr, UserMemory, UserPtr, UserSink};
use net::Incoming;
use std::mem::offset_of;
use std::time::Duration;
use sync::{Deadline, Fail};
use vfs::OpenFile;

/// `recvfrom(2)`.
pub(crate) fn recvfrom(
    task: &mut CurrentTask,
    fd: Fd,
    buf: UserAddr,
    len: usize,
    flags: u32,
    from: UserAddr,
    fromlen: UserPtr<i32>,
) -> Result<usize, Fail> {
    let ranges = range(buf, len)?;
    let file = task.fds().get(fd.0)?;
    let socket = socket_of(&file)?;
    let memory = &**task.mm();
    let flags = MsgFlags::from_bits_retain(flags);
    let mut call = call(task, &file);
    call.nonblock |= flags.contains(MsgFlags::DONTWAIT);
    let mut message = Incoming::new(flags);
    let received = socket.receive(&call, &mut UserSink::new(memory, ranges), &mut message)?;
    if !from.is_null() {
        let address = message.from.as_ref().map(net::Address::as_bytes).unwrap_or_default();
        address::write(memory, address, from, fromlen)?;
    }
    Ok(received)
}

/// Receives one message.
fn receive_one(task: &CurrentTask, file: &OpenFile, at: UserPtr<MsgHdr>, flags: MsgFlags) -> Result<usize, Fail> {
    let socket = socket_of(file)?;
    let memory = &**task.mm();
    let Header { name, ranges, control, controllen, .. } = header::read(task, at)?;
    let mut call = call(task, file);
    call.nonblock |= flags.contains(MsgFlags::DONTWAIT);
    let mut message = Incoming::new(flags);
    let received = socket.receive(&call, &mut UserSink::new(memory, ranges), &mut message)?;
    let mut writer = control::Writer::new(task, control, controllen, flags);
    for control in message.controls {
        writer.put(control);
    }
    let field = |offset: usize| at.addr().offset(offset as u64);
    let namelen = UserPtr::<i32>::new(field(offset_of!(MsgHdr, namelen))?);
    if !name.is_null() {
        let address = message.from.as_ref().map(net::Address::as_bytes).unwrap_or_default();
        address::write(memory, address, name, namelen)?;
    }
    let mut out = message.out | flags & MsgFlags::CMSG_CLOEXEC;
    out.set(MsgFlags::CTRUNC, writer.is_cut);
    // Length of the control messages and flags are neighbours.
    let mut tail = [0; 12];
    tail[..8].copy_from_slice(&(writer.used as u64).to_ne_bytes());
    tail[8..].copy_from_slice(&out.bits().to_ne_bytes());
    UserMemory::write(memory, field(offset_of!(MsgHdr, controllen))?, &tail)?;
    Ok(received)
}

/// `recvmsg(2)`.
pub(crate) fn recvmsg(task: &mut CurrentTask, fd: Fd, message: UserPtr<MsgHdr>, bits: u32) -> Result<usize, Fail> {
    let flags = flags(bits)?;
    let file = file(task, fd)?;
    receive_one(task, &file, message, flags)
}

/// Time until which `recvmmsg(2)` goes on: `EFAULT`, `EINVAL`. Checked after each message only.
fn deadline(task: &CurrentTask, timeout: UserPtr<Timespec>) -> Result<Option<Deadline>, Errno> {
    let Some(timeout) = timeout.optional() else { return Ok(None) };
    let time = timeout.read(&**task.mm())?;
    if time.sec < 0 || !(0..1_000_000_000).contains(&time.nsec) {
        return Err(Errno::EINVAL);
    }
    Ok(Deadline::after(Duration::new(time.sec as u64, time.nsec as u32)))
}

/// `recvmmsg(2)`.
pub(crate) fn recvmmsg(
    task: &mut CurrentTask,
    fd: Fd,
    messages: UserPtr<MmsgHdr>,
    count: u32,
    bits: u32,
    timeout: UserPtr<Timespec>,
) -> Result<u32, Fail> {
    let mut flags = flags(bits)?;
    let deadline = deadline(task, timeout)?;
    let file = file(task, fd)?;
    let mut received = 0;
    while received < count {
        let step = messages.at(received as usize).map_err(Fail::Errno).and_then(|at| {
            let bytes = receive_one(task, &file, UserPtr::new(at.addr()), flags - MsgFlags::WAITFORONE)?;
            let len = UserPtr::<u32>::new(at.addr().offset(offset_of!(MmsgHdr, len) as u64)?);
            Ok(len.give(&**task.mm(), &(bytes as u32))?)
        });
        match step {
            Ok(()) => received += 1,
            Err(_) if received > 0 => break,
            Err(fail) => return Err(fail),
        }
        flags.set(MsgFlags::DONTWAIT, flags.intersects(MsgFlags::WAITFORONE | MsgFlags::DONTWAIT));
        if deadline.is_some_and(|deadline| deadline.left().is_zero()) {
            break;
        }
    }
    if let (Some(deadline), Some(timeout)) = (deadline, timeout.optional()) {
        let left = deadline.left();
        let left = Timespec { sec: left.as_secs() as i64, nsec: i64::from(left.subsec_nanos()) };
        timeout.give(&**task.mm(), &left)?;
    }
    Ok(received)
}
