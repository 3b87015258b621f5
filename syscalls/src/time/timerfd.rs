//! `timerfd_create(2)` and its kin.

use super::on_host;
use abi::Errno;
use abi::clock::{
    CLOCK_BOOTTIME, CLOCK_BOOTTIME_ALARM, CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_REALTIME_ALARM, Itimerspec,
    TFD_TIMER_CANCEL_ON_SET, TIMER_ABSTIME,
};
use abi::fs::OpenFlags;
use kernel::CurrentTask;
use kernel::timerfd::TimerFd;
use mm::UserPtr;
use std::sync::Arc;
use sync::Clock;
use vfs::{Capability, OpenFile};

/// `timerfd_create(2)`.
pub(crate) fn timerfd_create(task: &mut CurrentTask, id: i32, flags: OpenFlags) -> Result<i32, Errno> {
    let clock = match id {
        CLOCK_REALTIME | CLOCK_REALTIME_ALARM => Clock::Realtime,
        CLOCK_MONOTONIC => Clock::Monotonic,
        CLOCK_BOOTTIME | CLOCK_BOOTTIME_ALARM => Clock::Boottime,
        _ => return Err(Errno::EINVAL),
    };
    if !(flags - (OpenFlags::CLOEXEC | OpenFlags::NONBLOCK)).is_empty() {
        return Err(Errno::EINVAL);
    }
    if matches!(id, CLOCK_REALTIME_ALARM | CLOCK_BOOTTIME_ALARM) && !task.creds().has_in_root(Capability::WakeAlarm) {
        return Err(Errno::EPERM);
    }
    let timer = TimerFd::new(task.kernel().timers(), id, clock)?;
    let status = OpenFlags::RDWR | (flags & OpenFlags::NONBLOCK);
    let file = OpenFile::anonymous(Box::new(timer), status);
    task.fds().insert(task.caller(), file, flags.contains(OpenFlags::CLOEXEC))
}

/// The timer behind a descriptor: `EBADF`, `EINVAL`.
fn find(task: &CurrentTask, fd: i32) -> Result<Arc<OpenFile>, Errno> {
    let file = task.fds().get(fd)?;
    if file.downcast::<TimerFd>().is_some() { Ok(file) } else { Err(Errno::EINVAL) }
}

/// `timerfd_settime(2)`.
pub(crate) fn timerfd_settime(
    task: &mut CurrentTask,
    fd: i32,
    flags: i32,
    new: UserPtr<Itimerspec>,
    old: UserPtr<Itimerspec>,
) -> Result<(), Errno> {
    let new = new.read(&**task.mm())?;
    if flags & !(TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET) != 0 {
        return Err(Errno::EINVAL);
    }
    kernel::timers::duration(new.interval)?;
    kernel::timers::duration(new.value)?;
    let file = find(task, fd)?;
    let timer = file.downcast::<TimerFd>().ok_or(Errno::EINVAL)?;
    let new = on_host(task, new, &timer.clock(), flags & TIMER_ABSTIME != 0)?;
    let was = timer.set(new, flags)?;
    match old.optional() {
        Some(old) => old.give(&**task.mm(), &was),
        None => Ok(()),
    }
}

/// `timerfd_gettime(2)`.
pub(crate) fn timerfd_gettime(task: &mut CurrentTask, fd: i32, to: UserPtr<Itimerspec>) -> Result<(), Errno> {
    let file = find(task, fd)?;
    let spec = file.downcast::<TimerFd>().ok_or(Errno::EINVAL)?.spec();
    to.give(&**task.mm(), &spec)
}
