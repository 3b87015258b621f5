//! `truncate(2)`, `fallocate(2)`, `posix_fadvise(2)`, `readahead(2)`.

use super::path::{CWD, find};
use crate::arg::Fd;
use abi::Errno;
use abi::fs::FileType;
use kernel::CurrentTask;
use mm::UserStr;
use sync::Fail;

/// `truncate(2)`.
pub(crate) fn truncate(task: &mut CurrentTask, path: UserStr, len: i64) -> Result<(), Errno> {
    let len = u64::try_from(len).map_err(|_| Errno::EINVAL)?;
    find(task, CWD, path, 0)?.truncate(task.caller(), len)
}

/// `ftruncate(2)`.
pub(crate) fn ftruncate(task: &mut CurrentTask, fd: Fd, len: i64) -> Result<(), Errno> {
    let len = u64::try_from(len).map_err(|_| Errno::EINVAL)?;
    task.fds().get(fd.0)?.truncate(task.caller(), len)
}

/// `fallocate(2)`.
pub(crate) fn fallocate(task: &mut CurrentTask, fd: Fd, mode: u32, offset: i64, len: i64) -> Result<(), Fail> {
    const KEEP_SIZE: u32 = 1;
    const PUNCH_HOLE: u32 = 2;
    const COLLAPSE_RANGE: u32 = 8;
    const ZERO_RANGE: u32 = 16;
    const KNOWN: u32 = 0x7f;
    let file = task.fds().get(fd.0)?;
    let offset = u64::try_from(offset).map_err(|_| Errno::EINVAL)?;
    let len = u64::try_from(len).ok().filter(|&len| len > 0).ok_or(Errno::EINVAL)?;
    let is_contradiction = mode & (PUNCH_HOLE | ZERO_RANGE) == PUNCH_HOLE | ZERO_RANGE;
    if mode & !KNOWN != 0 || is_contradiction || (mode & PUNCH_HOLE != 0 && mode & KEEP_SIZE == 0) {
        return Err(Errno::EOPNOTSUPP.into());
    }
    if mode & COLLAPSE_RANGE != 0 && mode != COLLAPSE_RANGE {
        return Err(Errno::EINVAL.into());
    }
    file.allocate(task.caller(), mode, offset, len)
}

/// `posix_fadvise(2)`: a hint that is checked and not taken.
pub(crate) fn fadvise64(task: &mut CurrentTask, fd: Fd, _offset: i64, len: i64, advice: u32) -> Result<(), Errno> {
    let file = task.fds().get(fd.0)?;
    if file.inode()?.kind() == FileType::Fifo {
        return Err(Errno::ESPIPE);
    }
    if len < 0 || advice > 5 { Err(Errno::EINVAL) } else { Ok(()) }
}

/// `readahead(2)`: a hint that is checked and not taken.
pub(crate) fn readahead(task: &mut CurrentTask, fd: Fd, _offset: i64, _count: u64) -> Result<(), Errno> {
    let file = task.fds().get(fd.0)?;
    if !file.is_readable() {
        return Err(Errno::EBADF);
    }
    match file.kind() {
        Some(FileType::Regular | FileType::BlockDevice) => Ok(()),
        _ => Err(Errno::EINVAL),
    }
}
