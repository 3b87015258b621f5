//! Supplementary groups: `getgroups(2)`.

use abi::Errno;
use abi::cred::NGROUPS_MAX;
use kernel::CurrentTask;
use mm::{UserMemory, UserPtr};
use std::sync::Arc;
use vfs::{Capability, Credentials};
use zerocopy::IntoBytes;

/// `getgroups(2)`.
pub(crate) fn getgroups(task: &mut CurrentTask, size: i32, list: UserPtr<u32>) -> Result<usize, Errno> {
    let creds = task.creds();
    let size = usize::try_from(size).map_err(|_| Errno::EINVAL)?;
    let count = creds.groups.len();
    if size == 0 {
        return Ok(count);
    }
    if count > size {
        return Err(Errno::EINVAL);
    }
    let groups: Vec<u32> = creds.groups.iter().map(|&gid| creds.user_ns.guest_gid(gid)).collect();
    task.mm().give(list.addr(), groups.as_slice().as_bytes())?;
    Ok(count)
}

/// `setgroups(2)`.
pub(crate) fn setgroups(task: &mut CurrentTask, size: i32, list: UserPtr<u32>) -> Result<(), Errno> {
    let creds = task.creds().clone();
    if !creds.has(Capability::Setgid) || !creds.user_ns.allows_setgroups() {
        return Err(Errno::EPERM);
    }
    let size = usize::try_from(size).ok().filter(|&size| size <= NGROUPS_MAX).ok_or(Errno::EINVAL)?;
    let mut groups = Vec::with_capacity(size);
    for gid in list.read_array(&**task.mm(), size)? {
        groups.push(creds.user_ns.kernel_gid(gid).filter(|_| gid != u32::MAX).ok_or(Errno::EINVAL)?);
    }
    groups.sort_unstable();
    task.set_creds(Credentials { groups: Arc::from(groups), ..(*creds).clone() });
    Ok(())
}
