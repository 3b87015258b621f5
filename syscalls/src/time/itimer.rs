//! `setitimer(2)`, `getitimer(2)`, `alarm(2)`.

use super::{from_timeval, timeval};
use abi::Errno;
use abi::clock::Itimerval;
use kernel::CurrentTask;
use kernel::timers::{Itimer, Setting};
use mm::UserPtr;
use std::time::Duration;

fn to_abi(setting: Option<Setting>) -> Itimerval {
    setting.map_or_else(Itimerval::default, |setting| Itimerval {
        interval: timeval(setting.interval()),
        value: timeval(setting.left().max(Duration::from_micros(1))),
    })
}

/// `getitimer(2)`.
pub(crate) fn getitimer(task: &mut CurrentTask, which: i32, to: UserPtr<Itimerval>) -> Result<(), Errno> {
    let setting = task.group().timers.itimer(Itimer::from_number(which)?);
    to.give(&**task.mm(), &to_abi(setting))
}

/// `setitimer(2)`.
pub(crate) fn setitimer(
    task: &mut CurrentTask,
    which: i32,
    new: UserPtr<Itimerval>,
    old: UserPtr<Itimerval>,
) -> Result<(), Errno> {
    // A null pointer disarms the timer (a Linux oddity that programs have come to use).
    let new = match new.optional() {
        Some(new) => new.read(&**task.mm())?,
        None => Itimerval::default(),
    };
    let (value, interval) = (from_timeval(new.value)?, from_timeval(new.interval)?);
    let which = Itimer::from_number(which)?;
    let group = task.group().clone();
    let was = group.timers.set_itimer(task.kernel().timers(), &group, which, value, interval)?;
    match old.optional() {
        Some(old) => old.give(&**task.mm(), &to_abi(was)),
        None => Ok(()),
    }
}

/// `alarm(2)`: seconds that were left, rounded, but never to nothing.
pub(crate) fn alarm(task: &mut CurrentTask, seconds: u32) -> Result<u64, Errno> {
    let group = task.group().clone();
    let value = Duration::from_secs(seconds.into());
    let was = group.timers.set_itimer(task.kernel().timers(), &group, Itimer::Real, value, Duration::ZERO)?;
    let left = was.map_or(Duration::ZERO, |was| was.left());
    let rounds_up = left.subsec_micros() >= 500_000 || (left.as_secs() == 0 && !left.is_zero());
    Ok(left.as_secs() + u64::from(rounds_up))
}
