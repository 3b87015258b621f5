//! Names: `mkdir(2)`, `mknod(2)`, `link(2)`, `symlink(2)`, `unlink(2)`, `rename(2)`, `readlink(2)`.

use super::path::{CWD, find_bytes, find_lasting, read_path, walk_from};
use crate::arg::Fd;
use abi::Errno;
use abi::fs::{AT_EMPTY_PATH, AT_REMOVEDIR, AT_SYMLINK_FOLLOW, AT_SYMLINK_NOFOLLOW, FileType};
use kernel::CurrentTask;
use mm::{UserAddr, UserMemory, UserStr};
use vfs::{Capability, LinkTarget, RenameFlags, make_dev};

/// `mkdir(2)`.
pub(crate) fn mkdir(task: &mut CurrentTask, path: UserStr, mode: u32) -> Result<(), Errno> {
    mkdirat(task, CWD, path, mode)
}

/// `mkdirat(2)`.
pub(crate) fn mkdirat(task: &mut CurrentTask, dir: Fd, path: UserStr, mode: u32) -> Result<(), Errno> {
    let path = read_path(task, path)?;
    walk_from(task, dir, &path)?.make_dir(&path, mode).map(drop)
}

/// `mknod(2)`.
pub(crate) fn mknod(task: &mut CurrentTask, path: UserStr, mode: u32, dev: u32) -> Result<(), Errno> {
    mknodat(task, CWD, path, mode, dev)
}

/// `mknodat(2)`.
pub(crate) fn mknodat(task: &mut CurrentTask, dir: Fd, path: UserStr, mode: u32, dev: u32) -> Result<(), Errno> {
    let kind = match FileType::from_mode(mode) {
        None if mode & abi::fs::S_IFMT == 0 => FileType::Regular,
        Some(FileType::Directory) => return Err(Errno::EPERM),
        Some(FileType::Symlink) | None => return Err(Errno::EINVAL),
        Some(kind) => kind,
    };
    let path = read_path(task, path)?;
    // The device number in the encoding of user space.
    let rdev = make_dev((dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xf_ff00));
    let rdev = if matches!(kind, FileType::CharDevice | FileType::BlockDevice) { rdev } else { 0 };
    walk_from(task, dir, &path)?.make_node(&path, kind, mode & 0o7777, rdev).map(drop)
}

/// `symlink(2)`.
pub(crate) fn symlink(task: &mut CurrentTask, target: UserStr, path: UserStr) -> Result<(), Errno> {
    symlinkat(task, target, CWD, path)
}

/// `symlinkat(2)`.
pub(crate) fn symlinkat(task: &mut CurrentTask, target: UserStr, dir: Fd, path: UserStr) -> Result<(), Errno> {
    let target = read_path(task, target)?;
    let path = read_path(task, path)?;
    walk_from(task, dir, &path)?.make_symlink(&path, &target).map(drop)
}

/// `link(2)`.
pub(crate) fn link(task: &mut CurrentTask, old: UserStr, new: UserStr) -> Result<(), Errno> {
    linkat(task, CWD, old, CWD, new, 0)
}

/// `linkat(2)`.
pub(crate) fn linkat(
    task: &mut CurrentTask,
    old_dir: Fd,
    old: UserStr,
    new_dir: Fd,
    new: UserStr,
    flags: u32,
) -> Result<(), Errno> {
    if flags & !(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let old = read_path(task, old)?;
    let new = read_path(task, new)?;
    if old.is_empty() && flags & AT_EMPTY_PATH != 0 && !task.creds().has_in_root(Capability::DacReadSearch) {
        return Err(Errno::ENOENT);
    }
    let nofollow = if flags & AT_SYMLINK_FOLLOW == 0 { AT_SYMLINK_NOFOLLOW } else { 0 };
    let from = find_bytes(task, old_dir, &old, (flags & AT_EMPTY_PATH) | nofollow)?;
    walk_from(task, new_dir, &new)?.make_link(&from, &new)
}

/// `unlink(2)`.
pub(crate) fn unlink(task: &mut CurrentTask, path: UserStr) -> Result<(), Errno> {
    unlinkat(task, CWD, path, 0)
}

/// `rmdir(2)`.
pub(crate) fn rmdir(task: &mut CurrentTask, path: UserStr) -> Result<(), Errno> {
    unlinkat(task, CWD, path, AT_REMOVEDIR)
}

/// `unlinkat(2)`.
pub(crate) fn unlinkat(task: &mut CurrentTask, dir: Fd, path: UserStr, flags: u32) -> Result<(), Errno> {
    if flags & !AT_REMOVEDIR != 0 {
        return Err(Errno::EINVAL);
    }
    let path = read_path(task, path)?;
    let walk = walk_from(task, dir, &path)?;
    if flags & AT_REMOVEDIR != 0 { walk.rmdir(&path) } else { walk.unlink(&path) }
}

/// `rename(2)`.
pub(crate) fn rename(task: &mut CurrentTask, old: UserStr, new: UserStr) -> Result<(), Errno> {
    renameat2(task, CWD, old, CWD, new, 0)
}

/// `renameat(2)`.
pub(crate) fn renameat(
    task: &mut CurrentTask,
    old_dir: Fd,
    old: UserStr,
    new_dir: Fd,
    new: UserStr,
) -> Result<(), Errno> {
    renameat2(task, old_dir, old, new_dir, new, 0)
}

/// `renameat2(2)`.
pub(crate) fn renameat2(
    task: &mut CurrentTask,
    old_dir: Fd,
    old: UserStr,
    new_dir: Fd,
    new: UserStr,
    flags: u32,
) -> Result<(), Errno> {
    let flags = RenameFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    let old = read_path(task, old)?;
    let new = read_path(task, new)?;
    let to = walk_from(task, new_dir, &new)?;
    walk_from(task, old_dir, &old)?.rename(&old, &to, &new, flags)
}

/// `readlink(2)`.
pub(crate) fn readlink(task: &mut CurrentTask, path: UserStr, buf: UserAddr, len: i32) -> Result<usize, Errno> {
    readlinkat(task, CWD, path, buf, len)
}

/// `readlinkat(2)`: an empty path is the link that the descriptor (`O_PATH`) refers to.
pub(crate) fn readlinkat(
    task: &mut CurrentTask,
    dir: Fd,
    path: UserStr,
    buf: UserAddr,
    len: i32,
) -> Result<usize, Errno> {
    let len = usize::try_from(len).ok().filter(|&len| len > 0).ok_or(Errno::EINVAL)?;
    let path = read_path(task, path)?;
    let (place, lasting) = find_lasting(task, dir, &path, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)?;
    let inode = place.inode()?;
    if inode.kind() != FileType::Symlink {
        if let Some(changes) = lasting {
            task.remember_failure(&path, Errno::EINVAL, changes);
        }
        return Err(if path.is_empty() { Errno::ENOENT } else { Errno::EINVAL });
    }
    let root = task.fs().root();
    let target = match inode.read_link(task.caller())? {
        LinkTarget::Path(target) => target,
        LinkTarget::Place(place) => place.path(&root),
        LinkTarget::File(file) => file.path(&root),
    };
    let target = target.get(..len).unwrap_or(&target);
    task.mm().give(buf, target)?;
    Ok(target.len())
}
