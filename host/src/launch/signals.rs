//! Signals as something to poll.

use super::error::{Context, Result};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::{io, ptr};

/// Signals of the process, read from a descriptor instead of handled: signalfd(2).
#[derive(Debug)]
pub struct Signals {
    fd: OwnedFd,
}

/// A signal that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Its number.
    pub signal: u8,
    /// The kernel sent it, for a key of the terminal.
    pub is_from_kernel: bool,
}

impl Signals {
    /// Blocks `signals` in the calling thread and reads them from here on.
    pub fn catch(signals: &[u8]) -> Result<Self> {
        let set = signal_set(signals);
        // SAFETY: a valid set; the old mask is not asked for.
        let blocked = unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) };
        if blocked != 0 {
            return Err(io::Error::last_os_error()).step("block signals");
        }
        // SAFETY: a valid set; the result is checked.
        let fd = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error()).step("open a signalfd");
        }
        // SAFETY: opened just now.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// The next signal that has come; `None` when there is none.
    pub fn next(&self) -> Option<Arrived> {
        let mut buffer = [0; size_of::<libc::signalfd_siginfo>()];
        match rustix::io::read(&self.fd, &mut buffer) {
            Ok(len) if len == buffer.len() => {
                let word = |at: usize| i32::from_ne_bytes([buffer[at], buffer[at + 1], buffer[at + 2], buffer[at + 3]]);
                // `ssi_signo`, `ssi_errno`, `ssi_code`.
                Some(Arrived { signal: word(0) as u8, is_from_kernel: word(8) == libc::SI_KERNEL })
            }
            _ => None,
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn signal_set(signals: &[u8]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set; sigaddset checks the number.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for &signal in signals {
            libc::sigaddset(set.as_mut_ptr(), i32::from(signal));
        }
        set.assume_init()
    }
}

/// Unblocks every signal in the calling thread (a child inherits the mask of its maker).
pub fn restore_signals() {
    let set = signal_set(&[]);
    // SAFETY: a valid set; the old mask is not asked for. It can't fail with these arguments.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const set, ptr::null_mut()) };
}

/// Which of `signals` the process ignores: its starter wanted that (`nohup`).
pub fn ignored_signals(signals: &[u8]) -> Vec<u8> {
    signals.iter().copied().filter(|&signal| is_ignored(signal)).collect()
}

fn is_ignored(signal: u8) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: only reads the present action into valid memory, which is valid when zero.
    unsafe {
        libc::sigaction(i32::from(signal), ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}
