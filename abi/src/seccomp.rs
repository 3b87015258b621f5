//! System call filters: `linux/seccomp.h`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Mode: no filter.
pub const MODE_DISABLED: u8 = 0;
/// Mode: read, write, exit and rt_sigreturn only.
pub const MODE_STRICT: u8 = 1;
/// Mode: programs decide.
pub const MODE_FILTER: u8 = 2;

/// Operations of `seccomp(2)`.
pub const SET_MODE_STRICT: u32 = 0;
/// Adds a program.
pub const SET_MODE_FILTER: u32 = 1;
/// Asks for an action.
pub const GET_ACTION_AVAIL: u32 = 2;
/// Asks for the sizes of the structures of notifications.
pub const GET_NOTIF_SIZES: u32 = 3;

bitflags::bitflags! {
    /// `SECCOMP_FILTER_FLAG_*`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct FilterFlags: u32 {
        /// All threads of the process.
        const TSYNC = 1;
        /// What is done is logged, but for `ALLOW`.
        const LOG = 1 << 1;
        /// No mitigation of speculation.
        const SPEC_ALLOW = 1 << 2;
        /// The result is a descriptor that gets notifications.
        const NEW_LISTENER = 1 << 3;
        /// `ESRCH` for a thread that cannot follow, not its id.
        const TSYNC_ESRCH = 1 << 4;
        /// A notification that was received can be interrupted by death only.
        const WAIT_KILLABLE_RECV = 1 << 5;
    }
}

/// The part of a program's result that says what to do: `SECCOMP_RET_ACTION_FULL`.
pub const RET_ACTION_FULL: u32 = 0xffff_0000;
/// The part that is data: `SECCOMP_RET_DATA`.
pub const RET_DATA: u32 = 0xffff;
/// End the process.
pub const RET_KILL_PROCESS: u32 = 0x8000_0000;
/// End the thread.
pub const RET_KILL_THREAD: u32 = 0;
/// `SIGSYS`.
pub const RET_TRAP: u32 = 0x0003_0000;
/// The data as errno.
pub const RET_ERRNO: u32 = 0x0005_0000;
/// Ask the listener.
pub const RET_USER_NOTIF: u32 = 0x7fc0_0000;
/// Ask the tracer.
pub const RET_TRACE: u32 = 0x7ff0_0000;
/// Log and allow.
pub const RET_LOG: u32 = 0x7ffc_0000;
/// Allow.
pub const RET_ALLOW: u32 = 0x7fff_0000;

/// `AUDIT_ARCH_X86_64`.
pub const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;
/// Marks numbers of the x32 ABI: `__X32_SYSCALL_BIT`.
pub const X32_SYSCALL_BIT: u32 = 0x4000_0000;

/// `struct seccomp_data`: what a program sees of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Data {
    /// Number.
    pub nr: i32,
    /// `AUDIT_ARCH_*`.
    pub arch: u32,
    /// Behind the instruction that makes the call.
    pub instruction_pointer: u64,
    /// Arguments.
    pub args: [u64; 6],
}

/// `struct seccomp_notif_sizes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct NotifSizes {
    /// Of [`Notif`].
    pub notif: u16,
    /// Of [`NotifResp`].
    pub resp: u16,
    /// Of [`Data`].
    pub data: u16,
}

impl NotifSizes {
    /// Those of this file.
    pub const HERE: Self =
        Self { notif: size_of::<Notif>() as u16, resp: size_of::<NotifResp>() as u16, data: size_of::<Data>() as u16 };
}

/// `struct seccomp_notif`: a call that waits for an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Notif {
    /// Its number.
    pub id: u64,
    /// The thread.
    pub pid: u32,
    /// 0.
    pub flags: u32,
    /// The call.
    pub data: Data,
}

/// `struct seccomp_notif_resp`: the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct NotifResp {
    /// Number of the notification.
    pub id: u64,
    /// Result.
    pub val: i64,
    /// Negative errno, or 0.
    pub error: i32,
    /// `SECCOMP_USER_NOTIF_FLAG_*`.
    pub flags: u32,
}

/// The call goes on: `SECCOMP_USER_NOTIF_FLAG_CONTINUE`.
pub const USER_NOTIF_FLAG_CONTINUE: u32 = 1;
/// A hint that the two take turns: `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP`.
pub const USER_NOTIF_FD_SYNC_WAKE_UP: u64 = 1;

/// `struct seccomp_notif_addfd`: a descriptor for the thread that waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct NotifAddFd {
    /// Number of the notification.
    pub id: u64,
    /// `SECCOMP_ADDFD_FLAG_*`.
    pub flags: u32,
    /// The caller's descriptor.
    pub srcfd: u32,
    /// The number that it gets, with `SETFD`.
    pub newfd: u32,
    /// `O_CLOEXEC`.
    pub newfd_flags: u32,
}

/// The number is given: `SECCOMP_ADDFD_FLAG_SETFD`.
pub const ADDFD_FLAG_SETFD: u32 = 1;
/// The number is the answer: `SECCOMP_ADDFD_FLAG_SEND`.
pub const ADDFD_FLAG_SEND: u32 = 2;

/// Takes a notification.
pub const IOCTL_NOTIF_RECV: u32 = 0xc050_2100;
/// Answers one.
pub const IOCTL_NOTIF_SEND: u32 = 0xc018_2101;
/// Whether one still waits for its answer.
pub const IOCTL_NOTIF_ID_VALID: u32 = 0x4008_2102;
/// The same as older headers had it.
pub const IOCTL_NOTIF_ID_VALID_WRONG_DIR: u32 = 0x8008_2102;
/// Gives a descriptor. The size may differ.
pub const IOCTL_NOTIF_ADDFD: u32 = 0x4018_2103;
/// Sets `SECCOMP_USER_NOTIF_FD_*`.
pub const IOCTL_NOTIF_SET_FLAGS: u32 = 0x4008_2104;

/// `struct seccomp_metadata`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct FilterMetadata {
    /// Number of the filter; the oldest one has 0.
    pub index: u64,
    /// `SECCOMP_FILTER_FLAG_*`.
    pub flags: u64,
}
