//! Device numbers of filesystem instances.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// First minor number; those below are given out by the vfs.
const FIRST: u32 = 256;

/// A device number for a filesystem (or a part of one) without a device: `0:N`.
pub(crate) fn new_device() -> u64 {
    static NEXT: AtomicU32 = AtomicU32::new(FIRST);
    vfs::make_dev(0, NEXT.fetch_add(1, Relaxed))
}
