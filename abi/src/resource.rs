//! Limits, usage, priorities: `getrlimit(2)`, `getrusage(2)`, `getpriority(2)`, `ioprio_set(2)`.

pub use crate::process::Rusage;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// No limit.
pub const RLIM_INFINITY: u64 = u64::MAX;

/// A limited resource: `RLIMIT_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
#[expect(missing_docs, reason = "the names of getrlimit(2)")]
pub enum Resource {
    Cpu = 0,
    Fsize,
    Data,
    Stack,
    Core,
    Rss,
    Nproc,
    Nofile,
    Memlock,
    As,
    Locks,
    Sigpending,
    Msgqueue,
    Nice,
    Rtprio,
    Rttime,
}

impl Resource {
    /// How many there are.
    pub const COUNT: usize = 16;

    /// All, by number.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Cpu,
        Self::Fsize,
        Self::Data,
        Self::Stack,
        Self::Core,
        Self::Rss,
        Self::Nproc,
        Self::Nofile,
        Self::Memlock,
        Self::As,
        Self::Locks,
        Self::Sigpending,
        Self::Msgqueue,
        Self::Nice,
        Self::Rtprio,
        Self::Rttime,
    ];

    /// By number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }
}

/// `struct rlimit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Rlimit {
    /// The soft limit.
    pub cur: u64,
    /// The hard limit.
    pub max: u64,
}

/// `RUSAGE_SELF`.
pub const RUSAGE_SELF: i32 = 0;
/// `RUSAGE_CHILDREN`.
pub const RUSAGE_CHILDREN: i32 = -1;
/// `RUSAGE_THREAD`.
pub const RUSAGE_THREAD: i32 = 1;

/// `PRIO_PROCESS`, also `IOPRIO_WHO_PROCESS` less one.
pub const PRIO_PROCESS: i32 = 0;
/// `PRIO_PGRP`.
pub const PRIO_PGRP: i32 = 1;
/// `PRIO_USER`.
pub const PRIO_USER: i32 = 2;
