//! What a stub process shares with the sentry, made before it is needed.

use super::host_error;
use super::slot::Slots;
use abi::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::io;
use std::os::fd::OwnedFd;
use sync::{Mutex, Rank};

/// Most that are kept.
const KEPT: usize = 4;

/// What a new stub process shares with the sentry.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) slots: Slots,
    /// The memory file of the slots, for the stub to map.
    pub(super) memory: OwnedFd,
    /// The sentry's end of the socket for descriptors.
    pub(super) ours: OwnedFd,
    /// The stub's end.
    pub(super) theirs: OwnedFd,
}

impl Spare {
    pub(super) fn new() -> io::Result<Self> {
        let (slots, memory) = Slots::create()?;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok(Self { slots, memory, ours, theirs })
    }
}

/// Spares for the next forks. The reaper makes one for each process that it reaps: who forks again and again finds one
/// each time, and who never forks pays for none.
#[derive(Debug)]
pub(super) struct Spares(Mutex<Vec<Spare>>);

impl Spares {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Rank::Leaf, Vec::new()))
    }

    /// Takes one, or makes one.
    pub(super) fn take(&self) -> Result<Spare, Errno> {
        let kept = self.0.lock().pop();
        kept.map_or_else(|| Spare::new().map_err(host_error), Ok)
    }

    /// Makes one more, unless there are enough.
    pub(super) fn refill(&self) {
        if self.0.lock().len() < KEPT
            && let Ok(spare) = Spare::new()
        {
            self.0.lock().push(spare);
        }
    }
}
