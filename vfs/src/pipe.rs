//! Pipes: `pipe(7)`.

use crate::anon::AnonInode;
use crate::caller::Caller;
use crate::cred::Capability;
use crate::file::{AnonymousNode, File, Io};
use crate::inode::Inode;
use crate::open_file::OpenFile;
use crate::place::Place;
use crate::ring::Ring;
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use abi::poll::Events;
use mm::{Sink, Source, UserAddr, UserMemory, UserPtr};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use sync::{Fail, Mutex, Rank, WaitQueue};

/// Writes of up to so many bytes are not torn.
pub(crate) const PIPE_BUF: usize = 4096;
const DEFAULT_CAPACITY: usize = 64 * 1024;
/// Largest capacity without `CAP_SYS_RESOURCE`: /proc/sys/fs/pipe-max-size.
pub const PIPE_MAX_SIZE: usize = 1024 * 1024;
const FIONREAD: u32 = 0x541b;
const SIGPIPE: u8 = 13;

struct State {
    ring: Ring,
    capacity: usize,
    /// Bytes that ever went out.
    out: u64,
    /// Packets (`O_DIRECT`) in the ring: where each starts and ends in the stream.
    packets: VecDeque<(u64, u64)>,
    readers: usize,
    writers: usize,
    /// Openings so far, for those who wait for a partner.
    reader_count: u64,
    writer_count: u64,
}

/// The buffer of a pipe or FIFO.
pub struct Pipe {
    state: Mutex<State>,
    /// Readers wait for `IN`, writers for `OUT`, openers for either.
    pub(crate) queue: WaitQueue,
    /// Somebody polled: edges are told even when the buffer was not empty before.
    is_polled: AtomicBool,
}

impl State {
    const fn room(&self) -> usize {
        self.capacity.saturating_sub(self.ring.len())
    }

    /// A packet takes a page, however short it is.
    fn is_full_of_packets(&self) -> bool {
        self.packets.len() >= self.capacity / PIPE_BUF
    }

    /// There is room for any write that is not to be divided.
    fn is_writable(&self) -> bool {
        self.room() >= PIPE_BUF && !self.is_full_of_packets()
    }

    /// How many of the first `max` bytes a read may take, and how many go with them (the rest of a packet).
    fn readable(&self, max: usize) -> (usize, usize) {
        let len = self.ring.len().min(max);
        match self.packets.front() {
            Some(&(start, end)) if start <= self.out => {
                let packet = (end - self.out) as usize;
                (packet.min(max), packet)
            }
            Some(&(start, _)) => {
                let before = len.min((start - self.out) as usize);
                (before, before)
            }
            None => (len, len),
        }
    }

    fn consume(&mut self, bytes: usize) {
        self.ring.consume(bytes);
        self.out += bytes as u64;
        while self.packets.front().is_some_and(|&(_, end)| end <= self.out) {
            self.packets.pop_front();
        }
    }
}

impl Pipe {
    pub(crate) fn new() -> Arc<Self> {
        let state = State {
            ring: Ring::new(),
            capacity: DEFAULT_CAPACITY,
            out: 0,
            packets: VecDeque::new(),
            readers: 0,
            writers: 0,
            reader_count: 0,
            writer_count: 0,
        };
        Arc::new(Self {
            state: Mutex::new(Rank::Pipe, state),
            queue: WaitQueue::new(),
            is_polled: AtomicBool::new(false),
        })
    }

    /// Takes bytes out into `sink`: 0 at the end, `EAGAIN` when there are none yet.
    pub(crate) fn pop(&self, sink: &mut dyn Sink) -> Result<usize, Errno> {
        let room = sink.room();
        if room == 0 {
            return Ok(0);
        }
        let (put, became_writable) = {
            let mut state = self.state.lock();
            if state.ring.is_empty() {
                return if state.writers == 0 { Ok(0) } else { Err(Errno::EAGAIN) };
            }
            let was_full = !state.is_writable();
            let (take, gone) = state.readable(room);
            let (one, two) = state.ring.slices(take);
            let mut put = sink.put(one)?;
            if put == one.len() && !two.is_empty() {
                put += sink.put(two).unwrap_or(0);
            }
            state.consume(if gone > take { gone } else { put });
            (put, was_full && state.is_writable())
        };
        if became_writable || self.is_polled.load(SeqCst) {
            self.queue.notify(Events::OUT | Events::WRNORM);
        }
        Ok(put)
    }

    /// Puts bytes of `source` in: `EPIPE` without readers, `EAGAIN` when there is no room for them.
    pub(crate) fn push(&self, source: &mut dyn Source, is_packet: bool) -> Result<usize, Errno> {
        let (pushed, was_empty) = {
            let mut state = self.state.lock();
            if state.readers == 0 {
                return Err(Errno::EPIPE);
            }
            let left = source.left();
            let room = state.room();
            if room < left.min(PIPE_BUF) || state.is_full_of_packets() {
                return Err(Errno::EAGAIN);
            }
            let was_empty = state.ring.is_empty();
            let max = if is_packet { left.min(PIPE_BUF) } else { left.min(room) };
            let start = state.out + state.ring.len() as u64;
            let pushed = state.ring.append(max, &mut |piece| source.take(piece))?;
            if is_packet {
                state.packets.push_back((start, start + pushed as u64));
            }
            (pushed, was_empty)
        };
        if was_empty || self.is_polled.load(SeqCst) {
            self.queue.notify(Events::IN | Events::RDNORM);
        }
        Ok(pushed)
    }

    /// Copies up to `max` of the first bytes out without taking them: `tee(2)`.
    pub(crate) fn peek(&self, max: usize) -> Result<Vec<u8>, Errno> {
        let state = self.state.lock();
        if state.ring.is_empty() {
            return if state.writers == 0 { Ok(Vec::new()) } else { Err(Errno::EAGAIN) };
        }
        let (one, two) = state.ring.slices(max);
        Ok([one, two].concat())
    }

    /// Puts back in front what could not be passed on.
    pub(crate) fn unread(&self, bytes: &[u8]) {
        {
            let mut state = self.state.lock();
            if state.ring.unread(bytes).is_err() {
                return;
            }
            state.out = state.out.saturating_sub(bytes.len() as u64);
        }
        self.queue.notify(Events::IN | Events::RDNORM);
    }

    /// Bytes to be read.
    pub(crate) fn len(&self) -> usize {
        self.state.lock().ring.len()
    }

    /// Room for bytes; `EPIPE` without readers.
    pub(crate) fn room(&self) -> Result<usize, Errno> {
        let state = self.state.lock();
        if state.readers == 0 { Err(Errno::EPIPE) } else { Ok(state.room()) }
    }

    /// `F_GETPIPE_SZ`.
    pub fn capacity(&self) -> usize {
        self.state.lock().capacity
    }

    /// `F_SETPIPE_SZ`: `EPERM`, `EBUSY`, `EINVAL`; the new capacity.
    pub fn set_capacity(&self, caller: &Caller, size: u32) -> Result<usize, Errno> {
        if size > 1 << 31 {
            return Err(Errno::EINVAL);
        }
        let size = (size as usize).max(PIPE_BUF).next_power_of_two();
        let mut state = self.state.lock();
        if size > state.capacity && size > PIPE_MAX_SIZE && !caller.creds.has_in_root(Capability::SysResource) {
            return Err(Errno::EPERM);
        }
        if state.ring.len() > size || state.packets.len() > size / PIPE_BUF {
            return Err(Errno::EBUSY);
        }
        state.capacity = size;
        drop(state);
        self.queue.notify(Events::OUT | Events::WRNORM);
        Ok(size)
    }

    /// One more end. Gives how often the other side was opened so far, and whether it is open now.
    pub(crate) fn open(&self, is_reader: bool, is_writer: bool) -> Partners {
        let partners = {
            let mut state = self.state.lock();
            state.readers += usize::from(is_reader);
            state.writers += usize::from(is_writer);
            state.reader_count += u64::from(is_reader);
            state.writer_count += u64::from(is_writer);
            state.partners()
        };
        self.queue.notify(Events::IN | Events::OUT);
        partners
    }

    fn close(&self, is_reader: bool, is_writer: bool) {
        let (no_reader, no_writer) = {
            let mut state = self.state.lock();
            state.readers -= usize::from(is_reader);
            state.writers -= usize::from(is_writer);
            (is_reader && state.readers == 0, is_writer && state.writers == 0)
        };
        if no_reader {
            self.queue.notify(Events::ERR | Events::OUT | Events::WRNORM);
        }
        if no_writer {
            self.queue.notify(Events::HUP | Events::IN | Events::RDNORM);
        }
    }

    pub(crate) fn partners(&self) -> Partners {
        self.state.lock().partners()
    }
}

impl State {
    const fn partners(&self) -> Partners {
        Partners {
            readers: self.readers,
            writers: self.writers,
            reader_count: self.reader_count,
            writer_count: self.writer_count,
        }
    }
}

/// Who has a pipe open, and how often either side was opened so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partners {
    pub(crate) readers: usize,
    pub(crate) writers: usize,
    pub(crate) reader_count: u64,
    pub(crate) writer_count: u64,
}

/// One end of a pipe, or both.
pub(crate) struct PipeEnd {
    pub(crate) pipe: Arc<Pipe>,
    is_reader: bool,
    is_writer: bool,
    /// Writers that had opened it when this end was: a reader sees no hang-up before the first one came.
    writer_count: u64,
    /// The number in its name; `None` for FIFOs.
    ino: Option<u64>,
}

impl PipeEnd {
    /// Opens an end. The partners are as of just after.
    pub(crate) fn open(pipe: Arc<Pipe>, is_reader: bool, is_writer: bool, ino: Option<u64>) -> (Self, Partners) {
        let partners = pipe.open(is_reader, is_writer);
        let writer_count = if partners.writers == 0 { partners.writer_count } else { u64::MAX };
        (Self { pipe, is_reader, is_writer, writer_count, ino }, partners)
    }

    /// Puts bytes in once there is room for some.
    fn push_in_turn(&self, io: &Io<'_>, src: &mut dyn Source, is_packet: bool) -> Result<usize, Fail> {
        let mut tries = 0;
        let queue = &self.pipe.queue;
        let result = io.caller.retry_in_turn(queue, Events::OUT | Events::ERR, io.is_nonblock(), || {
            tries += 1;
            self.pipe.push(src, is_packet)
        });
        if tries > 1 && self.pipe.state.lock().is_writable() {
            // It may have been woken for room that it leaves to the next writer.
            queue.notify(Events::OUT | Events::WRNORM);
        }
        result
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        self.pipe.close(self.is_reader, self.is_writer);
    }
}

impl File for PipeEnd {
    fn read(&self, io: &Io<'_>, dst: &mut dyn Sink, _offset: &mut u64) -> Result<usize, Fail> {
        let mut tries = 0;
        let result = io.caller.retry_in_turn(&self.pipe.queue, Events::IN, io.is_nonblock(), || {
            tries += 1;
            self.pipe.pop(dst)
        });
        if tries > 1 && self.pipe.len() > 0 {
            // It may have been woken for what it leaves to the next reader.
            self.pipe.queue.notify(Events::IN | Events::RDNORM);
        }
        result
    }

    fn write(&self, io: &Io<'_>, src: &mut dyn Source, _offset: &mut u64) -> Result<usize, Fail> {
        let is_packet = io.flags.contains(OpenFlags::DIRECT);
        let mut written = 0;
        while src.left() > 0 {
            match self.push_in_turn(io, src, is_packet) {
                Ok(0) => break,
                Ok(n) => written += n,
                Err(Fail::Errno(Errno::EPIPE)) if written > 0 => {
                    io.caller.process.signal_self(SIGPIPE);
                    break;
                }
                Err(_) if written > 0 => break,
                Err(fail) => return Err(fail),
            }
        }
        Ok(written)
    }

    fn readiness(&self) -> Events {
        self.pipe.is_polled.store(true, SeqCst);
        let state = self.pipe.state.lock();
        let mut events = Events::empty();
        if self.is_reader {
            if !state.ring.is_empty() {
                events |= Events::IN | Events::RDNORM;
            }
            if state.writers == 0 && state.writer_count != self.writer_count {
                events |= Events::HUP;
            }
        }
        if self.is_writer {
            if state.is_writable() {
                events |= Events::OUT | Events::WRNORM;
            }
            if state.readers == 0 {
                events |= Events::ERR;
            }
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.pipe.queue)
    }

    fn sends_signals(&self) -> bool {
        true
    }

    fn ioctl(&self, _io: &Io<'_>, command: u32, arg: u64, memory: &dyn UserMemory) -> Result<u64, Fail> {
        if command != FIONREAD {
            return Err(Errno::ENOTTY.into());
        }
        let len = i32::try_from(self.pipe.len()).unwrap_or(i32::MAX);
        UserPtr::<i32>::new(UserAddr(arg)).write(memory, &len)?;
        Ok(0)
    }

    fn anonymous_node(&self) -> AnonymousNode {
        AnonymousNode { kind: Some(FileType::Fifo), mode: 0o600, ino: self.ino.unwrap_or(0) }
    }

    fn anonymous_name(&self) -> Option<String> {
        self.ino.map(|ino| format!("pipe:[{ino}]"))
    }
}

/// Makes a pipe: reading end and writing end. `pipe2(2)`.
pub fn pipe(caller: &Caller, flags: OpenFlags) -> (Arc<OpenFile>, Arc<OpenFile>) {
    let pipe = Pipe::new();
    let node = AnonymousNode { kind: Some(FileType::Fifo), mode: 0o600, ino: 0 };
    let anon = AnonInode::new(&node, caller.creds.fsuid, caller.creds.fsgid);
    anon.attachments().set_fifo(&pipe);
    let ino = anon.attr().map_or(0, |attr| attr.ino);
    let inode: Arc<dyn Inode> = Arc::new(anon);
    let place = Place::nameless(inode, format!("pipe:[{ino}]").as_bytes());
    let (reader, _) = PipeEnd::open(pipe.clone(), true, false, Some(ino));
    let (writer, _) = PipeEnd::open(pipe, false, true, Some(ino));
    let status = flags & (OpenFlags::NONBLOCK | OpenFlags::DIRECT);
    let read = OpenFile::new(Box::new(reader), place.clone(), status);
    let write = OpenFile::new(Box::new(writer), place, status | OpenFlags::WRONLY);
    (read, write)
}

#[cfg(test)]
mod tests;
