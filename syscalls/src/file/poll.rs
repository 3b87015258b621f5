//! `poll(2)`.

use abi::Errno;
use abi::poll::{Events, PollFd};
use abi::signal::SigSet;
use abi::time::Timespec;
use kernel::{CurrentTask, RestartBlock};
use mm::{UserAddr, UserMemory, UserPtr};
use std::time::Duration;
use sync::{Deadline, Fail, Restart};
use vfs::Polled;
use zerocopy::IntoBytes;

const RLIMIT_NOFILE: u32 = 7;

/// A timeout in milliseconds: when it ends (never, below zero), and whether to look only.
pub(super) fn deadline_ms(timeout: i32) -> (Option<Deadline>, bool) {
    match u64::try_from(timeout) {
        Ok(0) => (None, true),
        Ok(ms) => (Deadline::after(Duration::from_millis(ms)), false),
        Err(_) => (None, false),
    }
}

/// A timeout as a `timespec`: null is never. `EINVAL`.
pub(super) fn deadline_timespec(
    task: &CurrentTask,
    timeout: UserPtr<Timespec>,
) -> Result<(Option<Deadline>, bool), Errno> {
    let Some(timeout) = timeout.optional() else { return Ok((None, false)) };
    let time = timeout.read(&**task.mm())?;
    let sec = u64::try_from(time.sec).map_err(|_| Errno::EINVAL)?;
    let nsec = u32::try_from(time.nsec).ok().filter(|&nsec| nsec < 1_000_000_000).ok_or(Errno::EINVAL)?;
    Ok(deadline(Duration::new(sec, nsec)))
}

/// A timeout from now on, and whether to look only.
pub(super) fn deadline(timeout: Duration) -> (Option<Deadline>, bool) {
    (Deadline::after(timeout), timeout.is_zero())
}

/// `STICKY_TIMEOUTS` of `personality(2)`: what is left of timeouts is not written back.
pub(super) fn keeps_timeouts(task: &CurrentTask) -> bool {
    const STICKY_TIMEOUTS: u32 = 0x0400_0000;
    task.task().with_attributes(|attributes| attributes.personality & STICKY_TIMEOUTS != 0)
}

/// Writes back what is left of a timeout; a bad address does not matter.
pub(super) fn write_left(task: &CurrentTask, timeout: UserPtr<Timespec>, deadline: Option<Deadline>) {
    if let (Some(timeout), Some(deadline)) = (timeout.optional(), deadline)
        && !keeps_timeouts(task)
    {
        let left = deadline.left();
        let left = Timespec { sec: left.as_secs() as i64, nsec: i64::from(left.subsec_nanos()) };
        // poll_select_finish ignores it too.
        let _ = timeout.give(&**task.mm(), &left);
    }
}

/// A signal mask argument: `None` for a null pointer. `EINVAL` for another size than the kernel's.
pub(super) fn read_mask(task: &CurrentTask, mask: UserAddr, size: usize) -> Result<Option<SigSet>, Errno> {
    let Some(mask) = UserPtr::<SigSet>::new(mask).optional() else { return Ok(None) };
    if size != size_of::<SigSet>() {
        return Err(Errno::EINVAL);
    }
    mask.read(&**task.mm()).map(Some)
}

fn run(
    task: &CurrentTask,
    fds: UserAddr,
    count: u32,
    (deadline, only_look): (Option<Deadline>, bool),
) -> Result<usize, Fail> {
    if u64::from(count) > task.caller().process.limit(RLIMIT_NOFILE) {
        return Err(Errno::EINVAL.into());
    }
    let mut list = UserPtr::<PollFd>::new(fds).read_array(&**task.mm(), count as usize)?;
    let mut items: Vec<Polled> = list.iter().map(|&entry| item(task, entry)).collect();
    let found = vfs::poll(task.caller(), &mut items, deadline, only_look)?;
    for (entry, item) in list.iter_mut().zip(&items) {
        entry.revents = item.got.bits() as u16;
    }
    task.mm().give(fds, list.as_slice().as_bytes())?;
    Ok(found)
}

fn item(task: &CurrentTask, entry: PollFd) -> Polled {
    if entry.fd < 0 {
        return Polled::nothing(Events::empty());
    }
    match task.fds().get(entry.fd) {
        Ok(file) => Polled::new(file, Events::from_bits_truncate(u32::from(entry.events))),
        Err(_) => Polled::nothing(Events::NVAL),
    }
}

/// `poll(2)`.
pub(crate) fn poll(task: &mut CurrentTask, fds: UserAddr, count: u32, timeout: i32) -> Result<usize, Fail> {
    let (deadline, only_look) = deadline_ms(timeout);
    let result = run(task, fds, count, (deadline, only_look));
    if let Err(Fail::Interrupted(_)) = result {
        task.set_restart_block(RestartBlock { resume, deadline, args: [fds.0, u64::from(count), 0, 0, 0, 0] });
        return Err(Fail::Interrupted(Restart::Block));
    }
    result
}

/// Goes on with `poll(2)` after a stop.
fn resume(task: &mut CurrentTask, block: &RestartBlock) -> Result<u64, Fail> {
    let [fds, count, ..] = block.args;
    let result = run(task, UserAddr(fds), count as u32, (block.deadline, false));
    if let Err(Fail::Interrupted(_)) = result {
        task.set_restart_block(*block);
        return Err(Fail::Interrupted(Restart::Block));
    }
    result.map(|found| found as u64)
}

/// `ppoll(2)` of the kernel: what is left of the timeout is written back.
pub(crate) fn ppoll(
    task: &mut CurrentTask,
    fds: UserAddr,
    count: u32,
    timeout: UserPtr<Timespec>,
    mask: UserAddr,
    mask_size: usize,
) -> Result<usize, Fail> {
    let limit = deadline_timespec(task, timeout)?;
    let mask = read_mask(task, mask, mask_size)?;
    let result = task.with_signal_mask(mask, |task| run(task, fds, count, limit));
    write_left(task, timeout, limit.0);
    result
}
