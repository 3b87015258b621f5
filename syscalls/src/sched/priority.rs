//! Nice values and I/O priorities: `getpriority(2)`, `ioprio_set(2)`.

use super::policy::best_nice;
use super::{find, owns};
use abi::Errno;
use abi::resource::{PRIO_PGRP, PRIO_PROCESS, PRIO_USER};
use kernel::{CurrentTask, Task, ThreadGroup};
use std::sync::Arc;
use vfs::Capability;

/// The threads that `which` and `who` name; `EINVAL`, `ESRCH`.
fn named(task: &CurrentTask, which: i32, who: i32) -> Result<Vec<Arc<Task>>, Errno> {
    let threads = |groups: Vec<Arc<ThreadGroup>>| groups.iter().flat_map(|group| group.tasks()).collect::<Vec<_>>();
    let found = match which {
        PRIO_PROCESS => vec![find(task, who)?],
        PRIO_PGRP => {
            let group = if who == 0 {
                task.group().process_group()
            } else {
                let namespace = task.task().pid_namespace();
                task.kernel().tree().process_group(&namespace, who)
            };
            let group = group.ok_or(Errno::ESRCH)?;
            let members = task.kernel().tree().members(&group);
            threads(members)
        }
        PRIO_USER => {
            let own = task.creds();
            let uid = if who == 0 { own.uid } else { own.user_ns.kernel_uid(who as u32).ok_or(Errno::ESRCH)? };
            let mut all = threads(task.kernel().groups());
            all.retain(|thread| thread.creds().uid == uid);
            all
        }
        _ => return Err(Errno::EINVAL),
    };
    if found.is_empty() { Err(Errno::ESRCH) } else { Ok(found) }
}

/// `getpriority(2)` of the kernel: 20 less the lowest nice value.
pub(crate) fn getpriority(task: &mut CurrentTask, which: i32, who: i32) -> Result<i32, Errno> {
    let nice = named(task, which, who)?.iter().map(|thread| thread.attributes().sched.nice).min();
    Ok(20 - nice.ok_or(Errno::ESRCH)?)
}

/// `setpriority(2)`.
pub(crate) fn setpriority(task: &mut CurrentTask, which: i32, who: i32, nice: i32) -> Result<(), Errno> {
    let nice = nice.clamp(-20, 19);
    let mut result = Ok(());
    for target in named(task, which, who)? {
        if let Err(errno) = set_nice(task, &target, nice) {
            result = Err(errno);
        }
    }
    result
}

fn set_nice(task: &CurrentTask, target: &Task, nice: i32) -> Result<(), Errno> {
    let (own, theirs) = (task.creds(), target.creds());
    let owns = own.has_in(&theirs.user_ns, Capability::SysNice);
    if !owns && theirs.uid != own.euid && theirs.euid != own.euid {
        return Err(Errno::EPERM);
    }
    let is_better = nice < target.attributes().sched.nice;
    if is_better && nice < best_nice(target) && !own.has_in_root(Capability::SysNice) {
        return Err(Errno::EACCES);
    }
    target.with_attributes(|attributes| attributes.sched.nice = nice);
    Ok(())
}

/// Class bits of an I/O priority begin here.
const CLASS_SHIFT: u32 = 13;

/// `ioprio_set(2)`.
pub(crate) fn ioprio_set(task: &mut CurrentTask, which: i32, who: i32, ioprio: i32) -> Result<(), Errno> {
    let (class, level) = ((ioprio >> CLASS_SHIFT) & 7, ioprio & 7);
    match class {
        0 if level == 0 => {}
        1 if !task.creds().has_in_root(Capability::SysAdmin) && !task.creds().has_in_root(Capability::SysNice) => {
            return Err(Errno::EPERM);
        }
        1..=3 => {}
        _ => return Err(Errno::EINVAL),
    }
    let value = (ioprio & 0xffff) as u16;
    for target in named(task, which.wrapping_sub(1), who)? {
        if !owns(task, &target.creds()) {
            return Err(Errno::EPERM);
        }
        target.with_attributes(|attributes| attributes.sched.ioprio = value);
    }
    Ok(())
}

/// `ioprio_get(2)`: the best of those named. Among several, a thread without one has that of its nice value.
pub(crate) fn ioprio_get(task: &mut CurrentTask, which: i32, who: i32) -> Result<i32, Errno> {
    let effective = |thread: &Arc<Task>| {
        let sched = thread.attributes().sched;
        if sched.ioprio >> CLASS_SHIFT == 0 {
            (2 << CLASS_SHIFT) | ((sched.nice + 20) / 5)
        } else {
            sched.ioprio.into()
        }
    };
    let named = named(task, which.wrapping_sub(1), who)?;
    if which.wrapping_sub(1) == PRIO_PROCESS {
        return Ok(named.first().map_or(0, |thread| thread.attributes().sched.ioprio.into()));
    }
    named.iter().map(effective).min().ok_or(Errno::ESRCH)
}
