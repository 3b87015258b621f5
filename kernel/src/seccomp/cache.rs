//! What is known of calls by their number alone.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Numbers that are remembered; all that exist are below.
const NUMBERS: usize = 512;
/// Numbers in a word, two bits each.
const PER_WORD: usize = 32;
/// A number was looked at: it is always allowed, or not always.
const ALWAYS: u64 = 1;
const NOT_ALWAYS: u64 = 2;

/// Which calls a chain of filters allows whatever their arguments are. Filled when somebody asks.
#[derive(Debug, Default)]
pub(super) struct Cache([AtomicU64; NUMBERS / PER_WORD]);

impl Cache {
    /// Whether the call is always allowed; `None` when nobody has looked yet.
    pub(super) fn get(&self, nr: usize) -> Option<bool> {
        let Some(word) = self.0.get(nr / PER_WORD) else { return Some(false) };
        match word.load(Relaxed) >> (nr % PER_WORD * 2) & 3 {
            0 => None,
            bits => Some(bits == ALWAYS),
        }
    }

    /// Remembers what was found.
    pub(super) fn set(&self, nr: usize, is_always_allowed: bool) {
        if let Some(word) = self.0.get(nr / PER_WORD) {
            let bits = if is_always_allowed { ALWAYS } else { NOT_ALWAYS };
            word.fetch_or(bits << (nr % PER_WORD * 2), Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers() {
        let cache = Cache::default();
        for nr in [0, 31, 32, 511] {
            assert_eq!(cache.get(nr), None);
            cache.set(nr, nr % 2 == 1);
            assert_eq!(cache.get(nr), Some(nr % 2 == 1));
        }
        cache.set(512, true);
        assert_eq!([cache.get(512), cache.get(usize::MAX), cache.get(1)], [Some(false), Some(false), None]);
    }
}
