//! What every socket has: its queue, its pending error and the options of `socket(7)`.

use crate::message::Call;
use abi::Errno;
use abi::poll::Events;
use abi::socket::Ucred;
use std::sync::atomic::{AtomicI32, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use sync::{Deadline, Fail, Mutex, Rank, WaitQueue};
use vfs::ended;

/// Default of `SO_SNDBUF` and `SO_RCVBUF`: /proc/sys/net/core/{w,r}mem_default.
pub(crate) const BUFFER_DEFAULT: u32 = 212_992;
/// Largest size that a program may ask for: /proc/sys/net/core/{w,r}mem_max.
pub(crate) const BUFFER_MAX: u32 = 212_992;
/// Largest size with `CAP_NET_ADMIN`.
pub(crate) const BUFFER_FORCE_MAX: u32 = 1 << 24;

/// Readable.
pub(crate) const IN: Events = Events::IN.union(Events::RDNORM);
/// Writable.
pub(crate) const OUT: Events = Events::OUT.union(Events::WRNORM).union(Events::WRBAND);
/// What may change when a connection ends.
pub(crate) const ALL: Events = Events::all();

bitflags::bitflags! {
    /// Options that are on or off.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Switches: u32 {
        /// `SO_DEBUG`.
        const DEBUG = 1;
        /// `SO_REUSEADDR`.
        const REUSEADDR = 1 << 1;
        /// `SO_DONTROUTE`.
        const DONTROUTE = 1 << 2;
        /// `SO_BROADCAST`.
        const BROADCAST = 1 << 3;
        /// `SO_KEEPALIVE`.
        const KEEPALIVE = 1 << 4;
        /// `SO_OOBINLINE`.
        const OOBINLINE = 1 << 5;
        /// `SO_NO_CHECK`.
        const NO_CHECK = 1 << 6;
        /// `SO_REUSEPORT`.
        const REUSEPORT = 1 << 7;
        /// `SO_PASSCRED`.
        const PASSCRED = 1 << 8;
        /// `SO_TIMESTAMP`.
        const TIMESTAMP = 1 << 9;
        /// `SO_TIMESTAMPNS`.
        const TIMESTAMPNS = 1 << 10;
        /// `SO_PASSSEC`.
        const PASSSEC = 1 << 11;
        /// `SO_RXQ_OVFL`.
        const RXQ_OVFL = 1 << 12;
        /// `SO_NOFCS`.
        const NOFCS = 1 << 13;
        /// `SO_ZEROCOPY`.
        const ZEROCOPY = 1 << 14;
        /// `SO_WIFI_STATUS`.
        const WIFI_STATUS = 1 << 15;
        /// `SO_SELECT_ERR_QUEUE`.
        const SELECT_ERR_QUEUE = 1 << 16;
        /// `SO_LOCK_FILTER`.
        const LOCK_FILTER = 1 << 17;
    }
}

/// Who is at the other end of a unix socket: `SO_PEERCRED`, `SO_PEERGROUPS`.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) ucred: Ucred,
    pub(crate) groups: Arc<[u32]>,
}

impl Peer {
    /// The one who asks.
    pub(crate) fn of(call: &Call<'_>) -> Self {
        let creds = &call.caller.creds;
        let ucred = Ucred { uid: creds.euid, gid: creds.egid, ..call.ucred() };
        Self { ucred, groups: creds.groups.clone() }
    }
}

/// What every socket has.
pub struct Common {
    /// Address family.
    pub family: u16,
    /// `SOCK_*`.
    pub kind: i32,
    /// Protocol number.
    pub protocol: i32,
    /// Inode number.
    pub ino: u64,
    /// Effective user of the one who made it.
    pub uid: u32,
    /// Told of changes of readiness.
    pub queue: WaitQueue,
    switches: AtomicU32,
    error: AtomicU16,
    pub(crate) sndbuf: AtomicU32,
    pub(crate) rcvbuf: AtomicU32,
    rcvlowat: AtomicU32,
    /// Nanoseconds; 0 is without end.
    rcvtimeo: AtomicU64,
    sndtimeo: AtomicU64,
    /// Seconds; -1 is off.
    linger: AtomicI32,
    /// Options that are only kept.
    pub(crate) kept: Mutex<Vec<(i32, i32)>>,
    /// Bytes in packets that others have not received.
    pub(crate) in_flight: AtomicUsize,
    pub(crate) peer: OnceLock<Peer>,
}

impl Common {
    /// For a new socket.
    pub(crate) fn new(family: u16, kind: i32, protocol: i32, uid: u32) -> Self {
        Self {
            family,
            kind,
            protocol,
            ino: vfs::next_ino(),
            uid,
            queue: WaitQueue::new(),
            switches: AtomicU32::new(0),
            error: AtomicU16::new(0),
            sndbuf: AtomicU32::new(BUFFER_DEFAULT),
            rcvbuf: AtomicU32::new(BUFFER_DEFAULT),
            rcvlowat: AtomicU32::new(1),
            rcvtimeo: AtomicU64::new(0),
            sndtimeo: AtomicU64::new(0),
            linger: AtomicI32::new(-1),
            kept: Mutex::new(Rank::Leaf, Vec::new()),
            in_flight: AtomicUsize::new(0),
            peer: OnceLock::new(),
        }
    }

    /// For a socket that `accept(2)` gives: options are those of the listener.
    pub(crate) fn inherit(&self) -> Self {
        let new = Self::new(self.family, self.kind, self.protocol, self.uid);
        new.switches.store(self.switches.load(SeqCst), SeqCst);
        new.sndbuf.store(self.sndbuf.load(SeqCst), SeqCst);
        new.rcvbuf.store(self.rcvbuf.load(SeqCst), SeqCst);
        new.rcvlowat.store(self.rcvlowat.load(SeqCst), SeqCst);
        new.rcvtimeo.store(self.rcvtimeo.load(SeqCst), SeqCst);
        new.sndtimeo.store(self.sndtimeo.load(SeqCst), SeqCst);
        new.linger.store(self.linger.load(SeqCst), SeqCst);
        let kept = self.kept.lock().clone();
        *new.kept.lock() = kept;
        new
    }

    /// The option is on.
    pub fn has(&self, switch: Switches) -> bool {
        self.switches.load(SeqCst) & switch.bits() != 0
    }

    /// Turns an option on or off.
    pub(crate) fn switch(&self, switch: Switches, on: bool) {
        if on {
            self.switches.fetch_or(switch.bits(), SeqCst);
        } else {
            self.switches.fetch_and(!switch.bits(), SeqCst);
        }
    }

    /// Sets what `SO_ERROR` and the next call report.
    pub(crate) fn set_error(&self, errno: Errno) {
        self.error.store(errno.0, SeqCst);
    }

    /// The pending error, which is gone then.
    pub(crate) fn take_error(&self) -> Option<Errno> {
        if self.error.load(SeqCst) == 0 {
            return None;
        }
        match self.error.swap(0, SeqCst) {
            0 => None,
            number => Some(Errno(number)),
        }
    }

    /// The pending error, which stays.
    pub(crate) fn error(&self) -> Option<Errno> {
        match self.error.load(SeqCst) {
            0 => None,
            number => Some(Errno(number)),
        }
    }

    /// Fewest bytes that a read waits for.
    pub(crate) fn rcvlowat(&self) -> usize {
        self.rcvlowat.load(SeqCst).max(1) as usize
    }

    pub(crate) fn set_rcvlowat(&self, value: u32) {
        self.rcvlowat.store(value.max(1), SeqCst);
    }

    /// `SO_RCVTIMEO`; `None` for no end.
    pub fn receive_timeout(&self) -> Option<Duration> {
        nanos(self.rcvtimeo.load(SeqCst))
    }

    /// `SO_SNDTIMEO`; `None` for no end.
    pub fn send_timeout(&self) -> Option<Duration> {
        nanos(self.sndtimeo.load(SeqCst))
    }

    pub(crate) fn set_receive_timeout(&self, timeout: Option<Duration>) {
        self.rcvtimeo.store(to_nanos(timeout), SeqCst);
    }

    pub(crate) fn set_send_timeout(&self, timeout: Option<Duration>) {
        self.sndtimeo.store(to_nanos(timeout), SeqCst);
    }

    /// `SO_LINGER` in seconds; `None` when off.
    pub(crate) fn linger(&self) -> Option<u32> {
        u32::try_from(self.linger.load(SeqCst)).ok()
    }

    pub(crate) fn set_linger(&self, seconds: Option<i32>) {
        self.linger.store(seconds.map_or(-1, |seconds| seconds.max(0)), SeqCst);
    }

    /// Waits on the socket's queue for `events` until `attempt` gives something else than `EAGAIN`.
    /// With a timeout it ends with `EAGAIN`, and an interrupted call is not made again: `signal(7)`.
    pub(crate) fn wait<T>(
        &self,
        call: &Call<'_>,
        events: Events,
        timeout: Option<Duration>,
        mut attempt: impl FnMut() -> Result<T, Errno>,
    ) -> Result<T, Fail> {
        if call.nonblock {
            return attempt().map_err(Fail::Errno);
        }
        let deadline = timeout.and_then(Deadline::after);
        let result = call.caller.block(&self.queue, events | Events::ERR | Events::HUP, deadline, || ended(attempt()));
        finish(result, timeout)
    }

    /// As [`Self::wait`] for a connection or a message to come, each of which serves one: waiters take turns.
    pub(crate) fn wait_in_turn<T>(
        &self,
        call: &Call<'_>,
        mut attempt: impl FnMut() -> Result<T, Errno>,
    ) -> Result<T, Fail> {
        if call.nonblock {
            return attempt().map_err(Fail::Errno);
        }
        let timeout = self.receive_timeout();
        let deadline = timeout.and_then(Deadline::after);
        let events = IN | Events::ERR | Events::HUP;
        let result = call.caller.block_in_turn(&self.queue, events, deadline, || ended(attempt()));
        if matches!(result, Ok(Err(_))) {
            // It may have been woken for what another can have.
            self.queue.notify(IN);
        }
        finish(result, timeout)
    }
}

/// The result of a wait, which a signal ends for good when it had a timeout.
fn finish<T>(result: Result<Result<T, Errno>, Fail>, timeout: Option<Duration>) -> Result<T, Fail> {
    match result {
        Ok(done) => done.map_err(Fail::Errno),
        Err(Fail::Interrupted(_)) if timeout.is_some() => Err(Errno::EINTR.into()),
        Err(fail) => Err(fail),
    }
}

fn nanos(value: u64) -> Option<Duration> {
    (value != 0).then(|| Duration::from_nanos(value))
}

fn to_nanos(timeout: Option<Duration>) -> u64 {
    timeout.map_or(0, |timeout| u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX).max(1))
}
