//! Clocks, sleeping, timers: `clock_gettime(2)`, `nanosleep(2)`, `setitimer(2)`, `timer_create(2)`,
//! `timerfd_create(2)`.

mod adjust;
mod clocks;
mod itimer;
mod posix;
mod sleep;
mod timerfd;

pub(crate) use adjust::{adjtimex, clock_adjtime};
pub(crate) use clocks::{clock_getres, clock_gettime, clock_settime, gettimeofday, settimeofday, time};
pub(crate) use itimer::{alarm, getitimer, setitimer};
pub(crate) use posix::{timer_create, timer_delete, timer_getoverrun, timer_gettime, timer_settime};
pub(crate) use sleep::{clock_nanosleep, nanosleep};
pub(crate) use timerfd::{timerfd_create, timerfd_gettime, timerfd_settime};

use abi::Errno;
use abi::clock::Itimerspec;
use abi::time::{Timespec, Timeval};
use kernel::CurrentTask;
use kernel::clock::ClockSource;
use kernel::timers::{duration, timespec};
use mm::UserPtr;
use std::time::Duration;
use sync::{Clock, Deadline};

/// A span that the program gave; `EFAULT`, `EINVAL`.
pub(crate) fn read_duration(task: &CurrentTask, time: UserPtr<Timespec>) -> Result<Duration, Errno> {
    duration(time.read(&**task.mm())?)
}

/// A point on `clock` that the program gave.
pub(crate) fn read_deadline(
    task: &CurrentTask,
    time: UserPtr<Timespec>,
    clock: Clock,
) -> Result<Option<Deadline>, Errno> {
    let at = task.task().clock_offsets().meant(clock, read_duration(task, time)?);
    Ok(Some(Deadline { clock, at }))
}

/// What a timer is to be set to, with a point of the host's clock for one of the caller's.
fn on_host(task: &CurrentTask, spec: Itimerspec, clock: &ClockSource, is_absolute: bool) -> Result<Itimerspec, Errno> {
    let value = duration(spec.value)?;
    let ClockSource::Host(clock) = *clock else { return Ok(spec) };
    if !is_absolute || value.is_zero() || !task.task().has_own_time() {
        return Ok(spec);
    }
    // Nothing at all would disarm it.
    let value = task.task().clock_offsets().meant(clock, value).max(Duration::from_nanos(1));
    Ok(Itimerspec { value: timespec(value), ..spec })
}

/// A span as a `timeval`.
pub(crate) fn timeval(span: Duration) -> Timeval {
    Timeval { sec: i64::try_from(span.as_secs()).unwrap_or(i64::MAX), usec: span.subsec_micros().into() }
}

/// A valid `timeval` as a span; `EINVAL`.
pub(crate) fn from_timeval(time: Timeval) -> Result<Duration, Errno> {
    let micros = u32::try_from(time.usec).ok().filter(|&usec| usec < 1_000_000).ok_or(Errno::EINVAL)?;
    Ok(Duration::new(u64::try_from(time.sec).map_err(|_| Errno::EINVAL)?, micros * 1000))
}
