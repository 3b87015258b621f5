//! Clocks and timers: `clock_gettime(2)`, `timer_create(2)`, `timerfd_create(2)`, `setitimer(2)`, `adjtimex(2)`.

use crate::time::{Timespec, Timeval};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `CLOCK_REALTIME`.
pub const CLOCK_REALTIME: i32 = 0;
/// `CLOCK_MONOTONIC`.
pub const CLOCK_MONOTONIC: i32 = 1;
/// `CLOCK_PROCESS_CPUTIME_ID`.
pub const CLOCK_PROCESS_CPUTIME_ID: i32 = 2;
/// `CLOCK_THREAD_CPUTIME_ID`.
pub const CLOCK_THREAD_CPUTIME_ID: i32 = 3;
/// `CLOCK_MONOTONIC_RAW`.
pub const CLOCK_MONOTONIC_RAW: i32 = 4;
/// `CLOCK_REALTIME_COARSE`.
pub const CLOCK_REALTIME_COARSE: i32 = 5;
/// `CLOCK_MONOTONIC_COARSE`.
pub const CLOCK_MONOTONIC_COARSE: i32 = 6;
/// `CLOCK_BOOTTIME`.
pub const CLOCK_BOOTTIME: i32 = 7;
/// `CLOCK_REALTIME_ALARM`.
pub const CLOCK_REALTIME_ALARM: i32 = 8;
/// `CLOCK_BOOTTIME_ALARM`.
pub const CLOCK_BOOTTIME_ALARM: i32 = 9;
/// `CLOCK_TAI`.
pub const CLOCK_TAI: i32 = 11;

/// `TIMER_ABSTIME`: the time is a point, not a span.
pub const TIMER_ABSTIME: i32 = 1;
/// `TFD_TIMER_CANCEL_ON_SET`: a change of the real-time clock ends reads with `ECANCELED`.
pub const TFD_TIMER_CANCEL_ON_SET: i32 = 2;

/// `ITIMER_REAL`.
pub const ITIMER_REAL: i32 = 0;
/// `ITIMER_VIRTUAL`.
pub const ITIMER_VIRTUAL: i32 = 1;
/// `ITIMER_PROF`.
pub const ITIMER_PROF: i32 = 2;

/// `SIGEV_SIGNAL`.
pub const SIGEV_SIGNAL: i32 = 0;
/// `SIGEV_NONE`.
pub const SIGEV_NONE: i32 = 1;
/// `SIGEV_THREAD`: for the kernel as `SIGEV_SIGNAL`.
pub const SIGEV_THREAD: i32 = 2;
/// `SIGEV_THREAD_ID`.
pub const SIGEV_THREAD_ID: i32 = 4;

/// `struct itimerspec`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Itimerspec {
    /// Period; zero: once.
    pub interval: Timespec,
    /// Next expiration; zero: disarmed.
    pub value: Timespec,
}

/// `struct itimerval`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Itimerval {
    /// Period; zero: once.
    pub interval: Timeval,
    /// Next expiration; zero: disarmed.
    pub value: Timeval,
}

/// `struct sigevent`.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Sigevent {
    /// `sigev_value`.
    pub value: u64,
    /// Signal number.
    pub signo: i32,
    /// `SIGEV_*`.
    pub notify: i32,
    /// Thread, with `SIGEV_THREAD_ID`.
    pub tid: i32,
    /// Rest of the union.
    pub pad: [i32; 11],
}

/// `struct timezone`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Timezone {
    /// Minutes west of Greenwich.
    pub minuteswest: i32,
    /// Type of DST correction.
    pub dsttime: i32,
}

/// `struct tms` of `times(2)`, in ticks.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of times(2)")]
pub struct Tms {
    pub utime: i64,
    pub stime: i64,
    pub cutime: i64,
    pub cstime: i64,
}

/// Ticks a second that `times(2)` and /proc count in.
pub const USER_HZ: u64 = 100;

/// `struct timex` of `adjtimex(2)`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of adjtimex(2)")]
pub struct Timex {
    pub modes: u32,
    pub pad0: u32,
    pub offset: i64,
    pub freq: i64,
    pub maxerror: i64,
    pub esterror: i64,
    pub status: i32,
    pub pad1: u32,
    pub constant: i64,
    pub precision: i64,
    pub tolerance: i64,
    pub time: Timeval,
    pub tick: i64,
    pub ppsfreq: i64,
    pub jitter: i64,
    pub shift: i32,
    pub pad2: u32,
    pub stabil: i64,
    pub jitcnt: i64,
    pub calcnt: i64,
    pub errcnt: i64,
    pub stbcnt: i64,
    pub tai: i32,
    pub pad3: [u32; 11],
}
