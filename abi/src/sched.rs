//! Scheduling: `sched(7)`, `sched_setattr(2)`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `SCHED_OTHER`.
pub const SCHED_OTHER: u32 = 0;
/// `SCHED_FIFO`.
pub const SCHED_FIFO: u32 = 1;
/// `SCHED_RR`.
pub const SCHED_RR: u32 = 2;
/// `SCHED_BATCH`.
pub const SCHED_BATCH: u32 = 3;
/// `SCHED_IDLE`.
pub const SCHED_IDLE: u32 = 5;
/// `SCHED_DEADLINE`.
pub const SCHED_DEADLINE: u32 = 6;
/// `SCHED_EXT`.
pub const SCHED_EXT: u32 = 7;
/// Or'ed to the policy: children start with the default one.
pub const SCHED_RESET_ON_FORK: u32 = 0x4000_0000;

/// `SCHED_FLAG_RESET_ON_FORK`.
pub const SCHED_FLAG_RESET_ON_FORK: u64 = 1;
/// `SCHED_FLAG_KEEP_POLICY`.
pub const SCHED_FLAG_KEEP_POLICY: u64 = 8;
/// `SCHED_FLAG_KEEP_PARAMS`.
pub const SCHED_FLAG_KEEP_PARAMS: u64 = 16;
/// Flags that exist.
pub const SCHED_FLAG_ALL: u64 = 0x7f;

/// Size of the first version of [`SchedAttr`].
pub const SCHED_ATTR_SIZE_VER0: u32 = 48;

/// `struct sched_attr`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of sched_setattr(2)")]
pub struct SchedAttr {
    pub size: u32,
    pub policy: u32,
    pub flags: u64,
    pub nice: i32,
    pub priority: u32,
    pub runtime: u64,
    pub deadline: u64,
    pub period: u64,
    pub util_min: u32,
    pub util_max: u32,
}

/// `struct sched_param`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SchedParam {
    /// Static priority.
    pub priority: i32,
}

bitflags::bitflags! {
    /// `CLONE_*` of `clone(2)` and `unshare(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct CloneFlags: u64 {
        /// The signal that the child sends at its end.
        const CSIGNAL = 0xff;
        /// A new time namespace (only `unshare(2)` and `clone3(2)`).
        const NEWTIME = 0x80;
        /// Share memory.
        const VM = 0x100;
        /// Share root, working directory and umask.
        const FS = 0x200;
        /// Share descriptors.
        const FILES = 0x400;
        /// Share signal actions.
        const SIGHAND = 0x800;
        /// Give a pidfd.
        const PIDFD = 0x1000;
        /// Trace the child too.
        const PTRACE = 0x2000;
        /// The caller waits until the child ends or executes a program.
        const VFORK = 0x4000;
        /// The caller's parent becomes the child's.
        const PARENT = 0x8000;
        /// A thread of the same process.
        const THREAD = 0x1_0000;
        /// A new mount namespace.
        const NEWNS = 0x2_0000;
        /// Share adjustments of semaphores.
        const SYSVSEM = 0x4_0000;
        /// Set the base of thread-local storage.
        const SETTLS = 0x8_0000;
        /// Store the child's id in the parent's memory.
        const PARENT_SETTID = 0x10_0000;
        /// Clear the id in the child's memory at its end.
        const CHILD_CLEARTID = 0x20_0000;
        /// Ignored.
        const DETACHED = 0x40_0000;
        /// A tracer cannot force `PTRACE`.
        const UNTRACED = 0x80_0000;
        /// Store the child's id in its own memory.
        const CHILD_SETTID = 0x100_0000;
        /// A new cgroup namespace.
        const NEWCGROUP = 0x200_0000;
        /// A new UTS namespace.
        const NEWUTS = 0x400_0000;
        /// A new IPC namespace.
        const NEWIPC = 0x800_0000;
        /// A new user namespace.
        const NEWUSER = 0x1000_0000;
        /// A new pid namespace.
        const NEWPID = 0x2000_0000;
        /// A new network namespace.
        const NEWNET = 0x4000_0000;
        /// Share the I/O context.
        const IO = 0x8000_0000;
        /// Signal handlers become default (`clone3(2)`).
        const CLEAR_SIGHAND = 0x1_0000_0000;
        /// Into a cgroup (`clone3(2)`).
        const INTO_CGROUP = 0x2_0000_0000;
    }
}

impl CloneFlags {
    /// All kinds of namespaces.
    pub const NAMESPACES: Self = Self::NEWNS
        .union(Self::NEWUTS)
        .union(Self::NEWIPC)
        .union(Self::NEWUSER)
        .union(Self::NEWPID)
        .union(Self::NEWNET)
        .union(Self::NEWCGROUP)
        .union(Self::NEWTIME);
}

/// `CSIGNAL`: the exit signal in the flags of `clone(2)`.
pub const CSIGNAL: u64 = 0xff;

/// `struct clone_args` of `clone3(2)`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of clone3(2)")]
pub struct CloneArgs {
    pub flags: u64,
    pub pidfd: u64,
    pub child_tid: u64,
    pub parent_tid: u64,
    pub exit_signal: u64,
    pub stack: u64,
    pub stack_size: u64,
    pub tls: u64,
    pub set_tid: u64,
    pub set_tid_size: u64,
    pub cgroup: u64,
}

/// Smallest size of [`CloneArgs`]: `CLONE_ARGS_SIZE_VER0`.
pub const CLONE_ARGS_SIZE_VER0: usize = 64;
/// The first size of it with `cgroup`.
pub const CLONE_ARGS_SIZE_VER2: usize = 88;
