//! `chmod(2)`.

use super::path::{CWD, find};
use crate::arg::Fd;
use abi::Errno;
use abi::fs::{AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW};
use kernel::CurrentTask;
use mm::UserStr;

/// `chmod(2)`.
pub(crate) fn chmod(task: &mut CurrentTask, path: UserStr, mode: u32) -> Result<(), Errno> {
    fchmodat2(task, CWD, path, mode, 0)
}

/// `fchmod(2)`.
pub(crate) fn fchmod(task: &mut CurrentTask, fd: Fd, mode: u32) -> Result<(), Errno> {
    task.fds().get(fd.0)?.place().set_mode(task.caller(), mode)
}

/// `fchmodat(2)` of the kernel, which has no flags.
pub(crate) fn fchmodat(task: &mut CurrentTask, dir: Fd, path: UserStr, mode: u32) -> Result<(), Errno> {
    fchmodat2(task, dir, path, mode, 0)
}

/// `fchmodat2(2)`.
pub(crate) fn fchmodat2(task: &mut CurrentTask, dir: Fd, path: UserStr, mode: u32, flags: u32) -> Result<(), Errno> {
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    find(task, dir, path, flags)?.set_mode(task.caller(), mode)
}
