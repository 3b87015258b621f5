//! Policies and static priorities: `sched_setscheduler(2)`, `sched_setattr(2)`.

use super::{find, owns};
use abi::Errno;
use abi::mm::PAGE_SIZE;
use abi::resource::Resource;
use abi::sched::{
    SCHED_ATTR_SIZE_VER0, SCHED_BATCH, SCHED_DEADLINE, SCHED_FIFO, SCHED_FLAG_ALL, SCHED_FLAG_KEEP_PARAMS,
    SCHED_FLAG_KEEP_POLICY, SCHED_FLAG_RESET_ON_FORK, SCHED_IDLE, SCHED_OTHER, SCHED_RESET_ON_FORK, SCHED_RR,
    SchedAttr, SchedParam,
};
use abi::time::Timespec;
use kernel::sched::Scheduling;
use kernel::{CurrentTask, Task};
use mm::{UserMemory, UserPtr};
use vfs::Capability;
use zerocopy::{FromZeros, IntoBytes};

const fn is_real_time(policy: u32) -> bool {
    matches!(policy, SCHED_FIFO | SCHED_RR)
}

/// Most and least static priority of a policy; `EINVAL`.
const fn range(policy: i32) -> Result<(i32, i32), Errno> {
    if policy < 0 {
        return Err(Errno::EINVAL);
    }
    match policy as u32 {
        SCHED_FIFO | SCHED_RR => Ok((1, 99)),
        SCHED_OTHER | SCHED_BATCH | SCHED_IDLE | SCHED_DEADLINE => Ok((0, 0)),
        _ => Err(Errno::EINVAL),
    }
}

/// `sched_get_priority_max(2)`.
pub(crate) fn sched_get_priority_max(_task: &mut CurrentTask, policy: i32) -> Result<i32, Errno> {
    range(policy).map(|(_, most)| most)
}

/// `sched_get_priority_min(2)`.
pub(crate) fn sched_get_priority_min(_task: &mut CurrentTask, policy: i32) -> Result<i32, Errno> {
    range(policy).map(|(least, _)| least)
}

/// The nice value that `RLIMIT_NICE` allows at best.
pub(super) fn best_nice(target: &Task) -> i32 {
    let limit = target.group().limit(Resource::Nice as u32);
    20 - i32::try_from(limit.min(40)).unwrap_or(40)
}

/// What `__sched_setscheduler` of Linux checks, for a new scheduling that is valid in itself. `EPERM`.
fn check_rights(task: &CurrentTask, target: &Task, old: &Scheduling, new: &Scheduling) -> Result<(), Errno> {
    if task.creds().has_in_root(Capability::SysNice) {
        return Ok(());
    }
    if new.policy == SCHED_DEADLINE {
        return Err(Errno::EPERM);
    }
    if is_real_time(new.policy) {
        let limit = target.group().limit(Resource::Rtprio as u32);
        let is_more = new.priority > old.priority && u64::from(new.priority) > limit;
        if is_more || (new.policy != old.policy && limit == 0) {
            return Err(Errno::EPERM);
        }
    } else if new.nice < old.nice && new.nice < best_nice(target) {
        return Err(Errno::EPERM);
    }
    let leaves_idle = old.policy == SCHED_IDLE && new.policy != SCHED_IDLE;
    if leaves_idle && old.nice < best_nice(target) {
        return Err(Errno::EPERM);
    }
    let drops_reset = old.reset_on_fork && !new.reset_on_fork;
    if drops_reset || !owns(task, &target.creds()) { Err(Errno::EPERM) } else { Ok(()) }
}

/// Checks and sets. `EINVAL`, `EPERM`.
fn set(task: &CurrentTask, target: &Task, attr: &SchedAttr) -> Result<(), Errno> {
    if attr.flags & !SCHED_FLAG_ALL != 0 {
        return Err(Errno::EINVAL);
    }
    let (least, most) = range(attr.policy as i32)?;
    let priority = i32::try_from(attr.priority).map_err(|_| Errno::EINVAL)?;
    if priority < least || priority > most {
        return Err(Errno::EINVAL);
    }
    let times = [attr.runtime, attr.deadline, attr.period];
    if attr.policy == SCHED_DEADLINE {
        let [runtime, deadline, period] = times;
        let period = if period == 0 { deadline } else { period };
        // At least one microsecond of run time, and in order.
        if deadline == 0 || runtime < 1024 || period < deadline || deadline < runtime || period >> 63 != 0 {
            return Err(Errno::EINVAL);
        }
    }
    let old = target.attributes().sched;
    let takes_nice = matches!(attr.policy, SCHED_OTHER | SCHED_BATCH);
    let new = Scheduling {
        policy: attr.policy,
        priority: attr.priority,
        nice: if takes_nice { attr.nice.clamp(-20, 19) } else { old.nice },
        reset_on_fork: attr.flags & SCHED_FLAG_RESET_ON_FORK != 0,
        deadline: if attr.policy == SCHED_DEADLINE { times } else { [0; 3] },
        ..old
    };
    check_rights(task, target, &old, &new)?;
    target.with_attributes(|attributes| attributes.sched = new);
    Ok(())
}

fn set_simple(task: &CurrentTask, pid: i32, policy: Option<i32>, param: UserPtr<SchedParam>) -> Result<(), Errno> {
    if param.is_null() || pid < 0 {
        return Err(Errno::EINVAL);
    }
    let param = param.read(&**task.mm())?;
    let target = find(task, pid)?;
    let old = target.attributes().sched;
    let (policy, flags) = match policy {
        Some(policy) if policy as u32 & SCHED_RESET_ON_FORK != 0 => {
            (policy as u32 & !SCHED_RESET_ON_FORK, SCHED_FLAG_RESET_ON_FORK)
        }
        Some(policy) => (policy as u32, 0),
        None => (old.policy, if old.reset_on_fork { SCHED_FLAG_RESET_ON_FORK } else { 0 }),
    };
    let [runtime, deadline, period] = old.deadline;
    let priority = param.priority as u32;
    let attr = SchedAttr { policy, flags, nice: old.nice, priority, runtime, deadline, period, ..SchedAttr::default() };
    set(task, &target, &attr)
}

/// `sched_setscheduler(2)`.
pub(crate) fn sched_setscheduler(
    task: &mut CurrentTask,
    pid: i32,
    policy: i32,
    param: UserPtr<SchedParam>,
) -> Result<(), Errno> {
    if policy < 0 {
        return Err(Errno::EINVAL);
    }
    set_simple(task, pid, Some(policy), param)
}

/// `sched_setparam(2)`.
pub(crate) fn sched_setparam(task: &mut CurrentTask, pid: i32, param: UserPtr<SchedParam>) -> Result<(), Errno> {
    set_simple(task, pid, None, param)
}

/// `sched_getscheduler(2)`.
pub(crate) fn sched_getscheduler(task: &mut CurrentTask, pid: i32) -> Result<u32, Errno> {
    if pid < 0 {
        return Err(Errno::EINVAL);
    }
    let sched = find(task, pid)?.attributes().sched;
    Ok(sched.policy | if sched.reset_on_fork { SCHED_RESET_ON_FORK } else { 0 })
}

/// `sched_getparam(2)`.
pub(crate) fn sched_getparam(task: &mut CurrentTask, pid: i32, param: UserPtr<SchedParam>) -> Result<(), Errno> {
    if pid < 0 || param.is_null() {
        return Err(Errno::EINVAL);
    }
    let priority = find(task, pid)?.attributes().sched.priority as i32;
    param.give(&**task.mm(), &SchedParam { priority })
}

/// `sched_setattr(2)`.
pub(crate) fn sched_setattr(
    task: &mut CurrentTask,
    pid: i32,
    attr: UserPtr<SchedAttr>,
    flags: u32,
) -> Result<(), Errno> {
    if attr.is_null() || pid < 0 || flags != 0 {
        return Err(Errno::EINVAL);
    }
    let mut value = read_attr(task, attr)?;
    if (value.policy as i32) < 0 {
        return Err(Errno::EINVAL);
    }
    let target = find(task, pid)?;
    let old = target.attributes().sched;
    if value.flags & SCHED_FLAG_KEEP_POLICY != 0 {
        value.policy = old.policy;
    }
    if value.flags & SCHED_FLAG_KEEP_PARAMS != 0 {
        [value.runtime, value.deadline, value.period] = old.deadline;
        (value.priority, value.nice) = (old.priority, old.nice);
    }
    set(task, &target, &value)
}

/// The structure in the size that the program knows. `E2BIG`, the right size stored.
fn read_attr(task: &CurrentTask, attr: UserPtr<SchedAttr>) -> Result<SchedAttr, Errno> {
    let memory = &**task.mm();
    let size_at = UserPtr::<u32>::new(attr.addr());
    let known = size_of::<SchedAttr>() as u32;
    let size = match size_at.read(memory)? {
        0 => SCHED_ATTR_SIZE_VER0,
        size => size,
    };
    let too_big = || {
        // As Linux: that the right size cannot be stored is not told.
        let _ = size_at.write(memory, &known);
        Err(Errno::E2BIG)
    };
    if size < SCHED_ATTR_SIZE_VER0 || u64::from(size) > PAGE_SIZE {
        return too_big();
    }
    let bytes = UserPtr::<u8>::new(attr.addr()).read_array(memory, size as usize)?;
    let (head, rest) = bytes.split_at(bytes.len().min(known as usize));
    if rest.iter().any(|&byte| byte != 0) {
        return too_big();
    }
    let mut value = SchedAttr::new_zeroed();
    if let Some(to) = value.as_mut_bytes().get_mut(..head.len()) {
        to.copy_from_slice(head);
    }
    Ok(value)
}

/// `sched_getattr(2)`.
pub(crate) fn sched_getattr(
    task: &mut CurrentTask,
    pid: i32,
    attr: UserPtr<SchedAttr>,
    size: u32,
    flags: u32,
) -> Result<(), Errno> {
    if attr.is_null() || pid < 0 || u64::from(size) > PAGE_SIZE || size < SCHED_ATTR_SIZE_VER0 || flags != 0 {
        return Err(Errno::EINVAL);
    }
    let sched = find(task, pid)?.attributes().sched;
    let len = (size as usize).min(size_of::<SchedAttr>());
    let [runtime, deadline, period] = sched.deadline;
    let value = SchedAttr {
        size: len as u32,
        policy: sched.policy,
        flags: if sched.reset_on_fork { SCHED_FLAG_RESET_ON_FORK } else { 0 },
        nice: if is_real_time(sched.policy) || sched.policy == SCHED_DEADLINE { 0 } else { sched.nice },
        priority: sched.priority,
        runtime,
        deadline,
        period,
        util_min: 0,
        util_max: 1024,
    };
    task.mm().give(attr.addr(), &value.as_bytes()[..len])
}

/// `sched_rr_get_interval(2)`.
pub(crate) fn sched_rr_get_interval(task: &mut CurrentTask, pid: i32, to: UserPtr<Timespec>) -> Result<(), Errno> {
    if pid < 0 {
        return Err(Errno::EINVAL);
    }
    let nsec = match find(task, pid)?.attributes().sched.policy {
        SCHED_RR => 100_000_000,
        SCHED_OTHER | SCHED_BATCH => 3_000_000,
        _ => 0,
    };
    to.give(&**task.mm(), &Timespec { sec: 0, nsec })
}
