//! Guest address spaces and guest threads on the host.
//!
//! Above `host`, below `mm`. One folder per platform, `systrap` the first.
//! - [`Platform`]: makes address spaces.
//! - [`Space`]: a guest address space: read, write, map, unmap. Named after no mechanism on purpose.
//! - [`Context`]: a guest thread: its registers, and [`Context::run`], which runs it until the next [`Exit`].
//! - [`Kicker`]: gets a running guest thread out of application code.

mod systrap;

pub use abi::ptrace::UserRegs as Regs;
pub use systrap::{Context, GUEST_END, Kicker, Noted, Peak, Platform, Space, Text, TextKey};

/// A CPU exception in application code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The signal that Linux sends for it: SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP.
    pub signal: u8,
    /// `si_code`.
    pub code: i32,
    /// `si_addr`.
    pub addr: u64,
    /// Trap number of the CPU, as in the signal frame.
    pub trapno: u64,
    /// Error code of the CPU, as in the signal frame (page faults: bit 1 write, bit 4 fetch).
    pub error: u64,
}

/// A system call of application code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Number.
    pub nr: u32,
    /// Arguments.
    pub args: [u64; 6],
    /// It came by trap: its site is not patched.
    pub is_trapped: bool,
}

/// What a thread is known by to itself: calls for these need no sentry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the calls")]
pub struct Ids {
    pub pid: u32,
    pub tid: u32,
    pub uid: u32,
    pub gid: u32,
    pub euid: u32,
    pub egid: u32,
}

/// A registered area of restartable sequences: `rseq(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rseq {
    /// Its address.
    pub area: u64,
    /// Its length.
    pub len: u32,
    /// Stands before each abort handler.
    pub signature: u32,
}

/// A host call that may sleep: of the futex family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Number.
    pub nr: u32,
    /// Arguments; addresses are the application's.
    pub args: [u64; 6],
    /// When it ends: the index of the argument that is to point to it, seconds and nanoseconds on the call's clock.
    pub deadline: Option<(usize, i64, i64)>,
}

/// Why application code stopped running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It made a system call, see [`Context::call`]; `rip` is behind the instruction.
    Syscall,
    /// It raised an exception.
    Fault(Fault),
    /// It was kicked.
    Interrupt,
    /// The call of [`Context::run_wait`] is over, of a thread that may answer nothing itself
    /// ([`Context::set_local`]); the result register has its result.
    WaitDone,
    /// It was kicked while it slept in the call of [`Context::run_wait`], which had no effect.
    WaitInterrupted,
    /// Its host process is gone: the guest process dies by SIGKILL.
    Dead,
}

/// What a platform needs of its host.
#[derive(Debug)]
pub struct Config {
    /// A directory descriptor of a procfs that shows the sentry's own pid namespace.
    pub proc: std::os::fd::OwnedFd,
    /// `oom_score_adj` of the processes that hold application memory; `None` leaves the sentry's.
    pub oom_score_adj: Option<i32>,
    /// Reach into application memory with `process_vm_readv(2)` where the host allows it. Without, the stubs copy.
    pub may_reach: bool,
}
