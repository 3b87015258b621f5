//! Signals: `signal(7)`, `sigaction(2)`, `sigaltstack(2)`, the frame that handlers see.

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

macro_rules! signals {
    ($($name:ident = $nr:literal;)*) => {
        $(#[doc = concat!("`", stringify!($name), "` of `signal(7)`.")] pub const $name: u8 = $nr;)*

        /// The symbolic name of a standard signal.
        pub const fn name(signal: u8) -> Option<&'static str> {
            match signal {
                $($nr => Some(stringify!($name)),)*
                _ => None,
            }
        }
    };
}

signals! {
    SIGHUP = 1;
    SIGINT = 2;
    SIGQUIT = 3;
    SIGILL = 4;
    SIGTRAP = 5;
    SIGABRT = 6;
    SIGBUS = 7;
    SIGFPE = 8;
    SIGKILL = 9;
    SIGUSR1 = 10;
    SIGSEGV = 11;
    SIGUSR2 = 12;
    SIGPIPE = 13;
    SIGALRM = 14;
    SIGTERM = 15;
    SIGSTKFLT = 16;
    SIGCHLD = 17;
    SIGCONT = 18;
    SIGSTOP = 19;
    SIGTSTP = 20;
    SIGTTIN = 21;
    SIGTTOU = 22;
    SIGURG = 23;
    SIGXCPU = 24;
    SIGXFSZ = 25;
    SIGVTALRM = 26;
    SIGPROF = 27;
    SIGWINCH = 28;
    SIGIO = 29;
    SIGPWR = 30;
    SIGSYS = 31;
}

/// First real-time signal.
pub const SIGRTMIN: u8 = 32;
/// Highest signal.
pub const NSIG: u8 = 64;

/// A set of signals, `sigset_t` of the kernel: bit n-1 for signal n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct SigSet(pub u64);

impl SigSet {
    /// No signal.
    pub const EMPTY: Self = Self(0);
    /// Every signal.
    pub const ALL: Self = Self(!0);
    /// `SIGKILL` and `SIGSTOP`: never blocked, caught or ignored.
    pub const UNBLOCKABLE: Self = Self::of(SIGKILL).with(SIGSTOP);
    /// Signals that stop a process by default.
    pub const STOPS: Self = Self::of(SIGSTOP).with(SIGTSTP).with(SIGTTIN).with(SIGTTOU);
    /// Signals that the CPU raises.
    pub const SYNCHRONOUS: Self = Self::of(SIGSEGV).with(SIGBUS).with(SIGILL).with(SIGTRAP).with(SIGFPE).with(SIGSYS);

    /// The set of one signal; empty for what is no signal.
    pub const fn of(signal: u8) -> Self {
        if signal == 0 || signal > NSIG { Self(0) } else { Self(1 << (signal - 1)) }
    }

    /// The set and one more.
    pub const fn with(self, signal: u8) -> Self {
        Self(self.0 | Self::of(signal).0)
    }

    /// Holds the signal.
    pub const fn has(self, signal: u8) -> bool {
        self.0 & Self::of(signal).0 != 0
    }

    /// In either.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// In both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// In this one but not in `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Adds a signal.
    pub const fn insert(&mut self, signal: u8) {
        self.0 |= Self::of(signal).0;
    }

    /// Takes a signal out.
    pub const fn remove(&mut self, signal: u8) {
        self.0 &= !Self::of(signal).0;
    }

    /// Holds none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The lowest signal that it holds.
    pub const fn first(self) -> Option<u8> {
        if self.0 == 0 { None } else { Some(self.0.trailing_zeros() as u8 + 1) }
    }
}

/// `si_code`: sent by `kill(2)`.
pub const SI_USER: i32 = 0;
/// `si_code`: sent by the kernel.
pub const SI_KERNEL: i32 = 0x80;
/// `si_code`: sent by `sigqueue(3)`.
pub const SI_QUEUE: i32 = -1;
/// `si_code`: a POSIX timer ran out.
pub const SI_TIMER: i32 = -2;
/// `si_code`: a message arrived in a queue.
pub const SI_MESGQ: i32 = -3;
/// `si_code`: asynchronous I/O completed.
pub const SI_ASYNCIO: i32 = -4;
/// `si_code`: queued SIGIO.
pub const SI_SIGIO: i32 = -5;
/// `si_code`: sent by `tgkill(2)`.
pub const SI_TKILL: i32 = -6;
/// `si_code` of SIGSEGV: nothing mapped there.
pub const SEGV_MAPERR: i32 = 1;
/// `si_code` of SIGSEGV: the mapping's protection forbids it.
pub const SEGV_ACCERR: i32 = 2;
/// `si_code` of SIGBUS: no such address on the object.
pub const BUS_ADRERR: i32 = 2;
/// `si_code` of SIGTRAP: a breakpoint, or the end of a call that was stepped over.
pub const TRAP_BRKPT: i32 = 1;
/// `si_code` of SIGTRAP: a step.
pub const TRAP_TRACE: i32 = 2;
/// `si_code` of SIGTRAP: a breakpoint or watchpoint in a debug register.
pub const TRAP_HWBKPT: i32 = 4;
/// `si_code` of SIGSYS: a seccomp filter.
pub const SYS_SECCOMP: i32 = 1;
/// `si_code` of SIGCHLD: exited.
pub const CLD_EXITED: i32 = 1;
/// `si_code` of SIGCHLD: killed by a signal.
pub const CLD_KILLED: i32 = 2;
/// `si_code` of SIGCHLD: killed, core dumped.
pub const CLD_DUMPED: i32 = 3;
/// `si_code` of SIGCHLD: a traced child trapped.
pub const CLD_TRAPPED: i32 = 4;
/// `si_code` of SIGCHLD: stopped.
pub const CLD_STOPPED: i32 = 5;
/// `si_code` of SIGCHLD: continued.
pub const CLD_CONTINUED: i32 = 6;

/// `siginfo_t` of x86-64. Beyond `code` it is a union by signal and code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SigInfo {
    /// The signal.
    pub signo: i32,
    /// An errno, mostly 0.
    pub errno: i32,
    /// Where it comes from: `SI_*` and codes by signal.
    pub code: i32,
    /// Unused.
    pub pad: i32,
    /// The union.
    pub fields: [u64; 14],
}

impl SigInfo {
    const fn with(signal: u8, code: i32, words: [u64; 4]) -> Self {
        let mut fields = [0; 14];
        fields[0] = words[0];
        fields[1] = words[1];
        fields[2] = words[2];
        fields[3] = words[3];
        Self { signo: signal as i32, errno: 0, code, pad: 0, fields }
    }

    /// From the kernel, nobody in particular.
    pub const fn kernel(signal: u8) -> Self {
        Self::with(signal, SI_KERNEL, [0; 4])
    }

    /// From a process: `SI_USER`, `SI_TKILL`.
    pub const fn sent(signal: u8, code: i32, pid: i32, uid: u32) -> Self {
        Self::with(signal, code, [pid as u32 as u64 | (uid as u64) << 32, 0, 0, 0])
    }

    /// With a value: `SI_QUEUE`, `SI_MESGQ`.
    pub const fn queued(signal: u8, code: i32, pid: i32, uid: u32, value: u64) -> Self {
        Self::with(signal, code, [pid as u32 as u64 | (uid as u64) << 32, value, 0, 0])
    }

    /// From a POSIX timer.
    pub const fn timer(signal: u8, id: i32, overrun: i32, value: u64) -> Self {
        Self::with(signal, SI_TIMER, [id as u32 as u64 | (overrun as u32 as u64) << 32, value, 0, 0])
    }

    /// A fault at an address.
    pub const fn fault(signal: u8, code: i32, addr: u64) -> Self {
        Self::with(signal, code, [addr, 0, 0, 0])
    }

    /// About a child. `status` is an exit code or a signal; times in clock ticks.
    pub const fn child(signal: u8, code: i32, pid: i32, uid: u32, status: i32, utime: i64, stime: i64) -> Self {
        let ids = pid as u32 as u64 | (uid as u64) << 32;
        Self::with(signal, code, [ids, status as u32 as u64, utime as u64, stime as u64])
    }

    /// SIGIO with a descriptor: `POLL_*` code.
    pub const fn poll(signal: u8, code: i32, band: i64, fd: i32) -> Self {
        Self::with(signal, code, [band as u64, fd as u32 as u64, 0, 0])
    }

    /// SIGSYS of a call.
    pub const fn call(addr: u64, nr: i32, arch: u32) -> Self {
        Self::with(SIGSYS, SYS_SECCOMP, [addr, nr as u32 as u64 | (arch as u64) << 32, 0, 0])
    }

    /// The signal's number, 0 when it is none.
    pub const fn signal(&self) -> u8 {
        if self.signo < 1 || self.signo > NSIG as i32 { 0 } else { self.signo as u8 }
    }

    /// `si_pid` of kinds that have it.
    pub const fn pid(&self) -> i32 {
        self.fields[0] as i32
    }

    /// `si_uid` of kinds that have it.
    pub const fn uid(&self) -> u32 {
        (self.fields[0] >> 32) as u32
    }

    /// Replaces `si_pid`.
    pub const fn set_pid(&mut self, pid: i32) {
        self.fields[0] = self.fields[0] & !0xffff_ffff | pid as u32 as u64;
    }

    /// Replaces `si_uid`.
    pub const fn set_uid(&mut self, uid: u32) {
        self.fields[0] = self.fields[0] & 0xffff_ffff | (uid as u64) << 32;
    }

    /// `si_value` of kinds that have it.
    pub const fn value(&self) -> u64 {
        self.fields[1]
    }

    /// Sent by the kernel, not by a process.
    pub const fn is_from_kernel(&self) -> bool {
        self.code > 0
    }
}

bitflags! {
    /// `SA_*` of `sigaction(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct ActionFlags: u64 {
        /// No SIGCHLD when children stop or continue.
        const NOCLDSTOP = 1;
        /// Children do not become zombies.
        const NOCLDWAIT = 2;
        /// The handler gets siginfo and context.
        const SIGINFO = 4;
        /// Tells that the kernel clears unknown flags.
        const UNSUPPORTED = 0x400;
        /// Keep address tag bits.
        const EXPOSE_TAGBITS = 0x800;
        /// `restorer` is set.
        const RESTORER = 0x0400_0000;
        /// On the alternate stack.
        const ONSTACK = 0x0800_0000;
        /// Interrupted calls are made again.
        const RESTART = 0x1000_0000;
        /// The signal is not blocked in its handler.
        const NODEFER = 0x4000_0000;
        /// Back to the default before the handler runs.
        const RESETHAND = 0x8000_0000;
    }
}

/// Default action as a handler's address.
pub const SIG_DFL: u64 = 0;
/// Ignore, as a handler's address.
pub const SIG_IGN: u64 = 1;

/// `struct sigaction` of the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SigAction {
    /// Handler, `SIG_DFL` or `SIG_IGN`.
    pub handler: u64,
    /// `SA_*`.
    pub flags: u64,
    /// Where the handler returns to.
    pub restorer: u64,
    /// Blocked while the handler runs.
    pub mask: SigSet,
}

impl SigAction {
    /// Its flags.
    pub const fn flags(&self) -> ActionFlags {
        ActionFlags::from_bits_retain(self.flags)
    }
}

/// `SS_ONSTACK`: executing on the alternate stack.
pub const SS_ONSTACK: i32 = 1;
/// `SS_DISABLE`: there is none.
pub const SS_DISABLE: i32 = 2;
/// `SS_AUTODISARM`: cleared while a handler runs on it.
pub const SS_AUTODISARM: i32 = 1 << 31;
/// Smallest alternate stack.
pub const MINSIGSTKSZ: u64 = 2048;

/// `stack_t`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SigStack {
    /// Lowest address.
    pub sp: u64,
    /// `SS_*`.
    pub flags: i32,
    /// Unused.
    pub pad: i32,
    /// Bytes.
    pub size: u64,
}

/// `struct sigcontext` of x86-64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "register names")]
pub struct SigContext {
    pub r8: u64,
    pub r9: u64,
    pub r10: u64,
    pub r11: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub rdx: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rsp: u64,
    pub rip: u64,
    pub eflags: u64,
    pub cs: u16,
    pub gs: u16,
    pub fs: u16,
    pub ss: u16,
    pub err: u64,
    pub trapno: u64,
    pub oldmask: u64,
    pub cr2: u64,
    pub fpstate: u64,
    pub reserved: [u64; 8],
}

/// `uc_flags`: `fpstate` is an XSAVE image with the software-reserved bytes.
pub const UC_FP_XSTATE: u64 = 1;
/// `uc_flags`: `ss` is saved.
pub const UC_SIGCONTEXT_SS: u64 = 2;
/// `uc_flags`: `ss` is restored as it is.
pub const UC_STRICT_RESTORE_SS: u64 = 4;

/// `struct ucontext` of x86-64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of getcontext(3)")]
pub struct UContext {
    pub flags: u64,
    pub link: u64,
    pub stack: SigStack,
    pub mcontext: SigContext,
    pub sigmask: SigSet,
}

/// `struct rt_sigframe` of x86-64: what lies at the stack pointer when a handler starts.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the kernel's names")]
pub struct RtSigFrame {
    /// Return address: the restorer.
    pub pretcode: u64,
    pub uc: UContext,
    pub info: SigInfo,
}

/// `how` of `rt_sigprocmask(2)`: add.
pub const SIG_BLOCK: i32 = 0;
/// `how` of `rt_sigprocmask(2)`: take out.
pub const SIG_UNBLOCK: i32 = 1;
/// `how` of `rt_sigprocmask(2)`: replace.
pub const SIG_SETMASK: i32 = 2;
