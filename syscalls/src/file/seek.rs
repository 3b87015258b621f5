//! `lseek(2)`.

use crate::arg::Fd;
use abi::Errno;
use kernel::CurrentTask;

/// `lseek(2)`.
pub(crate) fn lseek(task: &mut CurrentTask, fd: Fd, offset: i64, whence: u32) -> Result<u64, Errno> {
    task.fds().get(fd.0)?.seek(task.caller(), whence, offset)
}
