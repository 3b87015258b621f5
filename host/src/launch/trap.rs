//! Tells which call the sentry's seccomp filter refused, in debugging runs.

use super::error::{Context, Result};
use std::os::fd::{BorrowedFd, IntoRawFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::{io, mem, ptr};

static LOG: AtomicI32 = AtomicI32::new(-1);

/// Exit status after a refused call: as a shell reports death by SIGSYS.
const STATUS: i32 = 128 + libc::SIGSYS;

/// From here on a call that a filter answers with a trap is named in `log`, and the process ends. (Without
/// a debug log the filter kills the process, and nobody learns the number.)
pub fn report_violations(log: BorrowedFd<'_>) -> Result<()> {
    let log = log.try_clone_to_owned().step("copy the debug log's descriptor")?;
    LOG.store(log.into_raw_fd(), Ordering::Relaxed);
    // SAFETY: an all-zero action is valid; its handler is set next.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = on_violation as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: the handler uses only calls that are safe in a signal handler and does not return.
    if unsafe { libc::sigaction(libc::SIGSYS, &raw const action, ptr::null_mut()) } != 0 {
        return Err(io::Error::last_os_error()).step("catch SIGSYS");
    }
    Ok(())
}

extern "C" fn on_violation(_: i32, info: *const libc::siginfo_t, _: *const u8) {
    // `siginfo_t` of SIGSYS: three words, padding, the caller's address, then the call's number.
    // SAFETY: the kernel passes a whole siginfo_t.
    let number = unsafe { info.cast::<i32>().add(6).read() };
    let mut text = *b"lock-down: refused host call 0000\n";
    let mut rest = number.unsigned_abs();
    for digit in text[29..33].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    // SAFETY: writes a local buffer to a descriptor that is never closed, then ends the process.
    unsafe {
        libc::write(LOG.load(Ordering::Relaxed), text.as_ptr().cast(), text.len());
        libc::_exit(STATUS)
    }
}
