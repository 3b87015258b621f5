//! `epoll(7)`.

use super::poll::{deadline_ms, deadline_timespec, read_mask};
use crate::arg::Fd;
use abi::Errno;
use abi::epoll::{CTL_ADD, CTL_DEL, CTL_MOD, Event};
use abi::fs::OpenFlags;
use abi::time::Timespec;
use kernel::CurrentTask;
use mm::{UserAddr, UserMemory, UserPtr};
use std::sync::Arc;
use sync::{Deadline, Fail};
use vfs::Epoll;
use zerocopy::IntoBytes;

/// Most events of one call: what fits into a positive `int`.
const MAX_EVENTS: i32 = i32::MAX / 12;

/// `epoll_create(2)`.
pub(crate) fn epoll_create(task: &mut CurrentTask, size: i32) -> Result<i32, Errno> {
    if size <= 0 {
        return Err(Errno::EINVAL);
    }
    epoll_create1(task, OpenFlags::empty())
}

/// `epoll_create1(2)`.
pub(crate) fn epoll_create1(task: &mut CurrentTask, flags: OpenFlags) -> Result<i32, Errno> {
    if !(flags - OpenFlags::CLOEXEC).is_empty() {
        return Err(Errno::EINVAL);
    }
    task.fds().insert(task.caller(), Epoll::open(), flags.contains(OpenFlags::CLOEXEC))
}

/// `epoll_ctl(2)`.
pub(crate) fn epoll_ctl(
    task: &mut CurrentTask,
    epoll: Fd,
    operation: i32,
    fd: Fd,
    event: UserPtr<Event>,
) -> Result<(), Errno> {
    let event = if operation == CTL_DEL { Event::default() } else { event.read(&**task.mm())? };
    let instance = task.fds().get(epoll.0)?;
    let file = task.fds().get(fd.0)?;
    if file.ops.wait_queue().is_none() {
        return Err(Errno::EPERM);
    }
    let epoll = instance.downcast::<Epoll>().filter(|_| !Arc::ptr_eq(&instance, &file)).ok_or(Errno::EINVAL)?;
    let data = u64::from(event.data_low) | u64::from(event.data_high) << 32;
    match operation {
        CTL_ADD => epoll.add(&file, fd.0, event.events, data),
        CTL_MOD => epoll.modify(&file, fd.0, event.events, data),
        CTL_DEL => epoll.remove(&file, fd.0),
        _ => Err(Errno::EINVAL),
    }
}

fn wait(
    task: &CurrentTask,
    epoll: Fd,
    events: UserAddr,
    max: i32,
    (deadline, only_look): (Option<Deadline>, bool),
) -> Result<usize, Fail> {
    if max <= 0 || max > MAX_EVENTS {
        return Err(Errno::EINVAL.into());
    }
    let file = task.fds().get(epoll.0)?;
    let epoll = file.downcast::<Epoll>().ok_or(Errno::EINVAL)?;
    let list = epoll.wait(task.caller(), max as usize, deadline, only_look)?;
    task.mm().give(events, list.as_slice().as_bytes())?;
    Ok(list.len())
}

/// `epoll_wait(2)`.
pub(crate) fn epoll_wait(
    task: &mut CurrentTask,
    epoll: Fd,
    events: UserAddr,
    max: i32,
    timeout: i32,
) -> Result<usize, Fail> {
    wait(task, epoll, events, max, deadline_ms(timeout))
}

/// `epoll_pwait(2)`.
pub(crate) fn epoll_pwait(
    task: &mut CurrentTask,
    epoll: Fd,
    events: UserAddr,
    max: i32,
    timeout: i32,
    mask: UserAddr,
    mask_size: usize,
) -> Result<usize, Fail> {
    let mask = read_mask(task, mask, mask_size)?;
    task.with_signal_mask(mask, |task| wait(task, epoll, events, max, deadline_ms(timeout)))
}

/// `epoll_pwait2(2)`.
pub(crate) fn epoll_pwait2(
    task: &mut CurrentTask,
    epoll: Fd,
    events: UserAddr,
    max: i32,
    timeout: UserPtr<Timespec>,
    mask: UserAddr,
    mask_size: usize,
) -> Result<usize, Fail> {
    let timeout = deadline_timespec(task, timeout)?;
    let mask = read_mask(task, mask, mask_size)?;
    task.with_signal_mask(mask, |task| wait(task, epoll, events, max, timeout))
}
