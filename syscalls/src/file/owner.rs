//! `chown(2)`.

use super::path::{CWD, find};
use crate::arg::Fd;
use abi::Errno;
use abi::fs::{AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW};
use kernel::CurrentTask;
use mm::UserStr;
use vfs::Place;

/// Stands for "leave it as it is".
const KEEP: u32 = u32::MAX;

fn set_owner(task: &CurrentTask, place: &Place, uid: u32, gid: u32) -> Result<(), Errno> {
    let users = &task.creds().user_ns;
    let uid = if uid == KEEP { None } else { Some(users.kernel_uid(uid).ok_or(Errno::EINVAL)?) };
    let gid = if gid == KEEP { None } else { Some(users.kernel_gid(gid).ok_or(Errno::EINVAL)?) };
    place.set_owner(task.caller(), uid, gid)
}

/// `chown(2)`.
pub(crate) fn chown(task: &mut CurrentTask, path: UserStr, uid: u32, gid: u32) -> Result<(), Errno> {
    fchownat(task, CWD, path, uid, gid, 0)
}

/// `lchown(2)`.
pub(crate) fn lchown(task: &mut CurrentTask, path: UserStr, uid: u32, gid: u32) -> Result<(), Errno> {
    fchownat(task, CWD, path, uid, gid, AT_SYMLINK_NOFOLLOW)
}

/// `fchown(2)`.
pub(crate) fn fchown(task: &mut CurrentTask, fd: Fd, uid: u32, gid: u32) -> Result<(), Errno> {
    let file = task.fds().get(fd.0)?;
    set_owner(task, file.place(), uid, gid)
}

/// `fchownat(2)`.
pub(crate) fn fchownat(
    task: &mut CurrentTask,
    dir: Fd,
    path: UserStr,
    uid: u32,
    gid: u32,
    flags: u32,
) -> Result<(), Errno> {
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let place = find(task, dir, path, flags)?;
    set_owner(task, &place, uid, gid)
}
