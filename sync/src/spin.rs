//! Looking for a wake-up before sleeping.

use crate::clock::{Clock, now};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

/// How long the owner of a word looks before it sleeps: about what it costs to wake an idle core.
pub(crate) const SPIN: Duration = Duration::from_micros(20);
/// Looks between two looks at the clock.
const LOOKS: u32 = 16;
/// Most sleeps between two tries, where looking was in vain.
const MAX_SKIPPED: u32 = 1023;

/// Whether the owner of a word looks before it sleeps: as long as that helps, and now and then whether it does.
///
/// Where partners run on different cores, the one that waits would let its core go idle, and the other one pay for
/// waking it. Where they share a core, or events are rare, looking is in vain and hardly happens.
#[derive(Debug, Default)]
pub(crate) struct Spin {
    /// Sleeps until the next try.
    skip: AtomicU32,
    /// Sleeps that were skipped before the last try.
    skipped: AtomicU32,
}

impl Spin {
    pub(crate) const fn new() -> Self {
        Self { skip: AtomicU32::new(0), skipped: AtomicU32::new(0) }
    }

    /// This sleep is one to try it at. Owner only.
    pub(crate) fn is_due(&self) -> bool {
        let skip = self.skip.load(Relaxed);
        self.skip.store(skip.saturating_sub(1), Relaxed);
        skip == 0
    }

    /// Looks for any of `flags` in `word`. Owner only.
    pub(crate) fn look(&self, word: &AtomicU32, flags: u32) {
        let start = now(Clock::Monotonic);
        let is_set = || {
            (0..LOOKS).any(|_| {
                std::hint::spin_loop();
                word.load(SeqCst) & flags != 0
            })
        };
        while !is_set() {
            if now(Clock::Monotonic).saturating_sub(start) >= SPIN {
                let skipped = (self.skipped.load(Relaxed) * 2 + 1).min(MAX_SKIPPED);
                self.skipped.store(skipped, Relaxed);
                self.skip.store(skipped, Relaxed);
                return;
            }
        }
        self.skipped.store(0, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sleeps until the next try, that one included.
    fn sleeps_to_try(spin: &Spin) -> u32 {
        let mut sleeps = 1;
        while !spin.is_due() {
            sleeps += 1;
        }
        sleeps
    }

    #[test]
    fn tries_become_rare_in_vain_and_frequent_with_success() {
        let (spin, word) = (Spin::new(), AtomicU32::new(0));
        for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024] {
            assert_eq!(sleeps_to_try(&spin), expected);
            spin.look(&word, 1);
        }
        word.store(1, SeqCst);
        sleeps_to_try(&spin);
        spin.look(&word, 1);
        assert_eq!(sleeps_to_try(&spin), 1);
    }
}
