//! Limits and use of resources: `getrlimit(2)`, `getrusage(2)`, `times(2)`.

use abi::Errno;
use abi::clock::{Tms, USER_HZ};
use abi::resource::{RUSAGE_CHILDREN, RUSAGE_SELF, RUSAGE_THREAD, Resource, Rlimit, Rusage};
use kernel::{CurrentTask, Task, ThreadGroup};
use mm::UserPtr;
use std::sync::Arc;
use std::time::Duration;
use vfs::Capability;

/// `getrlimit(2)`.
pub(crate) fn getrlimit(task: &mut CurrentTask, resource: u32, to: UserPtr<Rlimit>) -> Result<(), Errno> {
    let resource = Resource::from_number(resource).ok_or(Errno::EINVAL)?;
    let limit = task.group().limits.lock().get(resource);
    to.give(&**task.mm(), &limit)
}

/// `setrlimit(2)`.
pub(crate) fn setrlimit(task: &mut CurrentTask, resource: u32, new: UserPtr<Rlimit>) -> Result<(), Errno> {
    let new = new.read(&**task.mm())?;
    let resource = Resource::from_number(resource).ok_or(Errno::EINVAL)?;
    change(task, task.group(), resource, new)
}

fn change(task: &CurrentTask, group: &Arc<ThreadGroup>, resource: Resource, new: Rlimit) -> Result<(), Errno> {
    let may_raise = task.creds().has_in_root(Capability::SysResource);
    group.limits.lock().change(resource, new, may_raise)?;
    if resource == Resource::Stack
        && let Some(mm) = group.leader().and_then(|leader| leader.mm())
    {
        mm.set_stack_limit(new.cur);
    }
    if resource == Resource::Cpu {
        group.timers.watch_cpu_limit(group);
    }
    Ok(())
}

/// `prlimit(2)`.
pub(crate) fn prlimit64(
    task: &mut CurrentTask,
    pid: i32,
    resource: u32,
    new: UserPtr<Rlimit>,
    old: UserPtr<Rlimit>,
) -> Result<(), Errno> {
    let known = Resource::from_number(resource);
    let new = match new.optional() {
        Some(new) => Some(new.read(&**task.mm())?),
        None => None,
    };
    let target = if pid == 0 {
        task.task().clone()
    } else {
        let namespace = task.task().pid_namespace();
        let found = task.kernel().tree().task(&namespace, pid);
        found.ok_or(Errno::ESRCH)?
    };
    check_target(task, &target)?;
    let resource = known.ok_or(Errno::EINVAL)?;
    let was = target.group().limits.lock().get(resource);
    if let Some(new) = new {
        change(task, target.group(), resource, new)?;
    }
    match old.optional() {
        Some(old) => old.give(&**task.mm(), &was),
        None => Ok(()),
    }
}

/// Limits of others need all their ids, or `CAP_SYS_RESOURCE` there; `EPERM`.
fn check_target(task: &CurrentTask, target: &Task) -> Result<(), Errno> {
    if std::ptr::eq(Arc::as_ptr(task.task()), target) {
        return Ok(());
    }
    let (own, theirs) = (task.creds(), target.creds());
    let same_user = [theirs.euid, theirs.suid, theirs.uid].iter().all(|&uid| uid == own.uid);
    let same_group = [theirs.egid, theirs.sgid, theirs.gid].iter().all(|&gid| gid == own.gid);
    if same_user && same_group || own.has_in(&theirs.user_ns, Capability::SysResource) {
        Ok(())
    } else {
        Err(Errno::EPERM)
    }
}

/// `getrusage(2)`.
pub(crate) fn getrusage(task: &mut CurrentTask, who: i32, to: UserPtr<Rusage>) -> Result<(), Errno> {
    let own = || task.group().peaks().max_resident().max(task.mm().space().max_resident());
    let (usage, max_resident) = match who {
        RUSAGE_SELF => (task.group().usage(), own()),
        RUSAGE_CHILDREN => (task.group().child_usage(), task.group().child_peaks().max_resident()),
        RUSAGE_THREAD => (task.task().usage(), own()),
        _ => return Err(Errno::EINVAL),
    };
    to.give(&**task.mm(), &usage.to_rusage(max_resident))
}

fn ticks(span: Duration) -> i64 {
    (span.as_nanos() * u128::from(USER_HZ) / 1_000_000_000) as i64
}

/// `times(2)`: ticks since the machine started.
pub(crate) fn times(task: &mut CurrentTask, to: UserPtr<Tms>) -> Result<i64, Errno> {
    if let Some(to) = to.optional() {
        let (own, children) = (task.group().usage(), task.group().child_usage());
        let value = Tms {
            utime: ticks(own.user),
            stime: ticks(own.system),
            cutime: ticks(children.user),
            cstime: ticks(children.system),
        };
        to.give(&**task.mm(), &value)?;
    }
    Ok(ticks(sync::now(sync::Clock::Monotonic)))
}
