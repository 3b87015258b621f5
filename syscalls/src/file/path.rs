//! What the calls with a directory descriptor and a path have in common: `openat(2)`, "Rationale".

use crate::arg::Fd;
use abi::Errno;
use abi::fs::{AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW};
use kernel::CurrentTask;
use mm::UserStr;
use vfs::{Place, Walk};

/// The working directory as a descriptor argument.
pub(super) const CWD: Fd = Fd(AT_FDCWD);

/// A walk that starts at a directory descriptor; `EBADF`. The descriptor is not looked at for an absolute path.
pub(super) fn walk_from<'a>(task: &'a CurrentTask, dir: Fd, path: &[u8]) -> Result<Walk<'a>, Errno> {
    let walk = Walk::new(task.caller(), task.fs());
    if dir.0 == AT_FDCWD || path.first() == Some(&b'/') {
        return Ok(walk);
    }
    let file = task.fds().get_any(dir.0)?;
    Ok(walk.from(file.place().clone()))
}

/// The path argument.
pub(super) fn read_path(task: &CurrentTask, path: UserStr) -> Result<Vec<u8>, Errno> {
    path.read_path(&**task.mm())
}

/// The place that a directory descriptor, a path and `AT_*` flags name. `AT_SYMLINK_NOFOLLOW` and
/// `AT_EMPTY_PATH` count; which flags are allowed is the caller's to check.
pub(super) fn find(task: &CurrentTask, dir: Fd, path: UserStr, flags: u32) -> Result<Place, Errno> {
    let path = if flags & AT_EMPTY_PATH != 0 && path.0.is_null() { Vec::new() } else { read_path(task, path)? };
    find_bytes(task, dir, &path, flags)
}

/// As [`find`] for a path that was read.
pub(super) fn find_bytes(task: &CurrentTask, dir: Fd, path: &[u8], flags: u32) -> Result<Place, Errno> {
    find_lasting(task, dir, path, flags).map(|(place, _)| place)
}

/// As [`find_bytes`], with the count of changes ([`CurrentTask::name_changes`]) up to which the path names this; `None`:
/// that is not known.
pub(super) fn find_lasting(
    task: &CurrentTask,
    dir: Fd,
    path: &[u8],
    flags: u32,
) -> Result<(Place, Option<u64>), Errno> {
    if path.is_empty() && flags & AT_EMPTY_PATH != 0 {
        if dir.0 == AT_FDCWD {
            return Ok((task.fs().cwd(), None));
        }
        return Ok((task.fds().get_any(dir.0)?.place().clone(), None));
    }
    let changes = task.name_changes();
    let walk = walk_from(task, dir, path)?;
    let found = walk.find(path, flags & AT_SYMLINK_NOFOLLOW == 0);
    let lasting = walk.is_steady().then_some(changes);
    if let (Err(Errno::ENOENT), Some(changes)) = (&found, lasting) {
        task.remember_failure(path, Errno::ENOENT, changes);
    }
    Ok((found?, lasting))
}
