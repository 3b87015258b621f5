//! What a process does to semaphores with `SEM_UNDO`, to be undone at its end: `semop(2)`.

use super::SemSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use sync::{Mutex, Rank};

/// The adjustments of a process, or of several that share them (`CLONE_SYSVSEM`). Done when the last of them lets
/// go of it. The numbers themselves are kept by the sets.
#[derive(Debug)]
pub struct UndoList {
    id: u64,
    pid: i32,
    sets: Mutex<Vec<Weak<SemSet>>>,
}

impl UndoList {
    /// An empty list of process `pid` (its own view).
    pub fn new(pid: i32) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Arc::new(Self { id: NEXT.fetch_add(1, Relaxed), pid, sets: Mutex::new(Rank::Leaf, Vec::new()) })
    }

    pub(super) const fn id(&self) -> u64 {
        self.id
    }

    /// Notes that a set has adjustments of this list.
    pub(super) fn note(&self, set: &Arc<SemSet>) {
        let mut sets = self.sets.lock();
        sets.retain(|known| known.strong_count() > 0);
        if !sets.iter().any(|known| std::ptr::eq(known.as_ptr(), Arc::as_ptr(set))) {
            sets.push(Arc::downgrade(set));
        }
    }
}

impl Drop for UndoList {
    fn drop(&mut self) {
        let sets = std::mem::take(&mut *self.sets.lock());
        for set in sets.iter().filter_map(Weak::upgrade) {
            set.undo(self.id, self.pid);
        }
    }
}
