//! Reading clocks: `clock_gettime(2)`, `gettimeofday(2)`, `time(2)`. (The vDSO answers most of these.)

use super::{from_timeval, timeval};
use abi::Errno;
use abi::clock::{
    CLOCK_BOOTTIME, CLOCK_BOOTTIME_ALARM, CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE, CLOCK_MONOTONIC_RAW, Timezone,
};
use abi::time::{Timespec, Timeval};
use kernel::CurrentTask;
use kernel::clock::ClockSource;
use kernel::timers::{duration, timespec};
use mm::{UserAddr, UserPtr};
use sync::Clock;

/// The clock that time namespaces shift, of those that go with it.
const fn shifted(clock: i32) -> Option<Clock> {
    match clock {
        CLOCK_MONOTONIC | CLOCK_MONOTONIC_RAW | CLOCK_MONOTONIC_COARSE => Some(Clock::Monotonic),
        CLOCK_BOOTTIME | CLOCK_BOOTTIME_ALARM => Some(Clock::Boottime),
        _ => None,
    }
}

/// `clock_gettime(2)`.
pub(crate) fn clock_gettime(task: &mut CurrentTask, clock: i32, to: UserPtr<Timespec>) -> Result<(), Errno> {
    let mut now = ClockSource::of(task.task(), clock)?.now();
    if let Some(clock) = shifted(clock).filter(|_| task.task().has_own_time()) {
        now = task.task().clock_offsets().shown(clock, now);
    }
    to.give(&**task.mm(), &timespec(now))
}

/// `clock_getres(2)`.
pub(crate) fn clock_getres(task: &mut CurrentTask, clock: i32, to: UserPtr<Timespec>) -> Result<(), Errno> {
    let resolution = ClockSource::of(task.task(), clock)?.resolution();
    match to.optional() {
        Some(to) => to.give(&**task.mm(), &timespec(resolution)),
        None => Ok(()),
    }
}

/// `clock_settime(2)`: nobody in the sandbox sets the host's clock.
pub(crate) fn clock_settime(task: &mut CurrentTask, clock: i32, time: UserPtr<Timespec>) -> Result<(), Errno> {
    let source = ClockSource::of(task.task(), clock)?;
    if clock != abi::clock::CLOCK_REALTIME && !matches!(source, ClockSource::Cpu(_)) {
        return Err(Errno::EINVAL);
    }
    duration(time.read(&**task.mm())?)?;
    Err(Errno::EPERM)
}

/// `gettimeofday(2)`.
pub(crate) fn gettimeofday(task: &mut CurrentTask, time: UserPtr<Timeval>, zone: UserAddr) -> Result<(), Errno> {
    if let Some(time) = time.optional() {
        time.give(&**task.mm(), &timeval(sync::now(Clock::Realtime)))?;
    }
    match UserPtr::<Timezone>::new(zone).optional() {
        Some(zone) => zone.give(&**task.mm(), &Timezone::default()),
        None => Ok(()),
    }
}

/// `settimeofday(2)`: as `clock_settime`.
pub(crate) fn settimeofday(task: &mut CurrentTask, time: UserPtr<Timeval>, zone: UserAddr) -> Result<(), Errno> {
    if let Some(time) = time.optional() {
        from_timeval(time.read(&**task.mm())?)?;
    }
    if let Some(zone) = UserPtr::<Timezone>::new(zone).optional() {
        zone.read(&**task.mm())?;
    }
    Err(Errno::EPERM)
}

/// `time(2)`.
pub(crate) fn time(task: &mut CurrentTask, to: UserPtr<i64>) -> Result<i64, Errno> {
    let seconds = sync::now(Clock::Realtime).as_secs() as i64;
    if let Some(to) = to.optional() {
        to.give(&**task.mm(), &seconds)?;
    }
    Ok(seconds)
}
