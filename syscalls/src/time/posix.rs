//! POSIX timers: `timer_create(2)` and its kin.

use super::on_host;
use abi::Errno;
use abi::clock::{
    CLOCK_BOOTTIME_ALARM, CLOCK_REALTIME_ALARM, Itimerspec, SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD, SIGEV_THREAD_ID,
    Sigevent, TIMER_ABSTIME,
};
use abi::resource::Resource;
use abi::signal::{NSIG, SIGALRM, SigInfo};
use kernel::clock::ClockSource;
use kernel::timers::{Asked, Notify, Setting, SignalTimer};
use kernel::{CurrentTask, Task};
use mm::UserPtr;
use std::sync::{Arc, Weak};
use vfs::Capability;

/// Who is told, and how, apart from the id.
struct Wanted {
    thread: Option<Weak<Task>>,
    signal: Option<(u8, Option<u64>)>,
}

/// `timer_create(2)`.
pub(crate) fn timer_create(
    task: &mut CurrentTask,
    clock: i32,
    event: UserPtr<Sigevent>,
    id_to: UserPtr<i32>,
) -> Result<(), Errno> {
    let source = ClockSource::of(task.task(), clock)?;
    if matches!(source, ClockSource::ReadOnly(_)) {
        return Err(Errno::EOPNOTSUPP);
    }
    if matches!(clock, CLOCK_REALTIME_ALARM | CLOCK_BOOTTIME_ALARM) && !task.creds().has_in_root(Capability::WakeAlarm)
    {
        return Err(Errno::EPERM);
    }
    let event = match event.optional() {
        Some(event) => Some(event.read(&**task.mm())?),
        None => None,
    };
    let wanted = wanted(task, event)?;
    let user = task.kernel().user(task.creds().uid);
    let charge = user.count_signal(task.group().limit(Resource::Sigpending as u32)).ok_or(Errno::EAGAIN)?;
    let group = task.group().clone();
    let id = group.timers.add_posix(|id| {
        let thread = wanted.thread.as_ref().and_then(Weak::upgrade);
        let target = thread.map_or_else(|| group.pid().clone(), |thread| thread.pid());
        let (notify, signal, value) = match &event {
            Some(event) => (event.notify, event.signo, event.value),
            None => (SIGEV_SIGNAL, SIGALRM.into(), id as u64),
        };
        let asked = Asked { clock, notify, signal, value, target };
        let info = wanted.signal.map(|(signal, value)| SigInfo::timer(signal, id, 0, value.unwrap_or(id as u64)));
        let notify = Notify { group: Arc::downgrade(&group), thread: wanted.thread, info };
        Ok((asked, SignalTimer::with_clock(task.kernel().timers(), source, notify, Some(charge))?))
    })?;
    id_to.give(&**task.mm(), &id).inspect_err(|_| {
        // The id is new: it is there to be removed.
        let _ = group.timers.remove_posix(id);
    })
}

/// Checks a `struct sigevent`; `EINVAL`. Without one the timer sends SIGALRM with its id.
fn wanted(task: &CurrentTask, event: Option<Sigevent>) -> Result<Wanted, Errno> {
    let Some(event) = event else { return Ok(Wanted { thread: None, signal: Some((SIGALRM, None)) }) };
    let thread = if event.notify & SIGEV_THREAD_ID != 0 {
        let namespace = task.task().pid_namespace();
        let thread = task.kernel().tree().task(&namespace, event.tid).ok_or(Errno::EINVAL)?;
        if !Arc::ptr_eq(thread.group(), task.group()) {
            return Err(Errno::EINVAL);
        }
        Some(Arc::downgrade(&thread))
    } else {
        None
    };
    if event.notify == SIGEV_NONE {
        return Ok(Wanted { thread: None, signal: None });
    }
    let is_known = matches!(event.notify, SIGEV_SIGNAL | SIGEV_THREAD | SIGEV_THREAD_ID);
    let signal = u8::try_from(event.signo).ok().filter(|signal| (1..=NSIG).contains(signal));
    match signal {
        Some(signal) if is_known => Ok(Wanted { thread, signal: Some((signal, Some(event.value))) }),
        _ => Err(Errno::EINVAL),
    }
}

/// What a timer is set to, as the program gets it.
fn to_abi(setting: Option<Setting>) -> Itimerspec {
    setting.map_or_else(Itimerspec::default, |setting| setting.to_spec())
}

/// `timer_settime(2)`.
pub(crate) fn timer_settime(
    task: &mut CurrentTask,
    id: i32,
    flags: i32,
    new: UserPtr<Itimerspec>,
    old: UserPtr<Itimerspec>,
) -> Result<(), Errno> {
    if new.is_null() {
        return Err(Errno::EINVAL);
    }
    let new = new.read(&**task.mm())?;
    // Both times are checked before the timer is looked for.
    kernel::timers::duration(new.interval)?;
    kernel::timers::duration(new.value)?;
    let timer = task.group().timers.posix(id)?;
    let is_absolute = flags & TIMER_ABSTIME != 0;
    let new = on_host(task, new, timer.clock(), is_absolute)?;
    let was = timer.set(Setting::new(new, is_absolute, timer.clock().clone())?);
    match old.optional() {
        Some(old) => old.give(&**task.mm(), &to_abi(was)),
        None => Ok(()),
    }
}

/// `timer_gettime(2)`.
pub(crate) fn timer_gettime(task: &mut CurrentTask, id: i32, to: UserPtr<Itimerspec>) -> Result<(), Errno> {
    let setting = task.group().timers.posix(id)?.setting();
    to.give(&**task.mm(), &to_abi(setting))
}

/// `timer_getoverrun(2)`.
pub(crate) fn timer_getoverrun(task: &mut CurrentTask, id: i32) -> Result<i32, Errno> {
    Ok(task.group().timers.posix(id)?.overrun())
}

/// `timer_delete(2)`.
pub(crate) fn timer_delete(task: &mut CurrentTask, id: i32) -> Result<(), Errno> {
    task.group().timers.remove_posix(id)
}
