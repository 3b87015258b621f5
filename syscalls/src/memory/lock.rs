//! `mlock(2)`: locked pages are counted and faulted in; the host may still swap them.

use super::limits;
use abi::Errno;
use kernel::CurrentTask;
use mm::{Locking, UserAddr};

const MLOCK_ONFAULT: u32 = 1;
const MCL_CURRENT: u32 = 1;
const MCL_FUTURE: u32 = 2;
const MCL_ONFAULT: u32 = 4;

/// `EPERM` for one who may lock nothing.
fn check_permission(task: &CurrentTask) -> Result<mm::Limits, Errno> {
    let limits = limits(task);
    if limits.locked == 0 { Err(Errno::EPERM) } else { Ok(limits) }
}

/// `mlock(2)`.
pub(crate) fn mlock(task: &mut CurrentTask, addr: UserAddr, len: u64) -> Result<(), Errno> {
    lock(task, addr, len, Locking::Now)
}

/// `mlock2(2)`.
pub(crate) fn mlock2(task: &mut CurrentTask, addr: UserAddr, len: u64, flags: u32) -> Result<(), Errno> {
    if flags & !MLOCK_ONFAULT != 0 {
        return Err(Errno::EINVAL);
    }
    lock(task, addr, len, if flags & MLOCK_ONFAULT != 0 { Locking::OnFault } else { Locking::Now })
}

fn lock(task: &CurrentTask, addr: UserAddr, len: u64, how: Locking) -> Result<(), Errno> {
    let limits = check_permission(task)?;
    task.mm().lock(addr, len, how, &limits)
}

/// `munlock(2)`.
pub(crate) fn munlock(task: &mut CurrentTask, addr: UserAddr, len: u64) -> Result<(), Errno> {
    task.mm().lock(addr, len, Locking::Off, &limits(task))
}

/// `mlockall(2)`.
pub(crate) fn mlockall(task: &mut CurrentTask, flags: u32) -> Result<(), Errno> {
    let is_bad = flags == 0 || flags & !(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0 || flags == MCL_ONFAULT;
    if is_bad {
        return Err(Errno::EINVAL);
    }
    let limits = check_permission(task)?;
    task.mm().lock_all(flags & MCL_CURRENT != 0, flags & MCL_FUTURE != 0, &limits)
}

/// `munlockall(2)`.
pub(crate) fn munlockall(task: &mut CurrentTask) -> Result<(), Errno> {
    task.mm().lock_all(false, false, &limits(task))
}
