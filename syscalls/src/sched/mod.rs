//! Scheduling and priorities: `sched(7)`, `getpriority(2)`, `ioprio_set(2)`, `numa(7)`. Kept and shown; the host
//! schedules the threads as it likes.

mod affinity;
mod memory_policy;
mod policy;
mod priority;

pub(crate) use affinity::{getcpu, sched_getaffinity, sched_setaffinity, sched_yield};
pub(crate) use memory_policy::{get_mempolicy, mbind, migrate_pages, move_pages, set_mempolicy};
pub(crate) use policy::{
    sched_get_priority_max, sched_get_priority_min, sched_getattr, sched_getparam, sched_getscheduler,
    sched_rr_get_interval, sched_setattr, sched_setparam, sched_setscheduler,
};
pub(crate) use priority::{getpriority, ioprio_get, ioprio_set, setpriority};

use abi::Errno;
use kernel::{CurrentTask, Task};
use std::sync::Arc;
use vfs::{Capability, Credentials};

/// The thread of an id, 0 being the caller; `ESRCH`.
fn find(task: &CurrentTask, pid: i32) -> Result<Arc<Task>, Errno> {
    if pid == 0 {
        return Ok(task.task().clone());
    }
    let namespace = task.task().pid_namespace();
    task.kernel().tree().task(&namespace, pid).ok_or(Errno::ESRCH)
}

/// The caller may change how a thread with these credentials is scheduled: the same user, or `CAP_SYS_NICE`.
fn owns(task: &CurrentTask, target: &Credentials) -> bool {
    let own = task.creds();
    own.euid == target.euid || own.euid == target.uid || own.has_in(&target.user_ns, Capability::SysNice)
}
