//! Capabilities: `capget(2)`, `capset(2)`, and what `prctl(2)` does to them.

use super::rules;
use abi::Errno;
use abi::cred::{CAPABILITY_VERSION_1, CAPABILITY_VERSION_2, CAPABILITY_VERSION_3, CapData, CapHeader};
use abi::prctl::{PR_CAP_AMBIENT_CLEAR_ALL, PR_CAP_AMBIENT_IS_SET, PR_CAP_AMBIENT_LOWER, PR_CAP_AMBIENT_RAISE};
use kernel::CurrentTask;
use mm::UserPtr;
use vfs::{Capability, Credentials};

/// The header, and how many elements of data follow. An unknown version is answered with the one to use: `EINVAL`.
fn read_header(task: &CurrentTask, header: UserPtr<CapHeader>) -> Result<(CapHeader, usize), Errno> {
    let value = header.read(&**task.mm())?;
    match value.version {
        CAPABILITY_VERSION_1 => Ok((value, 1)),
        CAPABILITY_VERSION_2 | CAPABILITY_VERSION_3 => Ok((value, 2)),
        _ => {
            header.give(&**task.mm(), &CapHeader { version: CAPABILITY_VERSION_3, ..value })?;
            Err(Errno::EINVAL)
        }
    }
}

/// `capget(2)`.
pub(crate) fn capget(task: &mut CurrentTask, header: UserPtr<CapHeader>, data: UserPtr<CapData>) -> Result<(), Errno> {
    let (header, count) = match read_header(task, header) {
        // A probe for the version.
        Err(Errno::EINVAL) if data.is_null() => return Ok(()),
        other => other?,
    };
    if header.pid < 0 {
        return Err(Errno::EINVAL);
    }
    let creds = if header.pid == 0 {
        task.creds().clone()
    } else {
        let namespace = task.task().pid_namespace();
        let found = task.kernel().tree().task(&namespace, header.pid);
        found.ok_or(Errno::ESRCH)?.creds()
    };
    if data.is_null() {
        return Ok(());
    }
    for index in 0..count {
        let part = |set: u64| (set >> (32 * index)) as u32;
        let value = CapData {
            effective: part(creds.effective),
            permitted: part(creds.permitted),
            inheritable: part(creds.inheritable),
        };
        data.at(index)?.give(&**task.mm(), &value)?;
    }
    Ok(())
}

/// `capset(2)`.
pub(crate) fn capset(task: &mut CurrentTask, header: UserPtr<CapHeader>, data: UserPtr<CapData>) -> Result<(), Errno> {
    let (header, count) = read_header(task, header)?;
    if header.pid != 0 && header.pid != task.task().tid_in(&task.task().pid_namespace()) {
        return Err(Errno::EPERM);
    }
    let data = data.read_array(&**task.mm(), count)?;
    let set = |of: fn(&CapData) -> u32| {
        data.iter().enumerate().fold(0u64, |set, (index, part)| set | u64::from(of(part)) << (32 * index))
    };
    let (effective, permitted) = (set(|part| part.effective), set(|part| part.permitted));
    let new = rules::set_caps(task.creds(), effective, permitted, set(|part| part.inheritable))?;
    task.set_creds(new);
    Ok(())
}

/// The bit of a capability's number; `EINVAL`.
fn bit(number: u64) -> Result<u64, Errno> {
    let bit = u32::try_from(number).ok().and_then(|number| 1u64.checked_shl(number)).ok_or(Errno::EINVAL)?;
    if bit & Capability::ALL != 0 { Ok(bit) } else { Err(Errno::EINVAL) }
}

/// `PR_CAPBSET_READ`.
pub(crate) fn bounding_read(task: &CurrentTask, number: u64) -> Result<u64, Errno> {
    Ok(u64::from(task.creds().bounding & bit(number)? != 0))
}

/// `PR_CAPBSET_DROP`.
pub(crate) fn bounding_drop(task: &mut CurrentTask, number: u64) -> Result<u64, Errno> {
    // The right is checked before the number.
    rules::drop_bounding(task.creds(), 0)?;
    let new = rules::drop_bounding(task.creds(), bit(number)?)?;
    task.set_creds(new);
    Ok(0)
}

/// `PR_SET_SECUREBITS`.
pub(crate) fn set_securebits(task: &mut CurrentTask, bits: u64) -> Result<u64, Errno> {
    let bits = u32::try_from(bits).map_err(|_| Errno::EPERM)?;
    let new = rules::set_securebits(task.creds(), bits)?;
    task.set_creds(new);
    Ok(0)
}

/// `PR_SET_KEEPCAPS`.
pub(crate) fn set_keep_caps(task: &mut CurrentTask, keep: u64) -> Result<u64, Errno> {
    if keep > 1 {
        return Err(Errno::EINVAL);
    }
    let new = rules::set_keep_caps(task.creds(), keep == 1)?;
    task.set_creds(new);
    Ok(0)
}

/// `PR_CAP_AMBIENT`.
pub(crate) fn ambient(task: &mut CurrentTask, operation: u64, number: u64, rest: [u64; 2]) -> Result<u64, Errno> {
    if operation == PR_CAP_AMBIENT_CLEAR_ALL {
        if number != 0 || rest != [0, 0] {
            return Err(Errno::EINVAL);
        }
        let new = Credentials { ambient: 0, ..(**task.creds()).clone() };
        task.set_creds(new);
        return Ok(0);
    }
    if rest != [0, 0] {
        return Err(Errno::EINVAL);
    }
    let bit = bit(number)?;
    match operation {
        PR_CAP_AMBIENT_IS_SET => Ok(u64::from(task.creds().ambient & bit != 0)),
        PR_CAP_AMBIENT_RAISE | PR_CAP_AMBIENT_LOWER => {
            let new = rules::set_ambient(task.creds(), bit, operation == PR_CAP_AMBIENT_RAISE)?;
            task.set_creds(new);
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}
