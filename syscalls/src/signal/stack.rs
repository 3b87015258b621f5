//! `sigaltstack(2)`.

use abi::Errno;
use abi::signal::SigStack;
use kernel::CurrentTask;
use mm::UserPtr;

/// `sigaltstack(2)`.
pub(crate) fn sigaltstack(task: &mut CurrentTask, new: UserPtr<SigStack>, old: UserPtr<SigStack>) -> Result<(), Errno> {
    let previous = task.signal_stack();
    if let Some(new) = new.optional() {
        let stack = new.read(&**task.mm())?;
        task.set_signal_stack(stack)?;
    }
    match old.optional() {
        Some(old) => old.give(&**task.mm(), &previous),
        None => Ok(()),
    }
}
