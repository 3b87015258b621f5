//! `statfs(2)`, `ustat(2)`.

use super::path::{CWD, find};
use crate::arg::Fd;
use abi::Errno;
use abi::mount::{MountFlags, StatfsBuf, Ustat};
use kernel::CurrentTask;
use mm::{UserPtr, UserStr};
use vfs::Place;

/// The flags field says something.
const ST_VALID: u64 = 0x20;

fn write(task: &CurrentTask, place: &Place, buf: UserPtr<StatfsBuf>) -> Result<(), Errno> {
    let figures = place.inode()?.filesystem().statfs()?;
    let statfs = StatfsBuf {
        magic: figures.magic,
        bsize: figures.bsize,
        blocks: figures.blocks,
        bfree: figures.bfree,
        bavail: figures.bavail,
        files: figures.files,
        ffree: figures.ffree,
        fsid: [figures.fsid as u32, (figures.fsid >> 32) as u32],
        namelen: figures.namelen,
        frsize: figures.bsize,
        flags: flags(place),
        spare: [0; 4],
    };
    buf.give(&**task.mm(), &statfs)
}

/// `ST_*` of a mount.
fn flags(place: &Place) -> u64 {
    const NAMES: [(MountFlags, u64); 6] = [
        (MountFlags::NOSUID, 2),
        (MountFlags::NODEV, 4),
        (MountFlags::NOEXEC, 8),
        (MountFlags::NOATIME, 1024),
        (MountFlags::NODIRATIME, 2048),
        (MountFlags::RELATIME, 4096),
    ];
    let own = place.mount.flags();
    let bits: u64 = NAMES.iter().filter(|(flag, _)| own.contains(*flag)).map(|(_, bit)| bit).sum();
    ST_VALID | bits | u64::from(place.mount.is_read_only())
}

/// `statfs(2)`.
pub(crate) fn statfs(task: &mut CurrentTask, path: UserStr, buf: UserPtr<StatfsBuf>) -> Result<(), Errno> {
    let place = find(task, CWD, path, 0)?;
    write(task, &place, buf)
}

/// `fstatfs(2)`.
pub(crate) fn fstatfs(task: &mut CurrentTask, fd: Fd, buf: UserPtr<StatfsBuf>) -> Result<(), Errno> {
    let file = task.fds().get_any(fd.0)?;
    write(task, file.place(), buf)
}

/// `ustat(2)`: of the filesystem with a device number in 32 bits; `EINVAL`.
pub(crate) fn ustat(task: &mut CurrentTask, dev: u32, to: UserPtr<Ustat>) -> Result<(), Errno> {
    let (major, minor) = (dev >> 8 & 0xfff, dev & 0xff | dev >> 12 & 0xfff00);
    let device = vfs::make_dev(major, minor);
    let filesystems = task.fs().vfs().filesystems();
    let filesystem = filesystems.iter().find(|filesystem| filesystem.device() == device).ok_or(Errno::EINVAL)?;
    let figures = filesystem.statfs()?;
    let ustat = Ustat { tfree: figures.bfree as i32, tinode: figures.ffree, ..Ustat::default() };
    to.give(&**task.mm(), &ustat)
}
