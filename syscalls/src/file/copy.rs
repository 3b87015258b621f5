//! `sendfile(2)`, `splice(2)`, `tee(2)`, `vmsplice(2)`, `copy_file_range(2)`.

use super::io::ranges;
use crate::arg::Fd;
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use abi::poll::Events;
use kernel::CurrentTask;
use mm::{UserAddr, UserPtr, UserSink, UserSource};
use std::sync::Arc;
use sync::Fail;
use vfs::{OpenFile, splice as moves};

/// Most bytes that one call moves.
const MAX_RW: usize = 0x7fff_f000;
const SPLICE_NONBLOCK: u32 = 2;
const SPLICE_KNOWN: u32 = 0xf;

/// Two open files: one to read, one to write. `EBADF`.
fn pair(task: &CurrentTask, input: Fd, output: Fd) -> Result<(Arc<OpenFile>, Arc<OpenFile>), Errno> {
    let input = task.fds().get(input.0)?;
    if !input.is_readable() {
        return Err(Errno::EBADF);
    }
    let output = task.fds().get(output.0)?;
    if output.is_writable() { Ok((input, output)) } else { Err(Errno::EBADF) }
}

/// An offset argument: `None` for a null pointer; `EINVAL` below zero.
fn read_offset(task: &CurrentTask, pointer: UserPtr<i64>) -> Result<Option<u64>, Errno> {
    let Some(pointer) = pointer.optional() else { return Ok(None) };
    let offset = pointer.read(&**task.mm())?;
    Ok(Some(u64::try_from(offset).map_err(|_| Errno::EINVAL)?))
}

fn write_offset(task: &CurrentTask, pointer: UserPtr<i64>, offset: Option<u64>) -> Result<(), Errno> {
    match (pointer.optional(), offset) {
        (Some(pointer), Some(offset)) => pointer.give(&**task.mm(), &(offset as i64)),
        _ => Ok(()),
    }
}

/// Both sides of a copy count in /proc/PID/io.
fn count_both(task: &CurrentTask, done: usize) {
    task.count_read(Some(done));
    task.count_write(Some(done));
}

/// `sendfile(2)`.
pub(crate) fn sendfile(
    task: &mut CurrentTask,
    output: Fd,
    input: Fd,
    offset: UserPtr<i64>,
    count: usize,
) -> Result<usize, Fail> {
    let mut from = read_offset(task, offset)?;
    let (input, output) = pair(task, input, output)?;
    if !input.ops.is_seekable() {
        return Err(if from.is_some() { Errno::ESPIPE } else { Errno::EINVAL }.into());
    }
    if output.flags().contains(OpenFlags::APPEND) || input.kind() == Some(FileType::Directory) {
        return Err(Errno::EINVAL.into());
    }
    let done = moves::copy(task.caller(), &input, &mut from, &output, &mut None, count.min(MAX_RW))?;
    count_both(task, done);
    write_offset(task, offset, from)?;
    Ok(done)
}

/// `copy_file_range(2)`.
pub(crate) fn copy_file_range(
    task: &mut CurrentTask,
    input: Fd,
    from_ptr: UserPtr<i64>,
    output: Fd,
    to_ptr: UserPtr<i64>,
    count: usize,
    flags: u32,
) -> Result<usize, Fail> {
    let (input, output) = (task.fds().get(input.0)?, task.fds().get(output.0)?);
    let mut from = read_offset(task, from_ptr)?;
    let mut to = read_offset(task, to_ptr)?;
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    moves::check_regular(&input)?;
    moves::check_regular(&output)?;
    if !input.is_readable() || !output.is_writable() || output.flags().contains(OpenFlags::APPEND) {
        return Err(Errno::EBADF.into());
    }
    let count = count.min(MAX_RW);
    let (start, end) = (from.unwrap_or_else(|| input.offset()), to.unwrap_or_else(|| output.offset()));
    let len = count as u64;
    if start.checked_add(len).is_none() || end.checked_add(len).is_none() {
        return Err(Errno::EOVERFLOW.into());
    }
    if Arc::ptr_eq(input.inode()?, output.inode()?) && start.abs_diff(end) < len {
        return Err(Errno::EINVAL.into());
    }
    let done = moves::copy(task.caller(), &input, &mut from, &output, &mut to, count)?;
    count_both(task, done);
    write_offset(task, from_ptr, from)?;
    write_offset(task, to_ptr, to)?;
    Ok(done)
}

/// Files with a place and sockets take what a pipe gives; other things without a place (epoll, eventfd) do not.
fn takes_splice(output: &OpenFile) -> bool {
    output.kind().is_some() || output.downcast::<net::Socket>().is_some()
}

/// The same of those that a pipe takes from; directories give nothing.
fn gives_splice(input: &OpenFile) -> bool {
    input.kind() != Some(FileType::Directory) && takes_splice(input)
}

/// `splice(2)`.
pub(crate) fn splice(
    task: &mut CurrentTask,
    input: Fd,
    from_ptr: UserPtr<i64>,
    output: Fd,
    to_ptr: UserPtr<i64>,
    len: usize,
    flags: u32,
) -> Result<usize, Fail> {
    if len == 0 {
        return Ok(0);
    }
    if flags & !SPLICE_KNOWN != 0 {
        return Err(Errno::EINVAL.into());
    }
    let (input, output) = pair(task, input, output)?;
    let (in_pipe, out_pipe) = (moves::pipe_of(&input), moves::pipe_of(&output));
    let has_pipe_offset = (in_pipe.is_some() && !from_ptr.is_null()) || (out_pipe.is_some() && !to_ptr.is_null());
    if has_pipe_offset {
        return Err(Errno::ESPIPE.into());
    }
    let mut from = read_offset(task, from_ptr)?;
    let mut to = read_offset(task, to_ptr)?;
    let is_nonblock = flags & SPLICE_NONBLOCK != 0;
    let done = match (in_pipe, out_pipe) {
        (None, None) => return Err(Errno::EINVAL.into()),
        (Some(one), Some(two)) if Arc::ptr_eq(one, two) => return Err(Errno::EINVAL.into()),
        (Some(_), None) if !takes_splice(&output) => return Err(Errno::EINVAL.into()),
        (Some(pipe), _) => {
            if output.flags().contains(OpenFlags::APPEND) || (to.is_some() && !output.ops.is_seekable()) {
                return Err(Errno::EINVAL.into());
            }
            let is_nonblock = is_nonblock || input.flags().contains(OpenFlags::NONBLOCK);
            moves::from_pipe(task.caller(), pipe, &output, &mut to, len, is_nonblock)?
        }
        (None, Some(_)) if !gives_splice(&input) => return Err(Errno::EINVAL.into()),
        (None, Some(_)) => {
            if from.is_some() && !input.ops.is_seekable() {
                return Err(Errno::EINVAL.into());
            }
            let is_nonblock = is_nonblock || output.flags().contains(OpenFlags::NONBLOCK);
            moves::to_pipe(task.caller(), &input, &mut from, &output, len, is_nonblock)?
        }
    };
    write_offset(task, from_ptr, from)?;
    write_offset(task, to_ptr, to)?;
    Ok(done)
}

/// `tee(2)`.
pub(crate) fn tee(task: &mut CurrentTask, input: Fd, output: Fd, len: usize, flags: u32) -> Result<usize, Fail> {
    if flags & !SPLICE_KNOWN != 0 {
        return Err(Errno::EINVAL.into());
    }
    if len == 0 {
        return Ok(0);
    }
    let (input, output) = pair(task, input, output)?;
    let (Some(from), Some(to)) = (moves::pipe_of(&input), moves::pipe_of(&output)) else {
        return Err(Errno::EINVAL.into());
    };
    if Arc::ptr_eq(from, to) {
        return Err(Errno::EINVAL.into());
    }
    let flagged = input.flags() | output.flags();
    let is_nonblock = flags & SPLICE_NONBLOCK != 0 || flagged.contains(OpenFlags::NONBLOCK);
    moves::tee(task.caller(), from, &output, len, is_nonblock)
}

/// `vmsplice(2)`: bytes are copied, also with `SPLICE_F_GIFT`.
pub(crate) fn vmsplice(task: &mut CurrentTask, fd: Fd, iov: UserAddr, count: u64, flags: u32) -> Result<usize, Fail> {
    if flags & !SPLICE_KNOWN != 0 {
        return Err(Errno::EINVAL.into());
    }
    let file = task.fds().get(fd.0)?;
    if moves::pipe_of(&file).is_none() {
        return Err(Errno::EBADF.into());
    }
    let ranges = ranges(task, iov, count)?;
    let extra = if flags & SPLICE_NONBLOCK != 0 { OpenFlags::NONBLOCK } else { OpenFlags::empty() };
    if file.is_writable() {
        give_to_pipe(task, &file, &mut UserSource::new(&**task.mm(), ranges), extra)
    } else {
        file.read(task.caller(), &mut UserSink::new(&**task.mm(), ranges), extra)
    }
}

/// Waits for room in a pipe, then fills it: no more than fits goes in.
fn give_to_pipe(
    task: &CurrentTask,
    file: &Arc<OpenFile>,
    source: &mut UserSource<'_>,
    extra: OpenFlags,
) -> Result<usize, Fail> {
    let is_nonblock = (file.flags() | extra).contains(OpenFlags::NONBLOCK);
    let mut attempt = || file.write(task.caller(), source, OpenFlags::NONBLOCK);
    let Some(queue) = file.ops.wait_queue().filter(|_| !is_nonblock) else { return attempt() };
    task.caller().block(queue, Events::OUT | Events::ERR, None, || match attempt() {
        Err(Fail::Errno(Errno::EAGAIN)) => None,
        done => Some(done),
    })?
}
