//! `fsync(2)`, `sync(2)`, `sync_file_range(2)`.

use crate::arg::Fd;
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use kernel::CurrentTask;
use sync::Fail;

fn sync_one(task: &CurrentTask, fd: Fd, data_only: bool) -> Result<(), Fail> {
    let file = task.fds().get(fd.0)?;
    file.ops.sync(&file.io(task.caller(), OpenFlags::empty()), data_only)
}

/// `fsync(2)`.
pub(crate) fn fsync(task: &mut CurrentTask, fd: Fd) -> Result<(), Fail> {
    sync_one(task, fd, false)
}

/// `fdatasync(2)`.
pub(crate) fn fdatasync(task: &mut CurrentTask, fd: Fd) -> Result<(), Fail> {
    sync_one(task, fd, true)
}

/// `sync(2)`.
pub(crate) fn sync(task: &mut CurrentTask) -> Result<(), Errno> {
    for filesystem in task.fs().vfs().filesystems() {
        // sync(2) reports nothing.
        let _ = filesystem.sync();
    }
    Ok(())
}

/// `syncfs(2)`.
pub(crate) fn syncfs(task: &mut CurrentTask, fd: Fd) -> Result<(), Errno> {
    let file = task.fds().get(fd.0)?;
    file.inode()?.filesystem().sync()
}

/// `sync_file_range(2)`.
pub(crate) fn sync_file_range(task: &mut CurrentTask, fd: Fd, offset: i64, len: i64, flags: u32) -> Result<(), Fail> {
    let file = task.fds().get(fd.0)?;
    if flags & !7 != 0 || offset < 0 || len < 0 || offset.checked_add(len).is_none() {
        return Err(Errno::EINVAL.into());
    }
    match file.inode()?.kind() {
        FileType::Regular | FileType::BlockDevice | FileType::Directory => {}
        _ => return Err(Errno::ESPIPE.into()),
    }
    if flags == 0 || file.kind() != Some(FileType::Regular) {
        return Ok(());
    }
    file.ops.sync(&file.io(task.caller(), OpenFlags::empty()), true)
}
