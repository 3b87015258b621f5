//! Descriptors of directories: a bounded number of them is open.

use abi::Errno;
use host::file::descriptor_limit;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use sync::{Mutex, Rank};

/// A directory's descriptor, while it is open.
pub(super) struct Slot {
    fd: Mutex<Option<Arc<OwnedFd>>>,
    /// Used since the hand passed.
    is_used: AtomicBool,
}

impl Slot {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { fd: Mutex::new(Rank::Leaf, None), is_used: AtomicBool::new(false) })
    }

    /// The descriptor, if it is open.
    pub(super) fn fd(&self) -> Option<Arc<OwnedFd>> {
        let fd = self.fd.lock().clone();
        if fd.is_some() && !self.is_used.load(Relaxed) {
            self.is_used.store(true, Relaxed);
        }
        fd
    }

    /// Keeps an open descriptor, at the price of one that was not used for long; gives the one to use.
    pub(super) fn keep(self: &Arc<Self>, fd: Arc<OwnedFd>) -> Arc<OwnedFd> {
        {
            let mut slot = self.fd.lock();
            if let Some(fd) = &*slot {
                return fd.clone();
            }
            *slot = Some(fd.clone());
        }
        let victim = OPEN.lock().room(self);
        if let Some(victim) = victim.and_then(|victim| victim.upgrade()) {
            let closed = victim.fd.lock().take();
            drop(closed);
        }
        fd
    }
}

/// Slots with an open descriptor, of all filesystems.
struct Open {
    list: Vec<Weak<Slot>>,
    hand: usize,
}

static OPEN: Mutex<Open> = Mutex::new(Rank::Leaf, Open { list: Vec::new(), hand: 0 });

/// Most descriptors of directories: a part of what the process may have.
fn most() -> usize {
    (descriptor_limit() / 8).clamp(32, 2048) as usize
}

impl Open {
    /// Takes a slot in; gives the one whose descriptor is to be closed.
    fn room(&mut self, slot: &Arc<Slot>) -> Option<Weak<Slot>> {
        let new = Arc::downgrade(slot);
        if self.list.len() < most() {
            self.list.push(new);
            return None;
        }
        // Two rounds at most: the first one clears every mark.
        for _ in 0..2 * self.list.len() {
            let index = self.hand % self.list.len();
            self.hand = index + 1;
            let Some(old) = self.list.get_mut(index) else { continue };
            let is_used = old.upgrade().is_some_and(|old| old.is_used.swap(false, Relaxed));
            if !is_used {
                return Some(std::mem::replace(old, new));
            }
        }
        None
    }
}

/// What a node that is gone says.
pub(super) const STALE: Errno = Errno::ESTALE;
