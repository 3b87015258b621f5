//! Failures that the stub may tell of by itself: `ENOENT` and the like for paths that were looked up before.
//!
//! A program looks for a file in many places, and compilers ask for each part of a path whether it is a link. What
//! fails because of what a path names fails again until a name changes, or who may find it. All such changes of the
//! sandbox are counted by one word in a page of the stub's image: the sentry writes it, each stub can only read it.
//! A failure is put into the thread's own slot with the count that the word had before the path was walked. As long as
//! the word says the same, the stub answers: at that moment the sentry would have said so too. What a hostile program
//! makes of its slot it only tells itself.

use super::context::Context;
use super::layout::{CHANGES, FAILURE_PATH, FAILURES, FAILURES_MAX, Failure, STUB_BASE, failure_index, failure_key};
use abi::Errno;
use rustix::mm::{MapFlags, ProtFlags};
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// Failures of a program before the first is kept: the table takes pages.
const PATIENCE: u32 = 8;

/// The word in the stub's image that counts changes, for as long as this process lives. What is not mapped is a word
/// that no stub sees: there is one all the same.
pub(super) fn changes(image: BorrowedFd<'_>) -> io::Result<&'static AtomicU64> {
    let (read_write, shared) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
    // SAFETY: a new mapping of a page of the image, which is never unmapped; anybody's writes to it are atomic.
    unsafe {
        let page = rustix::mm::mmap(std::ptr::null_mut(), 4096, read_write, shared, image, CHANGES - STUB_BASE)?;
        Ok(&*page.cast::<AtomicU64>())
    }
}

impl Context {
    /// The present call failed with `errno` because of what `path` names, and will until there are more changes than
    /// `changes`, which was the count before anything was looked at.
    pub fn remember_failure(&self, path: &[u8], errno: Errno, changes: u64) {
        let call = self.call();
        let Some(key) = failure_key(call.nr, [call.args[0], call.args[1], call.args[2], call.args[3]]) else { return };
        if call.is_trapped || path.first() != Some(&b'/') || path.len() >= FAILURE_PATH as usize {
            return;
        }
        let failures = self.failures.get().saturating_add(1);
        self.failures.set(failures);
        if failures < PATIENCE {
            return;
        }
        let slot = self.thread.slot();
        if failures == PATIENCE {
            // Of another thread that had the slot, or of another program, there is nothing left.
            slot.write_bytes(FAILURES, &[0; FAILURES_MAX * size_of::<Failure>()]);
            slot.knows_failures.store(1, SeqCst);
        }
        let mut kept = [0; FAILURE_PATH as usize];
        kept[..path.len()].copy_from_slice(path);
        let index = failure_index(call.nr, &kept[..=path.len()]);
        let words = [call.nr, key, path.len() as u32 + 1, 0].map(u32::to_ne_bytes);
        let result = errno.to_return().to_ne_bytes();
        let bytes = [&changes.to_ne_bytes()[..], words.as_flattened(), &result, &kept].concat();
        let at = FAILURES + (index * size_of::<Failure>()) as u64;
        slot.write_bytes(at, &bytes);
    }

    /// What failed need not fail any more: another program runs here, or it has other rights or another root.
    pub fn forget_failures(&self) {
        self.failures.set(0);
        self.thread.slot().knows_failures.store(0, SeqCst);
    }
}
