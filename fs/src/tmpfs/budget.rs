//! What an instance may use.

use abi::Errno;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// Limits of an instance and what is used of them.
#[derive(Debug)]
pub(crate) struct Budget {
    max_pages: u64,
    max_inodes: u64,
    pages: AtomicU64,
    inodes: AtomicU64,
}

impl Budget {
    pub(super) fn new(max_pages: Option<u64>, max_inodes: Option<u64>) -> Self {
        Self {
            max_pages: max_pages.unwrap_or(u64::MAX),
            max_inodes: max_inodes.unwrap_or(u64::MAX),
            pages: AtomicU64::new(0),
            inodes: AtomicU64::new(0),
        }
    }

    /// Takes pages; `ENOSPC`.
    pub(super) fn take_pages(&self, count: u64) -> Result<(), Errno> {
        take(&self.pages, count, self.max_pages)
    }

    /// Takes as many pages as there are, at most `count`.
    pub(super) fn take_some_pages(&self, count: u64) -> u64 {
        let mut taken = 0;
        // The closure always gives a value.
        let _ = self.pages.fetch_update(SeqCst, SeqCst, |used| {
            taken = count.min(self.max_pages.saturating_sub(used));
            Some(used + taken)
        });
        taken
    }

    /// Takes pages that are used already, whatever the limit says.
    pub(super) fn force_pages(&self, count: u64) {
        self.pages.fetch_add(count, SeqCst);
    }

    pub(super) fn give_pages(&self, count: u64) {
        self.pages.fetch_sub(count, SeqCst);
    }

    /// Takes inodes; `ENOSPC`.
    pub(super) fn take_inodes(&self, count: u64) -> Result<(), Errno> {
        take(&self.inodes, count, self.max_inodes)
    }

    pub(super) fn give_inodes(&self, count: u64) {
        self.inodes.fetch_sub(count, SeqCst);
    }

    /// Limit and use of pages; a limit of zero is none.
    pub(super) fn pages(&self) -> (u64, u64) {
        (shown(self.max_pages), self.pages.load(SeqCst))
    }

    /// Limit and use of inodes; a limit of zero is none.
    pub(super) fn inodes(&self) -> (u64, u64) {
        (shown(self.max_inodes), self.inodes.load(SeqCst))
    }
}

const fn shown(limit: u64) -> u64 {
    if limit == u64::MAX { 0 } else { limit }
}

fn take(used: &AtomicU64, count: u64, max: u64) -> Result<(), Errno> {
    let add = |used: u64| used.checked_add(count).filter(|&sum| sum <= max);
    used.fetch_update(SeqCst, SeqCst, add).map(drop).map_err(|_| Errno::ENOSPC)
}
