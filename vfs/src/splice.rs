//! Moving bytes between files within the sentry: `splice(2)`, `tee(2)`, `sendfile(2)`, `copy_file_range(2)`.

use crate::caller::Caller;
use crate::open_file::OpenFile;
use crate::pipe::{Pipe, PipeEnd};
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use abi::poll::Events;
use mm::{SliceSource, VecSink};
use std::sync::Arc;
use sync::Fail;

/// Bytes that are moved in one step.
const STEP: usize = 64 * 1024;

/// The pipe behind an end of one.
pub fn pipe_of(file: &OpenFile) -> Option<&Arc<Pipe>> {
    file.downcast::<PipeEnd>().map(|end| &end.pipe)
}

const fn nonblock(is_nonblock: bool) -> OpenFlags {
    if is_nonblock { OpenFlags::NONBLOCK } else { OpenFlags::empty() }
}

/// Reads up to `max` bytes, at `offset` when there is one.
fn read(
    caller: &Caller,
    file: &Arc<OpenFile>,
    max: usize,
    offset: Option<u64>,
    is_nonblock: bool,
) -> Result<Vec<u8>, Fail> {
    let mut sink = VecSink::new(max.min(STEP));
    match offset {
        Some(offset) => file.read_at(caller, &mut sink, offset, nonblock(is_nonblock))?,
        None => file.read(caller, &mut sink, nonblock(is_nonblock))?,
    };
    Ok(sink.bytes)
}

/// Writes bytes, at `offset` when there is one; how many went out before an error.
fn write(
    caller: &Caller,
    file: &Arc<OpenFile>,
    bytes: &[u8],
    offset: Option<u64>,
    is_nonblock: bool,
) -> Result<usize, Fail> {
    let mut source = SliceSource::new(bytes);
    match offset {
        Some(offset) => file.write_at(caller, &mut source, offset, nonblock(is_nonblock)),
        None => file.write(caller, &mut source, nonblock(is_nonblock)),
    }
}

/// `sendfile(2)` and `copy_file_range(2)`: up to `len` bytes from `input`, at `from` or its own offset, to
/// `output`, at `to` or its own. The offsets given are moved. What was moved counts before an error.
pub fn copy(
    caller: &Caller,
    input: &Arc<OpenFile>,
    from: &mut Option<u64>,
    output: &Arc<OpenFile>,
    to: &mut Option<u64>,
    len: usize,
) -> Result<usize, Fail> {
    let mut done = 0;
    let mut at = from.unwrap_or_else(|| input.offset());
    while done < len {
        let bytes = match read(caller, input, len - done, Some(at), false) {
            Ok(bytes) if bytes.is_empty() => break,
            Ok(bytes) => bytes,
            Err(_) if done > 0 => break,
            Err(fail) => return Err(fail),
        };
        let written = match write(caller, output, &bytes, *to, false) {
            Ok(written) => written,
            Err(_) if done > 0 => break,
            Err(fail) => return Err(fail),
        };
        done += written;
        at += written as u64;
        if let Some(to) = to {
            *to += written as u64;
        }
        match from {
            Some(from) => *from = at,
            None => input.set_offset(at),
        }
        if written < bytes.len() || caller.word.is_interrupted() {
            break;
        }
    }
    Ok(done)
}

/// `splice(2)` from a pipe to a file or another pipe.
pub fn from_pipe(
    caller: &Caller,
    pipe: &Arc<Pipe>,
    output: &Arc<OpenFile>,
    to: &mut Option<u64>,
    len: usize,
    is_nonblock: bool,
) -> Result<usize, Fail> {
    if let Some(other) = pipe_of(output) {
        wait_for_room(caller, other, is_nonblock)?;
    }
    let mut sink = VecSink::new(len.min(STEP));
    caller.retry(&pipe.queue, Events::IN, is_nonblock, || pipe.pop(&mut sink))?;
    if sink.bytes.is_empty() {
        return Ok(0);
    }
    let written = write(caller, output, &sink.bytes, *to, is_nonblock && pipe_of(output).is_some());
    let used = *written.as_ref().unwrap_or(&0);
    if let Some(rest) = sink.bytes.get(used..)
        && !rest.is_empty()
    {
        pipe.unread(rest);
    }
    if let Some(to) = to {
        *to += used as u64;
    }
    written
}

/// `splice(2)` from a file to a pipe.
pub fn to_pipe(
    caller: &Caller,
    input: &Arc<OpenFile>,
    from: &mut Option<u64>,
    output: &Arc<OpenFile>,
    len: usize,
    is_nonblock: bool,
) -> Result<usize, Fail> {
    let pipe = pipe_of(output).ok_or(Errno::EINVAL)?;
    let room = wait_for_room(caller, pipe, is_nonblock)?;
    let bytes = read(caller, input, len.min(room), *from, false)?;
    let mut done = 0;
    while let Some(rest) = bytes.get(done..)
        && !rest.is_empty()
    {
        // Another writer may have been faster; what was read must not be lost, so this waits.
        match write(caller, output, rest, None, false) {
            Ok(written) => done += written,
            Err(_) if done > 0 => break,
            Err(fail) => return Err(fail),
        }
    }
    if let Some(from) = from {
        *from += done as u64;
    }
    Ok(done)
}

fn wait_for_room(caller: &Caller, pipe: &Arc<Pipe>, is_nonblock: bool) -> Result<usize, Fail> {
    let room = caller.retry(&pipe.queue, Events::OUT | Events::ERR, is_nonblock, || match pipe.room() {
        Ok(0) => Err(Errno::EAGAIN),
        other => other,
    });
    if matches!(room, Err(Fail::Errno(Errno::EPIPE))) {
        caller.process.signal_self(abi::signal::SIGPIPE);
    }
    room
}

/// `tee(2)`: copies bytes from one pipe to another and leaves them where they are.
pub fn tee(
    caller: &Caller,
    input: &Arc<Pipe>,
    output: &Arc<OpenFile>,
    len: usize,
    is_nonblock: bool,
) -> Result<usize, Fail> {
    let to = pipe_of(output).ok_or(Errno::EINVAL)?;
    let room = wait_for_room(caller, to, is_nonblock)?;
    let max = len.min(room).min(STEP);
    let bytes = caller.retry(&input.queue, Events::IN, is_nonblock, || input.peek(max))?;
    if bytes.is_empty() {
        return Ok(0);
    }
    write(caller, output, &bytes, None, is_nonblock)
}

/// `copy_file_range(2)` works on regular files: `EISDIR`, `EINVAL`.
pub fn check_regular(file: &OpenFile) -> Result<(), Errno> {
    match file.kind() {
        Some(FileType::Regular) => Ok(()),
        Some(FileType::Directory) => Err(Errno::EISDIR),
        _ => Err(Errno::EINVAL),
    }
}
