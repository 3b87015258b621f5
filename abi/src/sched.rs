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
