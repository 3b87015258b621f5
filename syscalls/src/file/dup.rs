//! `dup(2)`.

use crate::arg::Fd;
use abi::Errno;
use abi::fs::OpenFlags;
use kernel::CurrentTask;

/// `dup(2)`.
pub(crate) fn dup(task: &mut CurrentTask, fd: Fd) -> Result<i32, Errno> {
    let file = task.fds().get_any(fd.0)?;
    task.fds().insert(task.caller(), file, false)
}

/// `dup2(2)`.
pub(crate) fn dup2(task: &mut CurrentTask, old: Fd, new: Fd) -> Result<i32, Errno> {
    let file = task.fds().get_any(old.0);
    if old == new {
        return file.map(|_| new.0);
    }
    let file = file?;
    task.fds().dup_to(task.caller(), file, new.0, false)?;
    Ok(new.0)
}

/// `dup3(2)`.
pub(crate) fn dup3(task: &mut CurrentTask, old: Fd, new: Fd, flags: OpenFlags) -> Result<i32, Errno> {
    if !(flags - OpenFlags::CLOEXEC).is_empty() || old == new {
        return Err(Errno::EINVAL);
    }
    let file = task.fds().get_any(old.0)?;
    task.fds().dup_to(task.caller(), file, new.0, flags.contains(OpenFlags::CLOEXEC))?;
    Ok(new.0)
}
