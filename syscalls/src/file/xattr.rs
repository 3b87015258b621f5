//! Extended attributes: `xattr(7)`.

use super::path::{CWD, find};
use crate::arg::Fd;
use abi::Errno;
use abi::fs::AT_SYMLINK_NOFOLLOW;
use kernel::CurrentTask;
use mm::{UserAddr, UserMemory, UserPtr, UserStr};
use vfs::{Place, XattrSet};

const XATTR_CREATE: u32 = 1;
const XATTR_REPLACE: u32 = 2;
const NAME_MAX: usize = 255;
const SIZE_MAX: usize = 65536;

fn name(task: &CurrentTask, name: UserStr) -> Result<Vec<u8>, Errno> {
    let name = name.read(&**task.mm(), NAME_MAX + 1)?.ok_or(Errno::ERANGE)?;
    if name.is_empty() { Err(Errno::ERANGE) } else { Ok(name) }
}

/// Gives a value out: its length; with room 0 only that. `ERANGE` when it does not fit.
fn give(task: &CurrentTask, value: &[u8], buf: UserAddr, room: usize) -> Result<usize, Errno> {
    if room == 0 {
        return Ok(value.len());
    }
    if value.len() > room {
        return Err(Errno::ERANGE);
    }
    task.mm().give(buf, value)?;
    Ok(value.len())
}

fn get(task: &CurrentTask, place: &Place, key: UserStr, buf: UserAddr, room: usize) -> Result<usize, Errno> {
    let value = place.xattr(task.caller(), &name(task, key)?)?;
    give(task, &value, buf, room)
}

fn list(task: &CurrentTask, place: &Place, buf: UserAddr, room: usize) -> Result<usize, Errno> {
    let names = place.inode()?.list_xattrs(task.caller())?;
    give(task, &names, buf, room)
}

/// The arguments of a `setxattr`, read in Linux's order.
fn set_args(
    task: &CurrentTask,
    key: UserStr,
    value: UserAddr,
    len: usize,
    flags: u32,
) -> Result<(Vec<u8>, Vec<u8>, XattrSet), Errno> {
    let how = match flags {
        0 => XattrSet::Any,
        XATTR_CREATE => XattrSet::Create,
        XATTR_REPLACE => XattrSet::Replace,
        _ => return Err(Errno::EINVAL),
    };
    let key = name(task, key)?;
    if len > SIZE_MAX {
        return Err(Errno::E2BIG);
    }
    let value = UserPtr::<u8>::new(value).read_array(&**task.mm(), len)?;
    Ok((key, value, how))
}

/// `setxattr(2)`.
pub(crate) fn setxattr(
    task: &mut CurrentTask,
    path: UserStr,
    key: UserStr,
    value: UserAddr,
    len: usize,
    flags: u32,
) -> Result<(), Errno> {
    let (key, value, how) = set_args(task, key, value, len, flags)?;
    find(task, CWD, path, 0)?.set_xattr(task.caller(), &key, &value, how)
}

/// `lsetxattr(2)`.
pub(crate) fn lsetxattr(
    task: &mut CurrentTask,
    path: UserStr,
    key: UserStr,
    value: UserAddr,
    len: usize,
    flags: u32,
) -> Result<(), Errno> {
    let (key, value, how) = set_args(task, key, value, len, flags)?;
    find(task, CWD, path, AT_SYMLINK_NOFOLLOW)?.set_xattr(task.caller(), &key, &value, how)
}

/// `fsetxattr(2)`.
pub(crate) fn fsetxattr(
    task: &mut CurrentTask,
    fd: Fd,
    key: UserStr,
    value: UserAddr,
    len: usize,
    flags: u32,
) -> Result<(), Errno> {
    let file = task.fds().get(fd.0)?;
    let (key, value, how) = set_args(task, key, value, len, flags)?;
    file.place().set_xattr(task.caller(), &key, &value, how)
}

/// `getxattr(2)`.
pub(crate) fn getxattr(
    task: &mut CurrentTask,
    path: UserStr,
    key: UserStr,
    buf: UserAddr,
    room: usize,
) -> Result<usize, Errno> {
    let place = find(task, CWD, path, 0)?;
    get(task, &place, key, buf, room)
}

/// `lgetxattr(2)`.
pub(crate) fn lgetxattr(
    task: &mut CurrentTask,
    path: UserStr,
    key: UserStr,
    buf: UserAddr,
    room: usize,
) -> Result<usize, Errno> {
    let place = find(task, CWD, path, AT_SYMLINK_NOFOLLOW)?;
    get(task, &place, key, buf, room)
}

/// `fgetxattr(2)`.
pub(crate) fn fgetxattr(
    task: &mut CurrentTask,
    fd: Fd,
    key: UserStr,
    buf: UserAddr,
    room: usize,
) -> Result<usize, Errno> {
    let file = task.fds().get(fd.0)?;
    get(task, file.place(), key, buf, room)
}

/// `listxattr(2)`.
pub(crate) fn listxattr(task: &mut CurrentTask, path: UserStr, buf: UserAddr, room: usize) -> Result<usize, Errno> {
    let place = find(task, CWD, path, 0)?;
    list(task, &place, buf, room)
}

/// `llistxattr(2)`.
pub(crate) fn llistxattr(task: &mut CurrentTask, path: UserStr, buf: UserAddr, room: usize) -> Result<usize, Errno> {
    let place = find(task, CWD, path, AT_SYMLINK_NOFOLLOW)?;
    list(task, &place, buf, room)
}

/// `flistxattr(2)`.
pub(crate) fn flistxattr(task: &mut CurrentTask, fd: Fd, buf: UserAddr, room: usize) -> Result<usize, Errno> {
    let file = task.fds().get(fd.0)?;
    list(task, file.place(), buf, room)
}

/// `removexattr(2)`.
pub(crate) fn removexattr(task: &mut CurrentTask, path: UserStr, key: UserStr) -> Result<(), Errno> {
    let key = name(task, key)?;
    find(task, CWD, path, 0)?.remove_xattr(task.caller(), &key)
}

/// `lremovexattr(2)`.
pub(crate) fn lremovexattr(task: &mut CurrentTask, path: UserStr, key: UserStr) -> Result<(), Errno> {
    let key = name(task, key)?;
    find(task, CWD, path, AT_SYMLINK_NOFOLLOW)?.remove_xattr(task.caller(), &key)
}

/// `fremovexattr(2)`.
pub(crate) fn fremovexattr(task: &mut CurrentTask, fd: Fd, key: UserStr) -> Result<(), Errno> {
    let file = task.fds().get(fd.0)?;
    let key = name(task, key)?;
    file.place().remove_xattr(task.caller(), &key)
}
