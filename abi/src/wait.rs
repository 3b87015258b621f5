//! Waiting for children: `wait4(2)`, `waitid(2)`.

use bitflags::bitflags;

bitflags! {
    /// Options of the wait calls.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct WaitFlags: u32 {
        /// Do not block.
        const NOHANG = 1;
        /// Stopped children (`WSTOPPED`, `WUNTRACED`).
        const STOPPED = 2;
        /// Children that ended.
        const EXITED = 4;
        /// Children that went on by SIGCONT.
        const CONTINUED = 8;
        /// Leave it waitable.
        const NOWAIT = 0x0100_0000;
        /// Only children of the calling thread.
        const NOTHREAD = 0x2000_0000;
        /// Every child.
        const ALL = 0x4000_0000;
        /// Children that send no SIGCHLD.
        const CLONE = 0x8000_0000;
        const _ = !0;
    }
}

/// `idtype` of `waitid(2)`: any child.
pub const P_ALL: i32 = 0;
/// `idtype`: this process.
pub const P_PID: i32 = 1;
/// `idtype`: this process group.
pub const P_PGID: i32 = 2;
/// `idtype`: this pidfd.
pub const P_PIDFD: i32 = 3;
