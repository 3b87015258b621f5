//! `pause(2)`, `rt_sigsuspend(2)`, `rt_sigtimedwait(2)`, `restart_syscall(2)`.

use crate::signal::action::check_size;
use abi::Errno;
use abi::signal::{SigInfo, SigSet};
use abi::time::Timespec;
use kernel::CurrentTask;
use mm::UserPtr;
use std::time::Duration;
use sync::{Deadline, Fail, Restart, Woken};

/// Sleeps until a signal comes.
fn sleep(task: &CurrentTask) -> Fail {
    let word = &task.caller().word;
    while word.sleep(None) != Woken::Interrupted {}
    Fail::Interrupted(Restart::NoHandler)
}

/// `pause(2)`.
pub(crate) fn pause(task: &mut CurrentTask) -> Result<(), Fail> {
    Err(sleep(task))
}

/// `rt_sigsuspend(2)`.
pub(crate) fn rt_sigsuspend(task: &mut CurrentTask, mask: UserPtr<SigSet>, size: usize) -> Result<(), Fail> {
    check_size(size)?;
    let mask = mask.read(&**task.mm())?;
    task.suspend_with(mask);
    Err(sleep(task))
}

/// `rt_sigtimedwait(2)`.
pub(crate) fn rt_sigtimedwait(
    task: &mut CurrentTask,
    wanted: UserPtr<SigSet>,
    info: UserPtr<SigInfo>,
    timeout: UserPtr<Timespec>,
    size: usize,
) -> Result<i32, Fail> {
    check_size(size)?;
    let wanted = wanted.read(&**task.mm())?;
    let deadline = match timeout.optional() {
        Some(timeout) => {
            let time = timeout.read(&**task.mm())?;
            if time.sec < 0 || !(0..1_000_000_000).contains(&time.nsec) {
                return Err(Errno::EINVAL.into());
            }
            Deadline::after(Duration::new(time.sec as u64, time.nsec as u32))
        }
        None => None,
    };
    let taken = task.wait_signal(wanted, deadline)?;
    if let Some(info) = info.optional() {
        info.give(&**task.mm(), &taken)?;
    }
    Ok(taken.signo)
}

/// `restart_syscall(2)`.
pub(crate) fn restart_syscall(task: &mut CurrentTask) -> Result<u64, Fail> {
    match task.take_restart_block() {
        Some(block) => (block.resume)(task, &block),
        None => Err(Errno::EINTR.into()),
    }
}
