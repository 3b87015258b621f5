//! Bytes of a stream on their way in one direction, and what was said of them: senders, descriptors, urgency.

use crate::unix::rights::Rights;
use abi::Errno;
use abi::socket::Ucred;
use mm::{Sink, Source};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use vfs::{OpenFile, Ring};

/// Sender and descriptors of a range of bytes of a lane.
pub(crate) struct Segment {
    start: u64,
    end: u64,
    ucred: Option<Ucred>,
    rights: Option<Rights>,
}

/// Bytes on their way from one end to the other.
pub(crate) struct Lane {
    pub(crate) ring: Ring,
    /// Bytes that were read so far: the position of the first one in the ring.
    pub(crate) position: u64,
    /// Ranges with a sender or descriptors, in order. Empty for most streams.
    pub(crate) segments: VecDeque<Segment>,
    /// Bytes at its end that the reader does not see yet, because more is to come, and until when; who looks at the
    /// clock then has been told.
    pub(crate) held: usize,
    pub(crate) held_until: Option<Instant>,
    /// The writer sends no more.
    pub(crate) ended: bool,
    /// The reader shut its receiving half.
    pub(crate) reader_shut: bool,
    /// The reader's socket is gone.
    pub(crate) reader_gone: bool,
    /// The writer found no room, and is to be told.
    pub(crate) writer_waits: bool,
    /// Position of the urgent byte, and the byte itself until it is read: `MSG_OOB`.
    pub(crate) urgent: Option<(u64, Option<u8>)>,
}

/// What is sent at once, however much is to come: the largest segment of the loopback device.
const SEGMENT: usize = 32741;

/// What a write carries beside bytes.
#[derive(Default)]
pub(crate) struct Extra {
    pub(crate) ucred: Option<Ucred>,
    pub(crate) rights: Option<Rights>,
    /// More is to come: what fills no segment may wait for it.
    pub(crate) is_more: bool,
}

/// Who sent some bytes, when that was noted.
pub(crate) type Sender = Option<Ucred>;

/// May one read give bytes of several senders?
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Senders {
    /// It may.
    #[default]
    Mixed,
    /// It may not.
    Apart,
    /// Only bytes of this one, as the first part of the read gave.
    Same(Sender),
}

/// How to read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReadHow {
    pub(crate) peek: bool,
    /// Drop the bytes instead of copying them: `MSG_TRUNC` of `tcp(7)`.
    pub(crate) discard: bool,
    pub(crate) senders: Senders,
    /// Fewest bytes to be there unless the stream ended.
    pub(crate) least: usize,
}

/// What a read found beside bytes.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) bytes: usize,
    pub(crate) sender: Sender,
    pub(crate) files: Option<Vec<Arc<OpenFile>>>,
}

impl Lane {
    pub(crate) const fn new() -> Self {
        Self {
            ring: Ring::new(),
            position: 0,
            segments: VecDeque::new(),
            held: 0,
            held_until: None,
            ended: false,
            reader_shut: false,
            reader_gone: false,
            writer_waits: false,
            urgent: None,
        }
    }

    /// Bytes that the reader may have.
    pub(crate) fn shown(&self) -> usize {
        if self.ended { self.ring.len() } else { self.ring.len().saturating_sub(self.held) }
    }

    fn room(&self, limit: usize) -> usize {
        limit.saturating_sub(self.ring.len())
    }

    /// There is enough room that it is worth telling.
    pub(crate) fn is_writable(&self, limit: usize) -> bool {
        self.room(limit) >= (limit / 3).max(1)
    }

    /// Notes whose the last `bytes` bytes are.
    fn mark(&mut self, bytes: usize, extra: &mut Extra) {
        let rights = extra.rights.take();
        if extra.ucred.is_none() && rights.is_none() {
            return;
        }
        let end = self.position + self.ring.len() as u64;
        let start = end - bytes as u64;
        if rights.is_none()
            && let Some(last) = self.segments.back_mut()
            && last.end == start
            && last.ucred == extra.ucred
            && last.rights.is_none()
        {
            last.end = end;
            return;
        }
        self.segments.push_back(Segment { start, end, ucred: extra.ucred, rights });
    }

    /// Sender of the first bytes.
    fn sender(&self) -> Sender {
        self.segments.front().filter(|segment| segment.start <= self.position)?.ucred
    }

    /// How many of the first `max` bytes one read may give, and the segment whose descriptors go along.
    fn span(&self, max: usize, sender: Option<Sender>) -> (usize, Option<usize>) {
        let mut at = self.position;
        let mut end = at + self.shown().min(max) as u64;
        if let Some((urgent, _)) = self.urgent
            && urgent > at
        {
            end = end.min(urgent);
        }
        for (index, segment) in self.segments.iter().enumerate() {
            if segment.start >= end {
                break;
            }
            if segment.start > at {
                if sender.is_some_and(|sender| sender.is_some()) {
                    break;
                }
                at = segment.start;
            }
            if sender.is_some_and(|sender| sender != segment.ucred) {
                return ((at - self.position) as usize, None);
            }
            if segment.rights.is_some() {
                return ((segment.end.min(end) - self.position) as usize, Some(index));
            }
            at = segment.end;
        }
        let is_cut = sender.is_some_and(|sender| sender.is_some()) && at < end;
        (((if is_cut { at } else { end }) - self.position) as usize, None)
    }

    /// Drops the first bytes, and what was said of them.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.ring.consume(bytes);
        self.position += bytes as u64;
        while self.segments.front().is_some_and(|segment| segment.end <= self.position) {
            self.segments.pop_front();
        }
    }

    pub(crate) fn write(&mut self, limit: usize, source: &mut dyn Source, extra: &mut Extra) -> Result<usize, Errno> {
        let want = source.left();
        if want == 0 {
            return Ok(0);
        }
        let room = self.room(limit).min(want);
        if room == 0 {
            self.writer_waits = true;
            return Err(Errno::EAGAIN);
        }
        let done = self.ring.append(room, &mut |piece| source.take(piece))?;
        self.mark(done, extra);
        // Nothing is held back from a reader who is to make room.
        self.held = if extra.is_more && done == want { (self.held + done) % SEGMENT } else { 0 };
        Ok(done)
    }

    pub(crate) fn read(&mut self, sink: &mut dyn Sink, how: &ReadHow) -> Result<Found, Errno> {
        if let Some((at, _)) = self.urgent
            && at < self.position
        {
            self.urgent = None;
        }
        let is_over = self.ended || self.reader_shut;
        if self.shown() == 0 || (self.shown() < how.least && !is_over) {
            return if is_over { Ok(Found::default()) } else { Err(Errno::EAGAIN) };
        }
        let sender = self.sender();
        let only = match how.senders {
            Senders::Mixed => None,
            Senders::Same(before) if before != sender => return Ok(Found::default()),
            Senders::Apart | Senders::Same(_) => Some(sender),
        };
        let (span, segment) = self.span(sink.room(), only);
        let bytes = if how.discard { span } else { self.copy(sink, span)? };
        let mut files = None;
        if let Some(segment) = segment.and_then(|index| self.segments.get_mut(index))
            && segment.start < self.position + bytes as u64
        {
            files = if how.peek {
                segment.rights.as_ref().map(Rights::peek)
            } else {
                segment.rights.take().map(Rights::receive)
            };
        }
        if !how.peek {
            self.consume(bytes);
        }
        Ok(Found { bytes, sender, files })
    }

    fn copy(&self, sink: &mut dyn Sink, span: usize) -> Result<usize, Errno> {
        let (one, two) = self.ring.slices(span);
        let mut bytes = sink.put(one)?;
        if bytes == one.len() && !two.is_empty() {
            bytes += match sink.put(two) {
                Ok(more) => more,
                Err(errno) if bytes == 0 => return Err(errno),
                Err(_) => 0,
            };
        }
        Ok(bytes)
    }
}
