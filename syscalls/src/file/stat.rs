//! `stat(2)`, `statx(2)`.

use super::path::{CWD, find};
use crate::arg::Fd;
use abi::Errno;
use abi::fs::{
    AT_EMPTY_PATH, AT_NO_AUTOMOUNT, AT_STATX_SYNC_TYPE, AT_SYMLINK_NOFOLLOW, FileType, Stat, Statx, StatxTimestamp,
};
use abi::time::Timespec;
use kernel::CurrentTask;
use mm::{UserPtr, UserStr};
use vfs::{ANON_INODE_DEV, Attr, Place, split_dev};

/// Type and permission bits. Files like eventfds have no type.
fn full_mode(attr: &Attr) -> u32 {
    if attr.dev == ANON_INODE_DEV && attr.kind == FileType::Regular { attr.mode } else { attr.kind as u32 | attr.mode }
}

fn write_stat(task: &CurrentTask, attr: &Attr, buf: UserPtr<Stat>) -> Result<(), Errno> {
    let users = &task.caller().creds.user_ns;
    let stat = Stat {
        dev: attr.dev,
        ino: attr.ino,
        nlink: u64::from(attr.nlink),
        mode: full_mode(attr),
        uid: users.guest_uid(attr.uid),
        gid: users.guest_gid(attr.gid),
        rdev: attr.rdev,
        size: attr.size as i64,
        blksize: i64::from(attr.blksize),
        blocks: attr.blocks as i64,
        atime: attr.atime,
        mtime: attr.mtime,
        ctime: attr.ctime,
        ..Stat::default()
    };
    buf.give(&**task.mm(), &stat)
}

/// `stat(2)`.
pub(crate) fn stat(task: &mut CurrentTask, path: UserStr, buf: UserPtr<Stat>) -> Result<(), Errno> {
    let attr = find(task, CWD, path, 0)?.attr()?;
    write_stat(task, &attr, buf)
}

/// `lstat(2)`.
pub(crate) fn lstat(task: &mut CurrentTask, path: UserStr, buf: UserPtr<Stat>) -> Result<(), Errno> {
    let attr = find(task, CWD, path, AT_SYMLINK_NOFOLLOW)?.attr()?;
    write_stat(task, &attr, buf)
}

/// `fstat(2)`.
pub(crate) fn fstat(task: &mut CurrentTask, fd: Fd, buf: UserPtr<Stat>) -> Result<(), Errno> {
    let attr = task.fds().get_any(fd.0)?.place().attr()?;
    write_stat(task, &attr, buf)
}

/// `fstatat(2)`.
pub(crate) fn newfstatat(
    task: &mut CurrentTask,
    dir: Fd,
    path: UserStr,
    buf: UserPtr<Stat>,
    flags: u32,
) -> Result<(), Errno> {
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let attr = find(task, dir, path, flags)?.attr()?;
    write_stat(task, &attr, buf)
}

const STATX_BASIC_STATS: u32 = 0x7ff;
const STATX_BTIME: u32 = 0x800;
const STATX_MNT_ID: u32 = 0x1000;
const STATX_RESERVED: u32 = 0x8000_0000;
const STATX_ATTR_MOUNT_ROOT: u64 = 0x2000;

/// `statx(2)`.
pub(crate) fn statx(
    task: &mut CurrentTask,
    dir: Fd,
    path: UserStr,
    flags: u32,
    mask: u32,
    buf: UserPtr<Statx>,
) -> Result<(), Errno> {
    let known = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE;
    if mask & STATX_RESERVED != 0 || flags & AT_STATX_SYNC_TYPE == AT_STATX_SYNC_TYPE || flags & !known != 0 {
        return Err(Errno::EINVAL);
    }
    let place = find(task, dir, path, flags)?;
    let statx = fill(task, &place)?;
    buf.give(&**task.mm(), &statx)
}

const fn stamp(time: Timespec) -> StatxTimestamp {
    StatxTimestamp { sec: time.sec, nsec: time.nsec as u32, _reserved: 0 }
}

fn fill(task: &CurrentTask, place: &Place) -> Result<Statx, Errno> {
    let attr = place.attr()?;
    let users = &task.caller().creds.user_ns;
    let (rdev_major, rdev_minor) = split_dev(attr.rdev);
    let (dev_major, dev_minor) = split_dev(attr.dev);
    let btime = if attr.btime.is_some() { STATX_BTIME } else { 0 };
    Ok(Statx {
        mask: STATX_BASIC_STATS | STATX_MNT_ID | btime,
        blksize: attr.blksize,
        attributes: if place.is_mount_root() { STATX_ATTR_MOUNT_ROOT } else { 0 },
        nlink: attr.nlink,
        uid: users.guest_uid(attr.uid),
        gid: users.guest_gid(attr.gid),
        mode: full_mode(&attr) as u16,
        ino: attr.ino,
        size: attr.size,
        blocks: attr.blocks,
        attributes_mask: STATX_ATTR_MOUNT_ROOT,
        atime: stamp(attr.atime),
        btime: stamp(attr.btime.unwrap_or_default()),
        ctime: stamp(attr.ctime),
        mtime: stamp(attr.mtime),
        rdev_major,
        rdev_minor,
        dev_major,
        dev_minor,
        mnt_id: place.mount.id(),
        ..Statx::default()
    })
}
