//! `read(2)`, `write(2)`, `pread(2)`, `readv(2)`, `preadv2(2)` and their writing twins.

use crate::arg::Fd;
use abi::Errno;
use abi::fs::{Iovec, OpenFlags};
use kernel::CurrentTask;
use mm::{Ranges, UserAddr, UserPtr, UserSink, UserSlice, UserSource};
use sync::Fail;

/// Most bytes that one call moves.
const MAX_RW: usize = 0x7fff_f000;
/// Most ranges of one call.
const IOV_MAX: usize = 1024;
/// Addresses from here on are never the application's.
const TASK_SIZE: u64 = 1 << 47;

const RWF_DSYNC: u32 = 2;
const RWF_SYNC: u32 = 4;
const RWF_NOWAIT: u32 = 8;
const RWF_APPEND: u32 = 16;
const RWF_HIPRI: u32 = 1;
const RWF_NOAPPEND: u32 = 32;

/// A buffer argument; what ends outside of the application's part of memory is `EFAULT` at once.
pub(crate) fn range(addr: UserAddr, len: usize) -> Result<Ranges, Errno> {
    let len = len.min(MAX_RW);
    match addr.0.checked_add(len as u64) {
        Some(end) if end <= TASK_SIZE => Ok(UserSlice::new(addr, len).into()),
        _ => Err(Errno::EFAULT),
    }
}

/// An array of ranges: `EINVAL`, `EFAULT`. All of it is at most [`MAX_RW`] bytes.
pub(crate) fn ranges(task: &CurrentTask, iov: UserAddr, count: u64) -> Result<Vec<UserSlice>, Errno> {
    let count = usize::try_from(count).ok().filter(|&count| count <= IOV_MAX).ok_or(Errno::EINVAL)?;
    let list = UserPtr::<Iovec>::new(iov).read_array(&**task.mm(), count)?;
    let mut room = MAX_RW;
    let mut ranges = Vec::with_capacity(list.len());
    for iovec in list {
        if i64::try_from(iovec.len).is_err() {
            return Err(Errno::EINVAL);
        }
        let len = room.min(iovec.len as usize);
        if iovec.base.checked_add(len as u64).is_none_or(|end| end > TASK_SIZE) {
            return Err(Errno::EFAULT);
        }
        room -= len;
        ranges.push(UserSlice::new(UserAddr(iovec.base), len));
    }
    Ok(ranges)
}

/// Notes a call that reads for /proc/PID/io.
fn counted_read(task: &CurrentTask, result: Result<usize, Fail>) -> Result<usize, Fail> {
    task.count_read(result.as_ref().ok().copied());
    result
}

/// Notes a call that writes for /proc/PID/io.
fn counted_write(task: &CurrentTask, result: Result<usize, Fail>) -> Result<usize, Fail> {
    task.count_write(result.as_ref().ok().copied());
    result
}

fn read_ranges(task: &CurrentTask, fd: Fd, ranges: impl FnOnce() -> Result<Ranges, Errno>) -> Result<usize, Fail> {
    let file = task.fds().get(fd.0)?;
    if !file.is_readable() {
        return Err(Errno::EBADF.into());
    }
    let mut sink = UserSink::new(&**task.mm(), ranges()?);
    counted_read(task, file.read(task.caller(), &mut sink, OpenFlags::empty()))
}

fn write_ranges(task: &CurrentTask, fd: Fd, ranges: impl FnOnce() -> Result<Ranges, Errno>) -> Result<usize, Fail> {
    let file = task.fds().get(fd.0)?;
    if !file.is_writable() {
        return Err(Errno::EBADF.into());
    }
    let mut source = UserSource::new(&**task.mm(), ranges()?);
    counted_write(task, file.write(task.caller(), &mut source, OpenFlags::empty()))
}

fn offset(offset: i64) -> Result<u64, Errno> {
    u64::try_from(offset).map_err(|_| Errno::EINVAL)
}

fn read_ranges_at(
    task: &CurrentTask,
    fd: Fd,
    at: i64,
    extra: OpenFlags,
    ranges: impl FnOnce() -> Result<Ranges, Errno>,
) -> Result<usize, Fail> {
    let at = offset(at)?;
    let file = task.fds().get(fd.0)?;
    let mut sink = UserSink::new(&**task.mm(), ranges()?);
    counted_read(task, file.read_at(task.caller(), &mut sink, at, extra))
}

fn write_ranges_at(
    task: &CurrentTask,
    fd: Fd,
    at: i64,
    extra: OpenFlags,
    ranges: impl FnOnce() -> Result<Ranges, Errno>,
) -> Result<usize, Fail> {
    let at = offset(at)?;
    let file = task.fds().get(fd.0)?;
    let mut source = UserSource::new(&**task.mm(), ranges()?);
    counted_write(task, file.write_at(task.caller(), &mut source, at, extra))
}

/// `read(2)`.
pub(crate) fn read(task: &mut CurrentTask, fd: Fd, addr: UserAddr, len: usize) -> Result<usize, Fail> {
    read_ranges(task, fd, || range(addr, len))
}

/// `write(2)`.
pub(crate) fn write(task: &mut CurrentTask, fd: Fd, addr: UserAddr, len: usize) -> Result<usize, Fail> {
    write_ranges(task, fd, || range(addr, len))
}

/// `pread(2)`.
pub(crate) fn pread64(task: &mut CurrentTask, fd: Fd, addr: UserAddr, len: usize, at: i64) -> Result<usize, Fail> {
    read_ranges_at(task, fd, at, OpenFlags::empty(), || range(addr, len))
}

/// `pwrite(2)`.
pub(crate) fn pwrite64(task: &mut CurrentTask, fd: Fd, addr: UserAddr, len: usize, at: i64) -> Result<usize, Fail> {
    write_ranges_at(task, fd, at, OpenFlags::empty(), || range(addr, len))
}

/// `readv(2)`.
pub(crate) fn readv(task: &mut CurrentTask, fd: Fd, iov: UserAddr, count: u64) -> Result<usize, Fail> {
    read_ranges(task, fd, || Ok(ranges(task, iov, count)?.into()))
}

/// `writev(2)`.
pub(crate) fn writev(task: &mut CurrentTask, fd: Fd, iov: UserAddr, count: u64) -> Result<usize, Fail> {
    write_ranges(task, fd, || Ok(ranges(task, iov, count)?.into()))
}

/// `preadv(2)`. The offset's high half is of no use on 64 bits.
pub(crate) fn preadv(task: &mut CurrentTask, fd: Fd, iov: UserAddr, count: u64, at: i64) -> Result<usize, Fail> {
    read_ranges_at(task, fd, at, OpenFlags::empty(), || Ok(ranges(task, iov, count)?.into()))
}

/// `pwritev(2)`.
pub(crate) fn pwritev(task: &mut CurrentTask, fd: Fd, iov: UserAddr, count: u64, at: i64) -> Result<usize, Fail> {
    write_ranges_at(task, fd, at, OpenFlags::empty(), || Ok(ranges(task, iov, count)?.into()))
}

/// What `RWF_*` flags add to the file's own; `EOPNOTSUPP` for those not known.
fn extra_flags(flags: u32) -> Result<OpenFlags, Errno> {
    if flags & !(RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND | RWF_HIPRI | RWF_NOAPPEND) != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    if flags & RWF_NOAPPEND != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let mut extra = OpenFlags::empty();
    extra.set(OpenFlags::DSYNC, flags & RWF_DSYNC != 0);
    extra.set(OpenFlags::SYNC, flags & RWF_SYNC != 0);
    extra.set(OpenFlags::NONBLOCK, flags & RWF_NOWAIT != 0);
    extra.set(OpenFlags::APPEND, flags & RWF_APPEND != 0);
    Ok(extra)
}

/// `preadv2(2)`: offset -1 is the file's own.
pub(crate) fn preadv2(
    task: &mut CurrentTask,
    fd: Fd,
    iov: UserAddr,
    count: u64,
    at: i64,
    _high: u64,
    flags: u32,
) -> Result<usize, Fail> {
    if at != -1 {
        let extra = extra_flags(flags)?;
        return read_ranges_at(task, fd, at, extra, || Ok(ranges(task, iov, count)?.into()));
    }
    let file = task.fds().get(fd.0)?;
    if !file.is_readable() {
        return Err(Errno::EBADF.into());
    }
    let mut sink = UserSink::new(&**task.mm(), ranges(task, iov, count)?);
    counted_read(task, file.read(task.caller(), &mut sink, extra_flags(flags)?))
}

/// `pwritev2(2)`.
pub(crate) fn pwritev2(
    task: &mut CurrentTask,
    fd: Fd,
    iov: UserAddr,
    count: u64,
    at: i64,
    _high: u64,
    flags: u32,
) -> Result<usize, Fail> {
    if at != -1 {
        let extra = extra_flags(flags)?;
        return write_ranges_at(task, fd, at, extra, || Ok(ranges(task, iov, count)?.into()));
    }
    let file = task.fds().get(fd.0)?;
    if !file.is_writable() {
        return Err(Errno::EBADF.into());
    }
    let mut source = UserSource::new(&**task.mm(), ranges(task, iov, count)?);
    counted_write(task, file.write(task.caller(), &mut source, extra_flags(flags)?))
}
