//! `ptrace(2)`: requests, options, events; registers as it and signal frames show them.

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct user_regs_struct`, general registers of a thread, in the kernel's order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "register names")]
pub struct UserRegs {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    /// Number of the call being made; -1 outside one.
    pub orig_rax: u64,
    pub rip: u64,
    pub cs: u64,
    pub eflags: u64,
    pub rsp: u64,
    pub ss: u64,
    pub fs_base: u64,
    pub gs_base: u64,
    pub ds: u64,
    pub es: u64,
    pub fs: u64,
    pub gs: u64,
}

bitflags! {
    /// `PTRACE_O_*`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Options: u64 {
        /// Stops at calls say so: bit 7 of the signal.
        const TRACESYSGOOD = 1;
        /// Stop at fork(2), trace the child.
        const TRACEFORK = 1 << EVENT_FORK;
        /// Stop at vfork(2), trace the child.
        const TRACEVFORK = 1 << EVENT_VFORK;
        /// Stop at clone(2), trace the child.
        const TRACECLONE = 1 << EVENT_CLONE;
        /// Stop at execve(2).
        const TRACEEXEC = 1 << EVENT_EXEC;
        /// Stop when a vfork child has let go of the memory.
        const TRACEVFORKDONE = 1 << EVENT_VFORK_DONE;
        /// Stop at the end.
        const TRACEEXIT = 1 << EVENT_EXIT;
        /// Stop where a seccomp program asks for it.
        const TRACESECCOMP = 1 << EVENT_SECCOMP;
        /// The tracee dies with its tracer.
        const EXITKILL = 1 << 20;
        /// Seccomp programs of the tracee do not run.
        const SUSPEND_SECCOMP = 1 << 21;
    }
}

macro_rules! requests {
    ($($name:ident = $nr:literal;)*) => {
        $(#[doc = concat!("`PTRACE_", stringify!($name), "`.")] pub const $name: u64 = $nr;)*
    };
}

requests! {
    TRACEME = 0;
    PEEKTEXT = 1;
    PEEKDATA = 2;
    PEEKUSER = 3;
    POKETEXT = 4;
    POKEDATA = 5;
    POKEUSER = 6;
    CONT = 7;
    KILL = 8;
    SINGLESTEP = 9;
    GETREGS = 12;
    SETREGS = 13;
    GETFPREGS = 14;
    SETFPREGS = 15;
    ATTACH = 16;
    DETACH = 17;
    OLDSETOPTIONS = 21;
    SYSCALL = 24;
    ARCH_PRCTL = 30;
    SYSEMU = 31;
    SYSEMU_SINGLESTEP = 32;
    SINGLEBLOCK = 33;
    SETOPTIONS = 0x4200;
    GETEVENTMSG = 0x4201;
    GETSIGINFO = 0x4202;
    SETSIGINFO = 0x4203;
    GETREGSET = 0x4204;
    SETREGSET = 0x4205;
    SEIZE = 0x4206;
    INTERRUPT = 0x4207;
    LISTEN = 0x4208;
    PEEKSIGINFO = 0x4209;
    GETSIGMASK = 0x420a;
    SETSIGMASK = 0x420b;
    SECCOMP_GET_FILTER = 0x420c;
    SECCOMP_GET_METADATA = 0x420d;
    GET_SYSCALL_INFO = 0x420e;
    GET_RSEQ_CONFIGURATION = 0x420f;
}

/// `PTRACE_EVENT_FORK`.
pub const EVENT_FORK: i32 = 1;
/// `PTRACE_EVENT_VFORK`.
pub const EVENT_VFORK: i32 = 2;
/// `PTRACE_EVENT_CLONE`.
pub const EVENT_CLONE: i32 = 3;
/// `PTRACE_EVENT_EXEC`.
pub const EVENT_EXEC: i32 = 4;
/// `PTRACE_EVENT_VFORK_DONE`.
pub const EVENT_VFORK_DONE: i32 = 5;
/// `PTRACE_EVENT_EXIT`.
pub const EVENT_EXIT: i32 = 6;
/// `PTRACE_EVENT_SECCOMP`.
pub const EVENT_SECCOMP: i32 = 7;
/// `PTRACE_EVENT_STOP`.
pub const EVENT_STOP: i32 = 128;

/// How an event shows in `si_code` and in what the wait calls report: above SIGTRAP.
pub const fn event_code(event: i32) -> i32 {
    5 | event << 8
}

/// `PTRACE_EVENTMSG_SYSCALL_ENTRY`.
pub const EVENTMSG_SYSCALL_ENTRY: u64 = 1;
/// `PTRACE_EVENTMSG_SYSCALL_EXIT`.
pub const EVENTMSG_SYSCALL_EXIT: u64 = 2;

/// `NT_PRSTATUS`: general registers.
pub const NT_PRSTATUS: u64 = 1;
/// `NT_PRFPREG`: the state that FXSAVE saves.
pub const NT_PRFPREG: u64 = 2;
/// `NT_X86_XSTATE`: the state that XSAVE saves.
pub const NT_X86_XSTATE: u64 = 0x202;

/// `sizeof(struct user)`: what `PTRACE_PEEKUSER` reaches.
pub const USER_LEN: u64 = 928;
/// `offsetof(struct user, u_debugreg)`: eight words.
pub const USER_DEBUG: u64 = 848;

/// `PTRACE_PEEKSIGINFO_SHARED`.
pub const PEEKSIGINFO_SHARED: u32 = 1;

/// `struct ptrace_peeksiginfo_args`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct PeekSigInfo {
    /// Number of the first signal in the queue.
    pub offset: u64,
    /// `PTRACE_PEEKSIGINFO_SHARED`.
    pub flags: u32,
    /// How many.
    pub count: i32,
}

/// `PTRACE_SYSCALL_INFO_NONE`, `_ENTRY`, `_EXIT`, `_SECCOMP`.
pub const SYSCALL_INFO_NONE: u8 = 0;
/// See [`SYSCALL_INFO_NONE`].
pub const SYSCALL_INFO_ENTRY: u8 = 1;
/// See [`SYSCALL_INFO_NONE`].
pub const SYSCALL_INFO_EXIT: u8 = 2;
/// See [`SYSCALL_INFO_NONE`].
pub const SYSCALL_INFO_SECCOMP: u8 = 3;

/// `struct ptrace_syscall_info`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SyscallInfo {
    /// `SYSCALL_INFO_*`.
    pub op: u8,
    /// Unused.
    pub pad: [u8; 3],
    /// `AUDIT_ARCH_*`.
    pub arch: u32,
    /// Instruction pointer.
    pub ip: u64,
    /// Stack pointer.
    pub sp: u64,
    /// The call's number and arguments and `ret_data` of seccomp; or its result, and in the low byte of the
    /// second word whether that is an error.
    pub words: [u64; 8],
}

/// `AUDIT_ARCH_X86_64`.
pub const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;

/// `struct ptrace_rseq_configuration`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RseqConfiguration {
    /// Where the area lies.
    pub pointer: u64,
    /// Its length.
    pub size: u32,
    /// Stands before each abort handler.
    pub signature: u32,
    /// Zero.
    pub flags: u32,
    /// Unused.
    pub pad: u32,
}
