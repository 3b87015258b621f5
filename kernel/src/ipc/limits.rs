//! Limits of an IPC namespace that its administrator can move: /proc/sys/kernel/{msg*,sem,shm*}, `sysvipc(7)`. Those
//! of how many objects there are belong to the [`super::Registry`] of their kind.

use super::{msg, sem, shm};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One limit.
#[derive(Debug)]
pub struct Limit {
    value: AtomicU64,
    /// It cannot be moved beyond: the memory is the sentry's.
    most: u64,
}

impl Limit {
    const fn new(value: u64, most: u64) -> Self {
        Self { value: AtomicU64::new(value), most }
    }

    /// As it is set.
    pub fn value(&self) -> u64 {
        self.value.load(Relaxed)
    }

    /// Moves it. False: not so far.
    pub fn set(&self, value: u64) -> bool {
        let is_fine = value <= self.most;
        if is_fine {
            self.value.store(value, Relaxed);
        }
        is_fine
    }
}

/// The limits of a namespace.
#[derive(Debug)]
pub struct Limits {
    /// Bytes of a message.
    pub msgmax: Limit,
    /// Bytes that a new queue holds.
    pub msgmnb: Limit,
    /// Semaphores of a set.
    pub semmsl: Limit,
    /// Semaphores of all sets.
    pub semmns: Limit,
    /// Operations of a call.
    pub semopm: Limit,
    /// Bytes of a segment.
    pub shmmax: Limit,
    /// Pages of all segments.
    pub shmall: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            msgmax: Limit::new(msg::MSGMAX, 1 << 16),
            msgmnb: Limit::new(msg::MSGMNB, 1 << 16),
            semmsl: Limit::new(sem::SEMMSL, sem::SEMMSL),
            semmns: Limit::new(sem::SEMMNS, sem::SEMMNS),
            semopm: Limit::new(sem::SEMOPM, sem::SEMOPM),
            shmmax: Limit::new(shm::SHMMAX, u64::MAX),
            shmall: Limit::new(shm::SHMALL, u64::MAX),
        }
    }
}
