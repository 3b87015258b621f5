//! What nodes keep for the next time, within bounds: descriptors, and lists of names of an image's directories.

use super::listing::Listing;
use abi::Errno;
use host::file::descriptor_limit;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use sync::{Mutex, Rank};

/// What a node that is gone says.
pub(super) const STALE: Errno = Errno::ESTALE;

/// Something that is kept.
pub(super) trait Kept: Sized + 'static {
    /// All that is kept of its kind.
    fn pool() -> &'static Pool<Self>;

    /// Most weight of all together.
    fn most() -> usize;

    /// What it weighs.
    fn weight(&self) -> usize;
}

impl Kept for OwnedFd {
    fn pool() -> &'static Pool<Self> {
        static POOL: Pool<OwnedFd> = Pool::new();
        &POOL
    }

    /// A part of what the process may have.
    fn most() -> usize {
        (descriptor_limit() / 8).clamp(32, 2048) as usize
    }

    fn weight(&self) -> usize {
        1
    }
}

impl Kept for Listing {
    fn pool() -> &'static Pool<Self> {
        static POOL: Pool<Listing> = Pool::new();
        &POOL
    }

    /// Bytes.
    fn most() -> usize {
        4 << 20
    }

    fn weight(&self) -> usize {
        self.bytes()
    }
}

/// A node's place for it.
pub(super) struct Slot<T> {
    value: Mutex<Option<Arc<T>>>,
    /// Used since the hand passed.
    is_used: AtomicBool,
}

impl<T: Kept> Slot<T> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { value: Mutex::new(Rank::Leaf, None), is_used: AtomicBool::new(false) })
    }

    /// What is kept, if it still is.
    pub(super) fn value(&self) -> Option<Arc<T>> {
        let value = self.value.lock().clone();
        if value.is_some() && !self.is_used.load(Relaxed) {
            self.is_used.store(true, Relaxed);
        }
        value
    }

    /// Keeps a value, at the price of others that were not used for long; gives the one to use.
    pub(super) fn keep(self: &Arc<Self>, new: Arc<T>) -> Arc<T> {
        {
            let mut value = self.value.lock();
            if let Some(value) = &*value {
                return value.clone();
            }
            *value = Some(new.clone());
        }
        let victims = T::pool().0.lock().take_in(self, new.weight());
        for victim in victims.iter().filter_map(Weak::upgrade) {
            let gone = victim.value.lock().take();
            drop(gone);
        }
        new
    }
}

/// Slots that keep something, of all filesystems.
pub(super) struct Pool<T>(Mutex<Clock<T>>);

impl<T> Pool<T> {
    const fn new() -> Self {
        Self(Mutex::new(Rank::Leaf, Clock { list: Vec::new(), hand: 0, weight: 0 }))
    }
}

struct Clock<T> {
    list: Vec<(Weak<Slot<T>>, usize)>,
    hand: usize,
    weight: usize,
}

impl<T: Kept> Clock<T> {
    /// Takes a slot in; gives those that are to be emptied for it.
    fn take_in(&mut self, slot: &Arc<Slot<T>>, weight: usize) -> Vec<Weak<Slot<T>>> {
        let mut victims = Vec::new();
        // Two rounds at most: the first one clears every mark.
        let mut steps = 2 * self.list.len();
        while self.weight + weight > T::most() && steps > 0 && !self.list.is_empty() {
            steps -= 1;
            if self.hand >= self.list.len() {
                self.hand = 0;
            }
            let Some((old, _)) = self.list.get(self.hand) else { break };
            if old.upgrade().is_some_and(|old| old.is_used.swap(false, Relaxed)) {
                self.hand += 1;
                continue;
            }
            let (old, gone) = self.list.swap_remove(self.hand);
            self.weight -= gone;
            victims.push(old);
        }
        self.list.push((Arc::downgrade(slot), weight));
        self.weight += weight;
        victims
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Heavy(usize);

    impl Kept for Heavy {
        fn pool() -> &'static Pool<Self> {
            static POOL: Pool<Heavy> = Pool::new();
            &POOL
        }

        fn most() -> usize {
            100
        }

        fn weight(&self) -> usize {
            self.0
        }
    }

    #[test]
    fn what_is_not_used_goes_and_the_weight_is_bounded() {
        let slots: Vec<Arc<Slot<Heavy>>> = (0..30).map(|_| Slot::new()).collect();
        let used = &slots[0];
        let weight = || slots.iter().filter_map(|slot| slot.value.lock().as_ref().map(|value| value.0)).sum::<usize>();
        used.keep(Arc::new(Heavy(10)));
        for slot in &slots[1..] {
            assert!(used.value().is_some());
            slot.keep(Arc::new(Heavy(30)));
            assert!(weight() <= 100, "{}", weight());
        }
        assert!(used.value().is_some());
        assert!(slots[29].value().is_some() && slots[1].value().is_none());
        // What is too heavy for all of them is kept alone.
        slots[1].keep(Arc::new(Heavy(1000)));
        slots[2].keep(Arc::new(Heavy(30)));
        assert!(slots[1].value().is_none() && weight() <= 100);
        // A slot that is gone makes room.
        drop(slots);
        let last = Slot::new();
        last.keep(Arc::new(Heavy(95)));
        assert!(last.value().is_some());
    }
}
