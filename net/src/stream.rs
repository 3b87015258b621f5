//! Two ends joined by two lanes of bytes: what stream sockets are made of.
//!
//! A lane has one lock. It is held while bytes go to or come from user memory, so a byte is copied once;
//! readers are told when bytes arrive, writers only when a lane that was full has room again.

use crate::common::{ALL, Common, IN, OUT};
use crate::hold::{self, HOLD_MAX};
use crate::lane::{Extra, Found, Lane, ReadHow};
use crate::protocol::Halves;
use abi::Errno;
use abi::poll::Events;
use mm::{Sink, Source};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;
use sync::{Mutex, MutexGuard, Rank};
use vfs::Ring;

/// What differs between the kinds of stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavor {
    /// `unix(7)`: a half that is shut is shut for the other end too.
    Unix,
    /// `tcp(7)`: the other end hears of it when it sends.
    Tcp,
}

/// How much may lie in a lane: what `SO_SNDBUF` and `SO_RCVBUF` of its ends give.
fn limit(flavor: Flavor, writer: &Common, reader: &Common) -> usize {
    let sndbuf = writer.sndbuf.load(SeqCst) as usize;
    match flavor {
        Flavor::Unix => sndbuf,
        Flavor::Tcp => sndbuf + reader.rcvbuf.load(SeqCst) as usize,
    }
}

/// A connection of two stream sockets. Each socket knows which end it is: 0 or 1.
pub(crate) struct Connection {
    flavor: Flavor,
    ends: [Arc<Common>; 2],
    /// By writing end.
    lanes: [Mutex<Lane>; 2],
}

/// One end of a connection.
#[derive(Clone)]
pub(crate) struct End {
    connection: Arc<Connection>,
    side: bool,
}

impl Connection {
    /// Joins two sockets; gives the ends of the first and the second.
    pub(crate) fn join(flavor: Flavor, ends: [Arc<Common>; 2]) -> (End, End) {
        let lane = || Mutex::new(Rank::Stream, Lane::new());
        let connection = Arc::new(Self { flavor, ends, lanes: [lane(), lane()] });
        (End { connection: connection.clone(), side: false }, End { connection, side: true })
    }

    /// Some time of holding back is over: shows what has waited long enough. When to look again, if at all.
    pub(crate) fn end_hold(self: &Arc<Self>, side: bool) -> Option<Instant> {
        {
            let lane = self.lanes[usize::from(side)].lock();
            let end = lane.held_until.filter(|&end| lane.held > 0 && end > Instant::now());
            if end.is_some() {
                return end;
            }
        }
        self.end_hold_now(side);
        None
    }

    /// Nobody will look at the clock: what is held back is shown now.
    fn end_hold_now(self: &Arc<Self>, side: bool) {
        self.lanes[usize::from(side)].lock().held_until = None;
        End { connection: self.clone(), side }.push();
    }
}

impl End {
    fn own(&self) -> &Common {
        &self.connection.ends[usize::from(self.side)]
    }

    /// What the other socket has.
    pub(crate) fn other(&self) -> &Arc<Common> {
        &self.connection.ends[usize::from(!self.side)]
    }

    fn out_lane(&self) -> MutexGuard<'_, Lane> {
        self.connection.lanes[usize::from(self.side)].lock()
    }

    fn in_lane(&self) -> MutexGuard<'_, Lane> {
        self.connection.lanes[usize::from(!self.side)].lock()
    }

    fn is_tcp(&self) -> bool {
        matches!(self.connection.flavor, Flavor::Tcp)
    }

    fn out_limit(&self) -> usize {
        limit(self.connection.flavor, self.own(), self.other())
    }

    /// Writes what there is room for; `EAGAIN` when there is none, `EPIPE` or the pending error at the end.
    pub(crate) fn write(&self, source: &mut dyn Source, extra: &mut Extra) -> Result<usize, Errno> {
        if self.is_tcp()
            && let Some(errno) = self.own().take_error()
        {
            return Err(errno);
        }
        let limit = self.out_limit();
        let mut lane = self.out_lane();
        if lane.ended || (!self.is_tcp() && (lane.reader_shut || lane.reader_gone)) {
            return Err(Errno::EPIPE);
        }
        if lane.reader_gone {
            lane.ended = true;
            drop(lane);
            return Ok(self.write_to_nobody(source));
        }
        let before = lane.shown();
        let done = lane.write(limit, source, extra)?;
        let is_news = lane.shown() > before;
        let hold_end = (lane.held > 0).then(|| Instant::now() + HOLD_MAX);
        let is_looked_at = lane.held_until.is_some();
        lane.held_until = hold_end.or(lane.held_until);
        drop(lane);
        if is_news {
            self.other().queue.notify(IN);
        }
        if let Some(end) = hold_end.filter(|_| !is_looked_at)
            && !hold::until(end, &self.connection, self.side)
        {
            self.connection.end_hold_now(self.side);
        }
        Ok(done)
    }

    /// Shows the reader what was held back.
    pub(crate) fn push(&self) {
        let held = std::mem::take(&mut self.out_lane().held);
        if held > 0 {
            self.other().queue.notify(IN);
        }
    }

    /// Bytes that are held back.
    pub(crate) fn held(&self) -> usize {
        self.out_lane().held
    }

    /// The other end is gone and says so (RST) when it is sent something.
    fn write_to_nobody(&self, source: &mut dyn Source) -> usize {
        let bytes = source.left();
        let mut scrap = [0; 4096];
        for _ in 0..16 {
            if !matches!(source.take(&mut scrap), Ok(taken) if taken > 0) {
                break;
            }
        }
        {
            let mut lane = self.in_lane();
            lane.ended = true;
            lane.reader_shut = true;
        }
        self.own().set_error(Errno::EPIPE);
        self.own().queue.notify(ALL);
        bytes - source.left()
    }

    /// Reads what is there; `EAGAIN` when nothing is, no bytes at the end.
    pub(crate) fn read(&self, sink: &mut dyn Sink, how: &ReadHow) -> Result<Found, Errno> {
        let other = self.other();
        let limit = limit(self.connection.flavor, other, self.own());
        let mut lane = self.in_lane();
        if lane.shown() == 0
            && let Some(errno) = self.own().error()
        {
            drop(lane);
            // To a program that was told of the end, an end it is.
            return if errno == Errno::EPIPE {
                Ok(Found::default())
            } else {
                self.own().take_error().map_or(Ok(Found::default()), Err)
            };
        }
        let found = lane.read(sink, how)?;
        let has_room = lane.writer_waits && lane.is_writable(limit);
        if has_room {
            lane.writer_waits = false;
        }
        drop(lane);
        if has_room {
            other.queue.notify(OUT);
        }
        Ok(found)
    }

    /// Sends the last byte of `source` as urgent data, the others before it: `MSG_OOB`.
    pub(crate) fn write_urgent(&self, source: &mut dyn Source) -> Result<usize, Errno> {
        let done = self.write(source, &mut Extra::default())?;
        if source.left() == 0 && done > 0 {
            let mut lane = self.out_lane();
            let len = lane.ring.len();
            if len > 0 {
                let (one, two) = lane.ring.slices(len);
                let last = two.last().or(one.last()).copied();
                lane.urgent = Some((lane.position + len as u64 - 1, last));
            }
            drop(lane);
            self.other().queue.notify(IN | Events::PRI);
        }
        Ok(done)
    }

    /// The urgent byte: `EINVAL` when there is none or it stays in line, `EAGAIN` while it is under way.
    pub(crate) fn read_urgent(&self, peek: bool, inline: bool) -> Result<u8, Errno> {
        let mut lane = self.in_lane();
        match &mut lane.urgent {
            Some((_, byte)) if !inline => {
                let found = byte.ok_or(Errno::EINVAL)?;
                if !peek {
                    *byte = None;
                }
                Ok(found)
            }
            _ => Err(Errno::EINVAL),
        }
    }

    /// The next byte is the urgent one: `SIOCATMARK`.
    pub(crate) fn is_at_mark(&self) -> bool {
        let lane = self.in_lane();
        lane.urgent.is_some_and(|(at, _)| at == lane.position)
    }

    /// Passes over the urgent byte that stands next in line, unless it is to be read there.
    pub(crate) fn skip_urgent(&self) {
        let mut lane = self.in_lane();
        if let Some((at, _)) = lane.urgent
            && at == lane.position
            && !lane.ring.is_empty()
        {
            lane.consume(1);
            lane.urgent = None;
        }
    }

    /// Urgent data has come.
    pub(crate) fn has_urgent(&self) -> bool {
        self.in_lane().urgent.is_some_and(|(_, byte)| byte.is_some())
    }

    /// Ends one or both directions.
    pub(crate) fn shutdown(&self, halves: Halves) {
        if halves.contains(Halves::WRITE) {
            self.out_lane().ended = true;
        }
        if halves.contains(Halves::READ) {
            self.in_lane().reader_shut = true;
        }
        self.own().queue.notify(ALL);
        if halves.contains(Halves::WRITE) || !self.is_tcp() {
            self.other().queue.notify(ALL);
        }
    }

    /// The socket goes. `abort`, or bytes that nobody read, make the other end fail (`ECONNRESET`).
    pub(crate) fn close(&self, abort: bool) {
        let unread = {
            let mut lane = self.in_lane();
            lane.reader_gone = true;
            lane.urgent = None;
            let unread = !lane.ring.is_empty();
            let old = std::mem::replace(&mut lane.ring, Ring::new());
            let segments = std::mem::take(&mut lane.segments);
            drop(lane);
            // Descriptors in them are closed without the lock.
            drop((old, segments));
            unread
        };
        let heard_end = {
            let mut lane = self.out_lane();
            std::mem::replace(&mut lane.ended, true)
        };
        if abort || unread {
            let errno = if self.is_tcp() && heard_end { Errno::EPIPE } else { Errno::ECONNRESET };
            self.other().set_error(errno);
            let mut lane = self.in_lane();
            lane.ended = true;
            drop(lane);
            self.out_lane().reader_shut = true;
        }
        self.other().queue.notify(ALL);
    }

    /// Throws away what was not read: the socket cannot be reached any more.
    pub(crate) fn purge(&self) {
        let mut lane = self.in_lane();
        let segments = std::mem::take(&mut lane.segments);
        drop(lane);
        drop(segments);
    }

    /// The halves that are shut, as this end sees it.
    pub(crate) fn shut(&self) -> Halves {
        let mut shut = Halves::empty();
        {
            let lane = self.in_lane();
            shut.set(Halves::READ, lane.ended || lane.reader_shut);
        }
        let lane = self.out_lane();
        shut.set(Halves::WRITE, lane.ended || (!self.is_tcp() && (lane.reader_shut || lane.reader_gone)));
        shut
    }

    /// Both directions ended: `TCP_CLOSE`.
    pub(crate) fn is_over(&self) -> bool {
        let ended = self.in_lane().ended;
        ended && self.out_lane().ended
    }

    /// What the end is ready for, but for errors.
    pub(crate) fn readiness(&self, least: usize) -> Events {
        let mut events = Events::empty();
        let over = {
            let lane = self.in_lane();
            let over = lane.ended || lane.reader_shut;
            if over || lane.shown() >= least.max(1) {
                events |= IN;
            }
            over
        };
        if over {
            events |= Events::RDHUP;
        }
        let limit = self.out_limit();
        let mut lane = self.out_lane();
        let ended = lane.ended || (!self.is_tcp() && (lane.reader_shut || lane.reader_gone));
        if ended || lane.is_writable(limit) {
            events |= OUT;
        } else {
            lane.writer_waits = true;
        }
        if over && ended {
            events |= Events::HUP;
        }
        events
    }

    /// Bytes that the incoming lane may hold.
    pub(crate) fn capacity(&self) -> usize {
        limit(self.connection.flavor, self.other(), self.own())
    }

    /// Bytes to read.
    pub(crate) fn unread(&self) -> usize {
        self.in_lane().shown()
    }

    /// Bytes that the other end has not read.
    pub(crate) fn unsent(&self) -> usize {
        self.out_lane().ring.len()
    }
}
