//! The most memory that a stub process ever had resident.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use sync::EventCount;

/// A process that was killed is reaped within this, unless the host has no time at all.
const PATIENCE: Duration = Duration::from_millis(200);

/// The most memory that an address space ever had resident, as the host tells once it has reaped the process.
#[derive(Clone, Debug)]
pub struct Peak {
    bytes: Arc<AtomicU64>,
    reaped: Arc<EventCount>,
}

impl Peak {
    pub(super) fn new(reaped: &Arc<EventCount>) -> Self {
        Self { bytes: Arc::default(), reaped: Arc::clone(reaped) }
    }

    /// The process is reaped.
    pub(super) fn set(&self, bytes: u64) {
        self.bytes.store(bytes.max(1), Relaxed);
    }

    /// Bytes, if they are known.
    pub fn get(&self) -> Option<u64> {
        Some(self.bytes.load(Relaxed)).filter(|&bytes| bytes > 0)
    }

    /// Bytes, of a process that is about to be gone: waits for its end, a little. 0: that does not come.
    pub fn wait(&self) -> u64 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = self.reaped.read();
            let left = deadline.saturating_duration_since(Instant::now());
            match self.get() {
                Some(bytes) => return bytes,
                None if left.is_zero() => return 0,
                None => self.reaped.await_more(seen, Some(left)),
            }
        }
    }
}
