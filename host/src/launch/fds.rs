//! Leaves descriptors behind.

use super::error::{Context, Result};
use rustix::io::{FdFlags, fcntl_setfd};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Closes every descriptor of the process but `keep`.
///
/// Whoever owns another descriptor must not use or close it afterwards: call it in a fresh child, before
/// anything there opens files.
pub fn close_others(keep: &[BorrowedFd<'_>]) -> Result<()> {
    let mut kept: Vec<u32> = keep.iter().map(|fd| fd.as_raw_fd() as u32).collect();
    kept.sort_unstable();
    let mut from = 0;
    for fd in kept.into_iter().chain([u32::MAX]) {
        if from < fd {
            let last = if fd == u32::MAX { fd } else { fd - 1 };
            // SAFETY: closes descriptors only; the contract above says that nobody uses them.
            let result = unsafe { libc::syscall(libc::SYS_close_range, from, last, 0) };
            if result != 0 {
                return Err(std::io::Error::last_os_error()).step("close inherited descriptors (needs Linux 5.9)");
            }
        }
        from = from.max(fd.saturating_add(1));
    }
    Ok(())
}

/// Lets a program that is started by exec inherit the descriptor.
pub fn keep_across_exec(fd: BorrowedFd<'_>) -> Result<()> {
    fcntl_setfd(fd, FdFlags::empty()).step("pass a descriptor on")
}
