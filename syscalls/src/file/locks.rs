//! `flock(2)`, and the locks of `fcntl_locking(2)`.

use crate::arg::Fd;
use abi::Errno;
use abi::fs::Flock;
use kernel::CurrentTask;
use mm::UserPtr;
use std::sync::Arc;
use sync::Fail;
use vfs::{LockOwner, OpenFile, RangeLock};

const F_RDLCK: i16 = 0;
const F_WRLCK: i16 = 1;
const F_UNLCK: i16 = 2;

const LOCK_SH: u32 = 1;
const LOCK_EX: u32 = 2;
const LOCK_NB: u32 = 4;
const LOCK_UN: u32 = 8;

/// Last byte of a lock that goes to the end of the file.
const TO_THE_END: u64 = i64::MAX as u64;

/// `flock(2)`.
pub(crate) fn flock(task: &mut CurrentTask, fd: Fd, operation: u32) -> Result<(), Fail> {
    let kind = operation & !LOCK_NB;
    if !matches!(kind, LOCK_SH | LOCK_EX | LOCK_UN) {
        return Err(Errno::EINVAL.into());
    }
    let file = task.fds().get(fd.0)?;
    if kind == LOCK_UN {
        return Ok(file.unflock()?);
    }
    if !file.is_readable() && !file.is_writable() {
        return Err(Errno::EBADF.into());
    }
    file.flock(task.caller(), kind == LOCK_EX, operation & LOCK_NB != 0)
}

/// First and last byte that a request means: `EINVAL`, `EOVERFLOW`.
fn bytes(file: &Arc<OpenFile>, request: &Flock) -> Result<(u64, u64), Errno> {
    let base = match request.whence {
        0 => 0,
        1 => file.offset() as i64,
        2 => file.inode()?.attr()?.size as i64,
        _ => return Err(Errno::EINVAL),
    };
    let start = base.checked_add(request.start).ok_or(Errno::EOVERFLOW)?;
    let (first, last) = match request.len {
        0 => (start, i64::MAX),
        1.. => (start, start.checked_add(request.len - 1).ok_or(Errno::EOVERFLOW)?),
        _ => (start.checked_add(request.len).ok_or(Errno::EINVAL)?, start.checked_sub(1).ok_or(Errno::EINVAL)?),
    };
    Ok((u64::try_from(first).map_err(|_| Errno::EINVAL)?, u64::try_from(last).map_err(|_| Errno::EINVAL)?))
}

fn lock(task: &CurrentTask, file: &Arc<OpenFile>, is_ofd: bool, request: &Flock) -> Result<RangeLock, Errno> {
    if is_ofd && request.pid != 0 {
        return Err(Errno::EINVAL);
    }
    let (start, last) = bytes(file, request)?;
    let owner = if is_ofd { file.lock_owner() } else { LockOwner::Process(task.fds().id()) };
    let pid = if is_ofd { -1 } else { task.caller().process.pid() };
    Ok(RangeLock { owner, pid, is_write: request.kind == F_WRLCK, start, last })
}

/// `F_SETLK`, `F_SETLKW` and their OFD twins.
pub(super) fn set(
    task: &CurrentTask,
    fd: Fd,
    file: &Arc<OpenFile>,
    is_ofd: bool,
    wait: bool,
    request: UserPtr<Flock>,
) -> Result<(), Fail> {
    let request = request.read(&**task.mm())?;
    let lock = lock(task, file, is_ofd, &request)?;
    let locks = file.inode()?.attachments().locks();
    match request.kind {
        F_UNLCK => locks.clear(lock.owner, lock.start, lock.last),
        F_RDLCK if !file.is_readable() => return Err(Errno::EBADF.into()),
        F_WRLCK if !file.is_writable() => return Err(Errno::EBADF.into()),
        F_RDLCK | F_WRLCK => locks.set(task.caller(), &lock, wait)?,
        _ => return Err(Errno::EINVAL.into()),
    }
    // Another thread may have closed the descriptor meanwhile: its locks went then, this one must too.
    let is_same = task.fds().get_any(fd.0).is_ok_and(|now| Arc::ptr_eq(&now, file));
    if !is_same && !is_ofd && request.kind != F_UNLCK {
        locks.clear(lock.owner, lock.start, lock.last);
        return Err(Errno::EBADF.into());
    }
    Ok(())
}

/// `F_GETLK` and its OFD twin.
pub(super) fn query(
    task: &CurrentTask,
    file: &Arc<OpenFile>,
    is_ofd: bool,
    pointer: UserPtr<Flock>,
) -> Result<(), Errno> {
    let mut request = pointer.read(&**task.mm())?;
    if !matches!(request.kind, F_RDLCK | F_WRLCK) {
        return Err(Errno::EINVAL);
    }
    let lock = lock(task, file, is_ofd, &request)?;
    match file.inode()?.attachments().locks().conflict(&lock) {
        None => request.kind = F_UNLCK,
        Some(other) => {
            request.kind = if other.is_write { F_WRLCK } else { F_RDLCK };
            request.whence = 0;
            request.start = other.start as i64;
            request.len = if other.last == TO_THE_END { 0 } else { (other.last - other.start + 1) as i64 };
            request.pid = other.pid;
        }
    }
    pointer.give(&**task.mm(), &request)
}
