//! `getpid(2)`, `setpgid(2)`, `setsid(2)` and their kin. Ids are those of the caller's pid namespace.

use abi::Errno;
use kernel::{CurrentTask, ThreadGroup};
use mm::UserAddr;
use std::sync::Arc;

/// `getpid(2)`.
pub(crate) fn getpid(task: &mut CurrentTask) -> Result<i32, Errno> {
    Ok(task.group().pid().own())
}

/// `gettid(2)`.
pub(crate) fn gettid(task: &mut CurrentTask) -> Result<i32, Errno> {
    Ok(task.task().pid().own())
}

/// `getppid(2)`.
pub(crate) fn getppid(task: &mut CurrentTask) -> Result<i32, Errno> {
    let namespace = task.group().pid().namespace();
    Ok(task.group().parent().map_or(0, |parent| parent.pid().within(namespace)))
}

/// `set_tid_address(2)`.
pub(crate) fn set_tid_address(task: &mut CurrentTask, addr: UserAddr) -> Result<i32, Errno> {
    task.clear_child_tid = addr;
    gettid(task)
}

/// `setpgid(2)`.
pub(crate) fn setpgid(task: &mut CurrentTask, pid: i32, pgid: i32) -> Result<(), Errno> {
    task.set_process_group(pid, pgid)
}

/// The process with an id; 0 is the caller. `ESRCH`.
fn process(task: &CurrentTask, pid: i32) -> Result<Arc<ThreadGroup>, Errno> {
    if pid == 0 {
        return Ok(task.group().clone());
    }
    let namespace = task.group().pid().namespace();
    task.kernel().tree().group_of_any(namespace, pid).ok_or(Errno::ESRCH)
}

/// `getpgid(2)`.
pub(crate) fn getpgid(task: &mut CurrentTask, pid: i32) -> Result<i32, Errno> {
    let group = process(task, pid)?.process_group().ok_or(Errno::ESRCH)?;
    Ok(group.id().within(task.group().pid().namespace()))
}

/// `getpgrp(2)`.
pub(crate) fn getpgrp(task: &mut CurrentTask) -> Result<i32, Errno> {
    getpgid(task, 0)
}

/// `setsid(2)`.
pub(crate) fn setsid(task: &mut CurrentTask) -> Result<i32, Errno> {
    task.new_session()
}

/// `getsid(2)`.
pub(crate) fn getsid(task: &mut CurrentTask, pid: i32) -> Result<i32, Errno> {
    let session = process(task, pid)?.session().ok_or(Errno::ESRCH)?;
    Ok(session.id().within(task.group().pid().namespace()))
}
