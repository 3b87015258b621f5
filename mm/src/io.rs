//! Where file operations put and get their bytes.

use crate::addr::{UserAddr, UserSlice};
use crate::memory::UserMemory;
use abi::Errno;
use std::cell::Cell;

/// Most bytes that one step of [`Sink::fill`] or [`Source::drain`] moves.
const CHUNK: usize = 128 * 1024;

thread_local! {
    /// The thread's buffer for bytes on their way; empty while it is in use.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lends a buffer of `len` bytes with arbitrary contents.
fn with_scratch<T>(len: usize, work: impl FnOnce(&mut [u8]) -> Result<T, Errno>) -> Result<T, Errno> {
    let mut buf = SCRATCH.take();
    if buf.len() < len {
        buf.resize(len, 0);
    }
    let result = work(&mut buf[..len]);
    SCRATCH.set(buf);
    result
}

/// Receives the bytes of a read.
pub trait Sink {
    /// Bytes that it still takes.
    fn room(&self) -> usize;

    /// Puts `bytes`, at most [`Self::room`]; how many went in before a bad address. `EFAULT` when none.
    fn put(&mut self, bytes: &[u8]) -> Result<usize, Errno>;

    /// Lets `produce` fill a buffer of up to `max` bytes (fewer when room or the step is smaller) and
    /// puts what it made; returns that count. The way for host files: no buffer of their own.
    fn fill(&mut self, max: usize, produce: &mut dyn FnMut(&mut [u8]) -> Result<usize, Errno>) -> Result<usize, Errno> {
        let len = max.min(self.room()).min(CHUNK);
        with_scratch(len, |buf| {
            let made = produce(buf)?.min(len);
            self.put(&buf[..made])
        })
    }
}

/// Gives the bytes of a write.
pub trait Source {
    /// Bytes that it still has.
    fn left(&self) -> usize;

    /// Takes up to `buf.len()` bytes; how many came before a bad address. `EFAULT` when none.
    fn take(&mut self, buf: &mut [u8]) -> Result<usize, Errno>;

    /// Gives back the last `bytes` bytes taken: they were not used after all.
    fn put_back(&mut self, bytes: usize);

    /// Lets `consume` use up to `max` bytes (one step of them); what it did not use is given back.
    fn drain(&mut self, max: usize, consume: &mut dyn FnMut(&[u8]) -> Result<usize, Errno>) -> Result<usize, Errno> {
        with_scratch(max.min(self.left()).min(CHUNK), |buf| {
            let taken = self.take(buf)?;
            match consume(&buf[..taken]) {
                Ok(used) => {
                    self.put_back(taken.saturating_sub(used));
                    Ok(used)
                }
                Err(errno) => {
                    self.put_back(taken);
                    Err(errno)
                }
            }
        })
    }
}

/// Ranges of guest memory: `From` one, or many. One needs no allocation.
#[derive(Debug)]
pub enum Ranges {
    /// A single range.
    One(UserSlice),
    /// Several, in order.
    Many(Vec<UserSlice>),
}

impl From<UserSlice> for Ranges {
    fn from(range: UserSlice) -> Self {
        Self::One(range)
    }
}

impl From<Vec<UserSlice>> for Ranges {
    fn from(ranges: Vec<UserSlice>) -> Self {
        Self::Many(ranges)
    }
}

impl Ranges {
    fn as_slice(&self) -> &[UserSlice] {
        match self {
            Self::One(range) => std::slice::from_ref(range),
            Self::Many(ranges) => ranges,
        }
    }
}

/// Position in a list of guest ranges.
struct Cursor {
    ranges: Ranges,
    /// Bytes passed from the start of the list.
    done: usize,
    total: usize,
}

impl Cursor {
    fn new(ranges: Ranges) -> Self {
        let total = ranges.as_slice().iter().fold(0usize, |sum, range| sum.saturating_add(range.len));
        Self { ranges, done: 0, total }
    }

    /// The next contiguous range, at most `max` bytes.
    fn next(&self, max: usize) -> Option<(UserAddr, usize)> {
        let mut skip = self.done;
        for range in self.ranges.as_slice() {
            if skip < range.len {
                let addr = UserAddr(range.addr.0.wrapping_add(skip as u64));
                return Some((addr, (range.len - skip).min(max)));
            }
            skip -= range.len;
        }
        None
    }
}

/// A [`Sink`] over ranges of guest memory (`iovec`s).
pub struct UserSink<'a> {
    memory: &'a dyn UserMemory,
    cursor: Cursor,
}

impl<'a> UserSink<'a> {
    /// A sink over `ranges`, in order.
    pub fn new(memory: &'a dyn UserMemory, ranges: impl Into<Ranges>) -> Self {
        Self { memory, cursor: Cursor::new(ranges.into()) }
    }
}

impl Sink for UserSink<'_> {
    fn room(&self) -> usize {
        self.cursor.total - self.cursor.done
    }

    fn put(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        let mut put = 0;
        while put < bytes.len() {
            let Some((addr, len)) = self.cursor.next(bytes.len() - put) else { break };
            match self.memory.give_some(addr, &bytes[put..put + len]) {
                Ok(n) => {
                    put += n;
                    self.cursor.done += n;
                    if n < len {
                        break;
                    }
                }
                Err(_) if put > 0 => break,
                Err(errno) => return Err(errno),
            }
        }
        Ok(put)
    }
}

/// A [`Source`] over ranges of guest memory (`iovec`s).
pub struct UserSource<'a> {
    memory: &'a dyn UserMemory,
    cursor: Cursor,
}

impl<'a> UserSource<'a> {
    /// A source over `ranges`, in order.
    pub fn new(memory: &'a dyn UserMemory, ranges: impl Into<Ranges>) -> Self {
        Self { memory, cursor: Cursor::new(ranges.into()) }
    }
}

impl Source for UserSource<'_> {
    fn left(&self) -> usize {
        self.cursor.total - self.cursor.done
    }

    fn take(&mut self, buf: &mut [u8]) -> Result<usize, Errno> {
        let mut taken = 0;
        while taken < buf.len() {
            let Some((addr, len)) = self.cursor.next(buf.len() - taken) else { break };
            match self.memory.read_some(addr, &mut buf[taken..taken + len]) {
                Ok(n) => {
                    taken += n;
                    self.cursor.done += n;
                    if n < len {
                        break;
                    }
                }
                Err(_) if taken > 0 => break,
                Err(errno) => return Err(errno),
            }
        }
        Ok(taken)
    }

    fn put_back(&mut self, bytes: usize) {
        self.cursor.done -= bytes;
    }
}

/// A [`Sink`] into sentry memory, up to a limit.
#[derive(Debug)]
pub struct VecSink {
    /// What was put.
    pub bytes: Vec<u8>,
    max: usize,
}

impl VecSink {
    /// A sink that takes `max` bytes.
    pub const fn new(max: usize) -> Self {
        Self { bytes: Vec::new(), max }
    }
}

impl Sink for VecSink {
    fn room(&self) -> usize {
        self.max - self.bytes.len()
    }

    fn put(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        let n = bytes.len().min(self.room());
        self.bytes.extend_from_slice(&bytes[..n]);
        Ok(n)
    }
}

/// A [`Source`] over sentry memory.
#[derive(Debug)]
pub struct SliceSource<'a> {
    bytes: &'a [u8],
    done: usize,
}

impl<'a> SliceSource<'a> {
    /// A source of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, done: 0 }
    }
}

impl Source for SliceSource<'_> {
    fn left(&self) -> usize {
        self.bytes.len() - self.done
    }

    fn take(&mut self, buf: &mut [u8]) -> Result<usize, Errno> {
        let n = buf.len().min(self.left());
        buf[..n].copy_from_slice(&self.bytes[self.done..self.done + n]);
        self.done += n;
        Ok(n)
    }

    fn put_back(&mut self, bytes: usize) {
        self.done -= bytes;
    }
}
