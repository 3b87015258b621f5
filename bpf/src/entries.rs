//! Where a program is entered for a call, by its number.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

/// Numbers that are remembered; all calls that exist are below.
const NUMBERS: usize = 512;

/// Where a program is entered. Takes no memory until something is remembered.
#[derive(Debug, Default)]
pub(crate) struct Entries(OnceLock<Box<[AtomicU16]>>);

impl Entries {
    /// The place for a number; `find` tells it when it is not known.
    pub(crate) fn get(&self, nr: u32, find: impl FnOnce() -> usize) -> usize {
        let Some(index) = usize::try_from(nr).ok().filter(|&index| index < NUMBERS) else { return 0 };
        let table = self.0.get_or_init(|| (0..NUMBERS).map(|_| AtomicU16::new(0)).collect());
        let Some(slot) = table.get(index) else { return 0 };
        match slot.load(Relaxed) {
            0 => {
                let found = find();
                // A program has fewer instructions than fit.
                slot.store(u16::try_from(found + 1).unwrap_or(1), Relaxed);
                found
            }
            known => usize::from(known) - 1,
        }
    }
}

impl Clone for Entries {
    /// A copy has to find out for itself.
    fn clone(&self) -> Self {
        Self::default()
    }
}
