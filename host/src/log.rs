//! The debug log: lines to a descriptor; off, it costs one load.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

static ON: AtomicBool = AtomicBool::new(false);
static FILE: OnceLock<File> = OnceLock::new();

/// Longest line; the rest is cut off.
const LONGEST: usize = 16 << 10;

/// Sends the log to `fd` from now on. Only the first call of a process counts.
pub fn open(fd: OwnedFd) {
    let _ = FILE.set(File::from(fd));
    ON.store(true, Ordering::Release);
}

/// Lines are wanted.
#[inline]
pub fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// The log's descriptor.
pub fn descriptor() -> Option<BorrowedFd<'static>> {
    FILE.get().map(AsFd::as_fd)
}

/// Writes a line, with the time since boot before it; one host call, so that lines of threads stay whole.
pub fn line(text: fmt::Arguments<'_>) {
    let Some(mut file) = FILE.get() else { return };
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let mut buffer = format!("[{}.{:06}] ", time.tv_sec, time.tv_nsec / 1000);
    let _ = buffer.write_fmt(text);
    if buffer.len() > LONGEST {
        buffer.truncate((0..=LONGEST).rev().find(|&at| buffer.is_char_boundary(at)).unwrap_or(0));
    }
    buffer.push('\n');
    // A log that can't be written must not stop the sandbox.
    let _ = file.write_all(buffer.as_bytes());
}

/// Writes a line to the debug log, formatted as by `println!`. Arguments are evaluated only when it is on.
#[macro_export]
macro_rules! debug {
    ($($arg:tt)*) => {
        if $crate::log::is_on() {
            $crate::log::line(::std::format_args!($($arg)*));
        }
    };
}
