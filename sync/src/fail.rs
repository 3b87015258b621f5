//! How a call that blocks may end without a result.

use abi::Errno;

/// How an interrupted call goes on after the signal (`signal(7)`, "Interruption of system calls").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Always made again, unseen by the program (Linux `ERESTARTNOINTR`).
    Always,
    /// Made again unless a handler without `SA_RESTART` runs; else `EINTR` (`ERESTARTSYS`).
    Sa,
    /// Made again only when no handler runs; else `EINTR` (`ERESTARTNOHAND`).
    NoHandler,
    /// As `NoHandler`, but continued by `restart_syscall` from the task's restart block
    /// (`ERESTART_RESTARTBLOCK`).
    Block,
}

/// Why a call gave no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fail {
    /// What Linux would say.
    Errno(Errno),
    /// A signal, or a stop of the task, came first. Never seen by the program as such.
    Interrupted(Restart),
}

impl From<Errno> for Fail {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}
