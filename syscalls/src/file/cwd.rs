//! `getcwd(2)`, `chdir(2)`, `chroot(2)`, `umask(2)`.

use super::path::read_path;
use crate::arg::Fd;
use abi::Errno;
use abi::fs::FileType;
use kernel::CurrentTask;
use mm::{UserAddr, UserMemory, UserStr};
use vfs::{Capability, Walk};

/// `getcwd(2)` of the kernel: the length with the zero byte.
pub(crate) fn getcwd(task: &mut CurrentTask, buf: UserAddr, len: usize) -> Result<usize, Errno> {
    let directories = task.fs().directories();
    let mut path = directories.cwd.cwd_path(&directories.root)?;
    path.push(0);
    if path.len() > abi::mm::PAGE_SIZE as usize {
        return Err(Errno::ENAMETOOLONG);
    }
    if path.len() > len {
        return Err(Errno::ERANGE);
    }
    task.mm().give(buf, &path)?;
    Ok(path.len())
}

/// `chdir(2)`.
pub(crate) fn chdir(task: &mut CurrentTask, path: UserStr) -> Result<(), Errno> {
    let path = read_path(task, path)?;
    let place = Walk::new(task.caller(), task.fs()).find_dir(&path)?;
    task.fs().set_cwd(place);
    Ok(())
}

/// `fchdir(2)`.
pub(crate) fn fchdir(task: &mut CurrentTask, fd: Fd) -> Result<(), Errno> {
    let place = task.fds().get_any(fd.0)?.place().clone();
    let inode = place.inode()?;
    if inode.kind() != FileType::Directory {
        return Err(Errno::ENOTDIR);
    }
    inode.permission(task.caller(), 1)?;
    task.fs().set_cwd(place);
    Ok(())
}

/// `chroot(2)`.
pub(crate) fn chroot(task: &mut CurrentTask, path: UserStr) -> Result<(), Errno> {
    let path = read_path(task, path)?;
    let place = Walk::new(task.caller(), task.fs()).find_dir(&path)?;
    if !task.creds().has(Capability::SysChroot) {
        return Err(Errno::EPERM);
    }
    task.fs().set_root(place);
    Ok(())
}

/// `umask(2)`.
pub(crate) fn umask(task: &mut CurrentTask, mask: u32) -> Result<u32, Errno> {
    Ok(task.fs().set_umask(mask))
}
