//! Host clocks and points in time to wait for.

use abi::time::Timespec;
use rustix::time::ClockId;
use std::time::Duration;

/// A clock that one can wait on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clock {
    /// `CLOCK_MONOTONIC`.
    Monotonic,
    /// `CLOCK_REALTIME`.
    Realtime,
    /// `CLOCK_BOOTTIME`.
    Boottime,
}

/// Time since the clock's epoch.
pub fn now(clock: Clock) -> Duration {
    let id = match clock {
        Clock::Monotonic => ClockId::Monotonic,
        Clock::Realtime => ClockId::Realtime,
        Clock::Boottime => ClockId::Boottime,
    };
    let time = rustix::time::clock_gettime(id);
    Duration::new(time.tv_sec.max(0) as u64, time.tv_nsec as u32)
}

/// A point in time on a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The clock that it is read on.
    pub clock: Clock,
    /// Time since the clock's epoch.
    pub at: Duration,
}

impl Deadline {
    /// `timeout` from now on the monotonic clock; `None` when that is beyond any time.
    pub fn after(timeout: Duration) -> Option<Self> {
        Some(Self { clock: Clock::Monotonic, at: now(Clock::Monotonic).checked_add(timeout)? })
    }

    /// Time left; zero when it has passed.
    pub fn left(&self) -> Duration {
        self.at.saturating_sub(now(self.clock))
    }

    /// The point as a `timespec`, its seconds capped at the largest value.
    pub fn to_timespec(&self) -> Timespec {
        Timespec { sec: i64::try_from(self.at.as_secs()).unwrap_or(i64::MAX), nsec: i64::from(self.at.subsec_nanos()) }
    }
}
