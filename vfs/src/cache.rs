//! What keeps names that nobody uses at the moment: a clock of bounded size.

use crate::dentry::{Dentry, NO_SLOT};
use crate::superblock::Superblock;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use sync::{Mutex, Rank};

/// Most names kept, of all filesystems together.
const MAX_NAMES: usize = 16 * 1024;

#[derive(Default)]
struct Slots {
    list: Vec<Option<Arc<Dentry>>>,
    free: Vec<u32>,
    hand: usize,
}

/// The dentry cache of a sandbox.
pub(crate) struct Cache {
    slots: Mutex<Slots>,
    /// Counts changes of names and of who may find them; see [`crate::Vfs::count_changes`].
    changes: OnceLock<&'static AtomicU64>,
}

impl Cache {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { slots: Mutex::new(Rank::Cache, Slots::default()), changes: OnceLock::new() }
    }

    /// Where changes are counted.
    pub(crate) fn count_changes(&self, changes: &'static AtomicU64) {
        let _ = self.changes.set(changes);
    }

    /// A name is not what it was, or other callers than before may find it: before whoever changed that hears of it.
    pub(crate) fn changed(&self) {
        if let Some(changes) = self.changes.get() {
            changes.fetch_add(1, SeqCst);
        }
    }

    /// Keeps a name, at the price of one that was not used for long.
    pub(crate) fn keep(&self, dentry: &Arc<Dentry>) {
        let evicted = {
            let mut slots = self.slots.lock();
            if dentry.slot.load(Relaxed) != NO_SLOT {
                return;
            }
            let (index, evicted) = slots.room();
            dentry.slot.store(index as u32, Relaxed);
            slots.list[index] = Some(dentry.clone());
            evicted
        };
        // What goes may take locks of its filesystem: not under the cache's.
        drop(evicted);
    }

    /// Lets go of a name that is no more.
    pub(crate) fn forget(&self, dentry: &Dentry) {
        let gone = {
            let mut slots = self.slots.lock();
            let slot = dentry.slot.swap(NO_SLOT, Relaxed);
            let gone = slots.list.get_mut(slot as usize).and_then(Option::take);
            if gone.is_some() {
                slots.free.push(slot);
            }
            gone
        };
        drop(gone);
    }

    /// Lets go of all names of a filesystem that is no longer mounted.
    pub(crate) fn purge(&self, superblock: &Superblock) {
        let mut gone = Vec::new();
        {
            let mut slots = self.slots.lock();
            let Slots { list, free, .. } = &mut *slots;
            for (index, slot) in list.iter_mut().enumerate() {
                if slot.as_ref().is_some_and(|dentry| std::ptr::eq(Arc::as_ptr(dentry.superblock()), superblock))
                    && let Some(dentry) = slot.take()
                {
                    dentry.slot.store(NO_SLOT, Relaxed);
                    free.push(index as u32);
                    gone.push(dentry);
                }
            }
        }
        drop(gone);
    }
}

impl Slots {
    /// A free slot, and what had to go for it.
    fn room(&mut self) -> (usize, Option<Arc<Dentry>>) {
        if let Some(index) = self.free.pop() {
            return (index as usize, None);
        }
        if self.list.len() < MAX_NAMES {
            self.list.push(None);
            return (self.list.len() - 1, None);
        }
        // Two rounds at most: the first one clears every mark.
        loop {
            let index = self.hand % self.list.len();
            self.hand = index + 1;
            let is_used = self.list[index].as_ref().is_some_and(|dentry| dentry.referenced.swap(false, Relaxed));
            if !is_used {
                let evicted = self.list[index].take();
                if let Some(dentry) = &evicted {
                    dentry.slot.store(NO_SLOT, Relaxed);
                }
                return (index, evicted);
            }
        }
    }
}
