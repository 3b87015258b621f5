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
use abi::time::{Timespec, Timeval};
use kernel::CurrentTask;
use kernel::timers::duration;
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
    Ok(Some(Deadline { clock, at: read_duration(task, time)? }))
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
