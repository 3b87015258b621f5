//! Queues of whole messages: what datagram and packet sockets receive from.

use crate::common::{Common, IN, OUT};
use crate::message::{Call, Incoming};
use crate::unix::rights::Rights;
use abi::Errno;
use abi::socket::{MsgFlags, Ucred};
use mm::{Sink, Source};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Weak};
use std::time::Duration;
use sync::{Fail, Mutex, Rank};
use vfs::OpenFile;

/// What a packet costs beside its bytes, in the accounts of `SO_SNDBUF` and `SO_RCVBUF`.
const OVERHEAD: usize = 256;

/// Who sent a packet.
#[derive(Clone)]
pub(crate) enum From {
    /// A unix socket: its name, if any.
    Unix(Option<Arc<crate::unix::Name>>),
    /// An inet socket.
    Inet(Header),
    /// The kernel's end of a netlink socket.
    Kernel,
}

/// What the header of a datagram says.
#[derive(Clone, Copy)]
pub(crate) struct Header {
    pub(crate) from: SocketAddr,
    pub(crate) to: IpAddr,
    /// Hops that are left.
    pub(crate) hops: i32,
    /// Type of service, or traffic class.
    pub(crate) class: i32,
}

/// A message.
pub(crate) struct Packet {
    pub(crate) bytes: Vec<u8>,
    pub(crate) from: From,
    pub(crate) ucred: Option<Ucred>,
    pub(crate) rights: Option<Rights>,
    /// Time of day of its arrival.
    pub(crate) time: Duration,
    /// On the sender's account until it is received.
    pub(crate) charge: Option<Charge>,
}

impl Packet {
    /// One that came now.
    pub(crate) fn new(bytes: Vec<u8>, from: From) -> Self {
        let time = sync::now(sync::Clock::Realtime);
        Self { bytes, from, ucred: None, rights: None, time, charge: None }
    }
}

/// A message as its receiver gets it.
pub(crate) struct Received {
    bytes: Vec<u8>,
    /// Length of the message; there may be fewer bytes here.
    pub(crate) len: usize,
    pub(crate) from: From,
    pub(crate) ucred: Option<Ucred>,
    pub(crate) files: Option<Vec<Arc<OpenFile>>>,
    pub(crate) time: Duration,
}

impl Received {
    /// Gives the bytes to the reader; the result of the call, with `MSG_TRUNC` noted. `EFAULT`.
    pub(crate) fn put(&self, sink: &mut dyn Sink, message: &mut Incoming) -> Result<usize, Errno> {
        let len = self.bytes.len().min(sink.room());
        if sink.put(self.bytes.get(..len).unwrap_or_default())? < len {
            return Err(Errno::EFAULT);
        }
        if len < self.len {
            message.out |= MsgFlags::TRUNC;
        }
        Ok(if message.flags.contains(MsgFlags::TRUNC) { self.len } else { len })
    }
}

/// The whole of a message; `EFAULT`, `ENOMEM`.
pub(crate) fn take_all(source: &mut dyn Source) -> Result<Vec<u8>, Errno> {
    let len = source.left();
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| Errno::ENOMEM)?;
    bytes.resize(len, 0);
    if source.take(&mut bytes)? < len {
        return Err(Errno::EFAULT);
    }
    Ok(bytes)
}

/// Bytes on the account of a sender.
pub(crate) struct Charge {
    sender: Arc<Common>,
    bytes: usize,
}

impl Charge {
    /// Puts a packet of `len` bytes on the account: `EMSGSIZE` when it can never fit, `EAGAIN` when it
    /// does not now.
    pub(crate) fn new(sender: &Arc<Common>, len: usize) -> Result<Self, Errno> {
        let limit = sender.sndbuf.load(SeqCst) as usize;
        if len > limit.saturating_sub(32) {
            return Err(Errno::EMSGSIZE);
        }
        let bytes = len + OVERHEAD;
        let put = sender.in_flight.fetch_update(SeqCst, SeqCst, |old| (old < limit).then_some(old + bytes));
        put.map_err(|_| Errno::EAGAIN)?;
        Ok(Self { sender: sender.clone(), bytes })
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let limit = self.sender.sndbuf.load(SeqCst) as usize;
        let before = self.sender.in_flight.fetch_sub(self.bytes, SeqCst);
        if before.saturating_sub(self.bytes) * 4 <= limit {
            self.sender.queue.notify(OUT);
        }
    }
}

#[derive(Default)]
struct State {
    queue: VecDeque<Packet>,
    bytes: usize,
    /// Senders that found it full.
    waiting: Vec<Weak<Common>>,
    /// Nothing more comes in (and the sender is told).
    shut: bool,
    /// The receiver is gone.
    closed: bool,
}

/// Why a packet was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No room.
    Full,
    /// The receiver shut its receiving half.
    Shut,
    /// The receiver is gone.
    Closed,
}

/// Packets that wait to be received.
pub(crate) struct Mailbox {
    state: Mutex<State>,
}

impl Mailbox {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(Rank::Buffer, State::default()) }
    }

    /// Takes the packet unless `is_full` says that the present number of packets and bytes is enough; a
    /// packet that is refused stays where it is.
    pub(crate) fn push(
        &self,
        packet: &mut Option<Packet>,
        is_full: impl FnOnce(usize, usize) -> bool,
        sender: Option<&Arc<Common>>,
    ) -> Result<(), Refused> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        if state.shut {
            return Err(Refused::Shut);
        }
        if is_full(state.queue.len(), state.bytes) {
            if let Some(sender) = sender {
                add_waiting(&mut state.waiting, sender);
            }
            return Err(Refused::Full);
        }
        if let Some(packet) = packet.take() {
            state.bytes += packet.bytes.len() + OVERHEAD;
            state.queue.push_back(packet);
        }
        Ok(())
    }

    /// Is there room? If not, `sender` is told when there is.
    pub(crate) fn has_room(&self, is_full: impl FnOnce(usize, usize) -> bool, sender: &Arc<Common>) -> bool {
        let mut state = self.state.lock();
        let full = !state.closed && is_full(state.queue.len(), state.bytes);
        if full {
            add_waiting(&mut state.waiting, sender);
        }
        !full
    }

    /// Waits for a packet, or the pending error, of the receiving socket: as [`Self::receive`]. A packet serves one
    /// receiver, so they take turns; who only peeks takes none away.
    pub(crate) fn wait(
        &self,
        call: &Call<'_>,
        common: &Common,
        peek: bool,
        room: usize,
    ) -> Result<Option<Received>, Fail> {
        let attempt = || match common.take_error() {
            Some(errno) => Err(errno),
            None => self.receive(peek, room),
        };
        if peek { common.wait(call, IN, common.receive_timeout(), attempt) } else { common.wait_in_turn(call, attempt) }
    }

    /// Takes the first packet, or (`peek`) copies up to `room` bytes of it: `EAGAIN`; `None` when the
    /// receiving half is shut.
    fn receive(&self, peek: bool, room: usize) -> Result<Option<Received>, Errno> {
        let mut state = self.state.lock();
        let Some(first) = state.queue.front() else {
            return if state.shut || state.closed { Ok(None) } else { Err(Errno::EAGAIN) };
        };
        let len = first.bytes.len();
        if peek {
            let bytes = first.bytes.get(..room.min(len)).unwrap_or_default().to_vec();
            let files = first.rights.as_ref().map(Rights::peek);
            let (from, ucred, time) = (first.from.clone(), first.ucred, first.time);
            return Ok(Some(Received { bytes, len, from, ucred, files, time }));
        }
        let Some(packet) = state.queue.pop_front() else { return Err(Errno::EAGAIN) };
        state.bytes -= len + OVERHEAD;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        tell(waiting);
        let Packet { bytes, from, ucred, rights, time, charge } = packet;
        drop(charge);
        Ok(Some(Received { bytes, len, from, ucred, files: rights.map(Rights::receive), time }))
    }

    /// Length of the first packet, 0 when there is none.
    pub(crate) fn first_len(&self) -> usize {
        self.state.lock().queue.front().map_or(0, |packet| packet.bytes.len())
    }

    /// Bytes of all packets.
    pub(crate) fn total_len(&self) -> usize {
        self.state.lock().queue.iter().map(|packet| packet.bytes.len()).sum()
    }

    /// Bytes on the receiver's account.
    pub(crate) fn charged(&self) -> usize {
        self.state.lock().bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state.lock().queue.is_empty()
    }

    /// Nothing more comes in.
    pub(crate) fn shut(&self) {
        let mut state = self.state.lock();
        state.shut = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        tell(waiting);
    }

    pub(crate) fn is_shut(&self) -> bool {
        self.state.lock().shut
    }

    /// The receiver goes; true when packets were left.
    pub(crate) fn close(&self) -> bool {
        let mut state = self.state.lock();
        state.closed = true;
        drop(state);
        self.clear()
    }

    /// Throws the packets away; true when there were any.
    pub(crate) fn clear(&self) -> bool {
        let (queue, waiting) = {
            let mut state = self.state.lock();
            state.bytes = 0;
            (std::mem::take(&mut state.queue), std::mem::take(&mut state.waiting))
        };
        tell(waiting);
        !queue.is_empty()
    }
}

fn add_waiting(waiting: &mut Vec<Weak<Common>>, sender: &Arc<Common>) {
    if !waiting.iter().any(|other| std::ptr::eq(other.as_ptr(), Arc::as_ptr(sender))) {
        waiting.retain(|other| other.strong_count() > 0);
        waiting.push(Arc::downgrade(sender));
    }
}

fn tell(waiting: Vec<Weak<Common>>) {
    for sender in waiting.iter().filter_map(Weak::upgrade) {
        sender.queue.notify(OUT);
    }
}
