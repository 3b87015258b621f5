//! Names that the calling thread looked up lately: found again without a lock, an allocation or a shared count
//! other than the name's own.
//!
//! An entry says what a name was in a directory while the directory had a certain stamp. A stamp is never given
//! twice, and a directory takes a new one with each change of its names: an entry with the directory's present
//! stamp is true. Entries keep no object alive, only the memory of its name.

use crate::dentry::Dentry;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};

/// Entries of a thread.
const ENTRIES: usize = 64;
/// Longer names are not kept.
const LONGEST: usize = 39;

/// A stamp that no directory had before.
pub(crate) fn stamp() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Relaxed)
}

struct Entry {
    /// Of the directory; 0 is no directory's.
    stamp: u64,
    child: Weak<Dentry>,
    len: u8,
    name: [u8; LONGEST],
}

thread_local! {
    static RECENT: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

/// Where a name is kept. What collides costs a slower lookup, nothing more: so the ends of the name will do.
fn index(stamp: u64, name: &[u8]) -> usize {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let ends = match (name.first_chunk(), name.last_chunk()) {
        (Some(first), Some(last)) => u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(29),
        _ => name.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    };
    ((ends ^ stamp.rotate_left(17)).wrapping_mul(ODD) >> 40) as usize % ENTRIES
}

/// What `name` is in the directory that has `stamp` now, if that is remembered and still lives.
pub(crate) fn find(stamp: u64, name: &[u8]) -> Option<Arc<Dentry>> {
    RECENT.with_borrow(|entries| {
        let entry = entries.get(index(stamp, name))?;
        let is_it = entry.stamp == stamp && entry.name.get(..entry.len.into()) == Some(name);
        if is_it { entry.child.upgrade() } else { None }
    })
}

/// Remembers what `name` was when its directory had `stamp`.
pub(crate) fn keep(stamp: u64, name: &[u8], child: &Arc<Dentry>) {
    let mut kept = [0; LONGEST];
    let Some(part) = kept.get_mut(..name.len()) else { return };
    part.copy_from_slice(name);
    let entry = Entry { stamp, child: Arc::downgrade(child), len: name.len() as u8, name: kept };
    RECENT.with_borrow_mut(|entries| {
        if entries.is_empty() {
            entries.resize_with(ENTRIES, || Entry { stamp: 0, child: Weak::new(), len: 0, name: [0; LONGEST] });
        }
        if let Some(place) = entries.get_mut(index(stamp, name)) {
            *place = entry;
        }
    });
}
