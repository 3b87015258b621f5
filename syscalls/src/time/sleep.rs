//! Sleeping: `nanosleep(2)`, `clock_nanosleep(2)`.

use super::read_duration;
use abi::Errno;
use abi::clock::{CLOCK_BOOTTIME_ALARM, CLOCK_MONOTONIC, CLOCK_REALTIME_ALARM, CLOCK_THREAD_CPUTIME_ID, TIMER_ABSTIME};
use abi::time::Timespec;
use kernel::clock::{ClockSource, CpuClock};
use kernel::timers::timespec;
use kernel::{CurrentTask, RestartBlock};
use mm::{UserAddr, UserPtr};
use std::time::Duration;
use sync::{Clock, Deadline, Fail, Restart, Woken};

/// `nanosleep(2)`.
pub(crate) fn nanosleep(task: &mut CurrentTask, time: UserPtr<Timespec>, left: UserPtr<Timespec>) -> Result<(), Fail> {
    clock_nanosleep(task, CLOCK_MONOTONIC, 0, time, left)
}

/// `clock_nanosleep(2)`.
pub(crate) fn clock_nanosleep(
    task: &mut CurrentTask,
    clock: i32,
    flags: i32,
    time: UserPtr<Timespec>,
    left: UserPtr<Timespec>,
) -> Result<(), Fail> {
    let source = ClockSource::of(task.task(), clock)?;
    if clock == CLOCK_THREAD_CPUTIME_ID {
        // The kernel says so; C libraries say EINVAL in its place.
        return Err(Errno::EOPNOTSUPP.into());
    }
    let is_alarm = matches!(clock, CLOCK_REALTIME_ALARM | CLOCK_BOOTTIME_ALARM);
    if is_alarm || matches!(source, ClockSource::ReadOnly(_)) {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let time = read_duration(task, time)?;
    let is_absolute = flags & TIMER_ABSTIME != 0;
    match source {
        ClockSource::Cpu(clock) => sleep_cpu(task, &clock, time, is_absolute),
        ClockSource::Host(clock) if is_absolute => {
            let deadline = Deadline { clock, at: task.task().clock_offsets().meant(clock, time) };
            if sleep(task, deadline) { Ok(()) } else { Err(Fail::Interrupted(Restart::NoHandler)) }
        }
        // It runs with the real-time clock.
        ClockSource::Tai if is_absolute => {
            let at = (sync::now(Clock::Realtime) + time).saturating_sub(source.now());
            let is_over = sleep(task, Deadline { clock: Clock::Realtime, at });
            if is_over { Ok(()) } else { Err(Fail::Interrupted(Restart::NoHandler)) }
        }
        // A span is a span, also when the real-time clock is set meanwhile.
        ClockSource::Tai | ClockSource::Host(Clock::Realtime) => sleep_for(task, Deadline::after(time), left),
        ClockSource::Host(clock) => {
            let at = sync::now(clock).checked_add(time);
            sleep_for(task, at.map(|at| Deadline { clock, at }), left)
        }
        ClockSource::ReadOnly(_) => Err(Errno::EOPNOTSUPP.into()),
    }
}

/// Sleeps until the deadline; false when interrupted.
fn sleep(task: &CurrentTask, deadline: Deadline) -> bool {
    let word = task.task().word();
    word.arm();
    loop {
        match word.sleep(Some(deadline)) {
            Woken::Event => {}
            Woken::Interrupted => return false,
            Woken::TimedOut => return true,
        }
    }
}

/// Sleeps for a span that ends at `deadline`; the rest is stored when interrupted.
fn sleep_for(task: &mut CurrentTask, deadline: Option<Deadline>, left: UserPtr<Timespec>) -> Result<(), Fail> {
    let deadline = deadline.unwrap_or(Deadline { clock: Clock::Monotonic, at: Duration::from_nanos(i64::MAX as u64) });
    if sleep(task, deadline) {
        return Ok(());
    }
    let rest = deadline.left();
    if rest.is_zero() {
        return Ok(());
    }
    if let Some(left) = left.optional() {
        left.give(&**task.mm(), &timespec(rest))?;
    }
    task.set_restart_block(RestartBlock { resume, deadline: Some(deadline), args: [left.addr().0, 0, 0, 0, 0, 0] });
    Err(Fail::Interrupted(Restart::Block))
}

fn resume(task: &mut CurrentTask, block: &RestartBlock) -> Result<u64, Fail> {
    sleep_for(task, block.deadline, UserPtr::new(UserAddr(block.args[0]))).map(|()| 0)
}

/// Sleeps until a processor clock has come so far. (The time that is left is not stored.)
fn sleep_cpu(task: &CurrentTask, clock: &CpuClock, time: Duration, is_absolute: bool) -> Result<(), Fail> {
    let end = if is_absolute { time } else { clock.now().saturating_add(time) };
    let mut looks = 0;
    loop {
        let left = end.saturating_sub(clock.now());
        if left.is_zero() || clock.is_over() {
            return Ok(());
        }
        let Some(deadline) = clock.look_again(left, looks) else { return Ok(()) };
        looks += 1;
        if !sleep(task, deadline) {
            return Err(Fail::Interrupted(Restart::NoHandler));
        }
    }
}
