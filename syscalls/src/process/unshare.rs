//! `unshare(2)`, `setns(2)`.

use crate::arg::Fd;
use abi::Errno;
use abi::sched::CloneFlags;
use kernel::CurrentTask;

/// `unshare(2)`.
pub(crate) fn unshare(task: &mut CurrentTask, flags: u64) -> Result<(), Errno> {
    task.unshare(CloneFlags::from_bits_retain(flags))
}

/// `setns(2)`: no descriptor of a namespace exists here yet.
pub(crate) fn setns(task: &mut CurrentTask, fd: Fd, _kind: u32) -> Result<(), Errno> {
    task.fds().get(fd.0)?;
    Err(Errno::EINVAL)
}
