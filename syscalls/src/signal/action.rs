//! `rt_sigaction(2)`, `rt_sigprocmask(2)`, `rt_sigpending(2)`, `rt_sigreturn(2)`.

use abi::Errno;
use abi::signal::{ActionFlags, NSIG, SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK, SigAction, SigSet};
use kernel::CurrentTask;
use mm::{UserAddr, UserMemory, UserPtr};
use zerocopy::IntoBytes;

/// Flags that exist: others are cleared, so that programs can ask for them.
const FLAGS: ActionFlags = ActionFlags::NOCLDSTOP
    .union(ActionFlags::NOCLDWAIT)
    .union(ActionFlags::SIGINFO)
    .union(ActionFlags::ONSTACK)
    .union(ActionFlags::RESTART)
    .union(ActionFlags::NODEFER)
    .union(ActionFlags::RESETHAND)
    .union(ActionFlags::EXPOSE_TAGBITS)
    .union(ActionFlags::RESTORER);

/// Every call with a set gives its size: `EINVAL` for another.
pub(super) const fn check_size(size: usize) -> Result<(), Errno> {
    if size == size_of::<SigSet>() { Ok(()) } else { Err(Errno::EINVAL) }
}

/// `rt_sigaction(2)`.
pub(crate) fn rt_sigaction(
    task: &mut CurrentTask,
    signal: i32,
    new: UserPtr<SigAction>,
    old: UserPtr<SigAction>,
    size: usize,
) -> Result<(), Errno> {
    check_size(size)?;
    let action = new.optional().map(|new| new.read(&**task.mm())).transpose()?;
    let signal = u8::try_from(signal).ok().filter(|signal| (1..=NSIG).contains(signal)).ok_or(Errno::EINVAL)?;
    let previous = match action {
        Some(action) => {
            let flags = action.flags() & FLAGS;
            task.group().set_action(signal, SigAction { flags: flags.bits(), ..action })?
        }
        None => task.group().action(signal),
    };
    match old.optional() {
        Some(old) => old.give(&**task.mm(), &previous),
        None => Ok(()),
    }
}

/// `rt_sigprocmask(2)`.
pub(crate) fn rt_sigprocmask(
    task: &mut CurrentTask,
    how: i32,
    new: UserPtr<SigSet>,
    old: UserPtr<SigSet>,
    size: usize,
) -> Result<(), Errno> {
    check_size(size)?;
    let mask = task.signal_mask();
    let changed = new.optional().map(|new| change(task, how, new, mask)).transpose();
    // The stub may have tried it, and a sender have seen the mask that it took back: signals are looked for in any case.
    task.set_signal_mask(changed.unwrap_or_default().unwrap_or(mask));
    changed?;
    match old.optional() {
        Some(old) => old.give(&**task.mm(), &mask),
        None => Ok(()),
    }
}

fn change(task: &CurrentTask, how: i32, new: UserPtr<SigSet>, mask: SigSet) -> Result<SigSet, Errno> {
    let set = new.read(&**task.mm())?;
    match how {
        SIG_BLOCK => Ok(mask.or(set)),
        SIG_UNBLOCK => Ok(mask.without(set)),
        SIG_SETMASK => Ok(set),
        _ => Err(Errno::EINVAL),
    }
}

/// `rt_sigpending(2)`.
pub(crate) fn rt_sigpending(task: &mut CurrentTask, set: UserAddr, size: usize) -> Result<(), Errno> {
    let pending = task.task().pending_signals().and(task.signal_mask());
    let bytes = pending.as_bytes().get(..size).ok_or(Errno::EINVAL)?;
    task.mm().give(set, bytes)
}

/// `rt_sigreturn(2)`.
pub(crate) fn rt_sigreturn(task: &mut CurrentTask) -> Result<u64, Errno> {
    Ok(task.return_from_handler())
}
