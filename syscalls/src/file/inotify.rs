//! `inotify(7)`.

use super::path::{CWD, find};
use crate::arg::Fd;
use abi::Errno;
use abi::fs::{AT_SYMLINK_NOFOLLOW, OpenFlags};
use abi::inotify::Event;
use kernel::CurrentTask;
use mm::UserStr;
use vfs::Inotify;

/// `inotify_init(2)`.
pub(crate) fn inotify_init(task: &mut CurrentTask) -> Result<i32, Errno> {
    inotify_init1(task, OpenFlags::empty())
}

/// `inotify_init1(2)`.
pub(crate) fn inotify_init1(task: &mut CurrentTask, flags: OpenFlags) -> Result<i32, Errno> {
    if !(flags - (OpenFlags::CLOEXEC | OpenFlags::NONBLOCK)).is_empty() {
        return Err(Errno::EINVAL);
    }
    task.fds().insert(task.caller(), Inotify::open(flags), flags.contains(OpenFlags::CLOEXEC))
}

/// `inotify_add_watch(2)`.
pub(crate) fn inotify_add_watch(task: &mut CurrentTask, fd: Fd, path: UserStr, mask: u32) -> Result<i32, Errno> {
    let mask = Event::from_bits_retain(mask);
    let is_both = mask.contains(Event::MASK_ADD | Event::MASK_CREATE);
    if !mask.intersects(Event::ALL) || is_both {
        return Err(Errno::EINVAL);
    }
    let file = task.fds().get(fd.0)?;
    let inotify = file.downcast::<Inotify>().ok_or(Errno::EINVAL)?;
    let nofollow = if mask.contains(Event::DONT_FOLLOW) { AT_SYMLINK_NOFOLLOW } else { 0 };
    let place = find(task, CWD, path, nofollow)?;
    let inode = place.inode()?;
    vfs::check_only_dir(inode, mask)?;
    inode.permission(task.caller(), 4)?;
    inotify.add(inode, mask)
}

/// `inotify_rm_watch(2)`.
pub(crate) fn inotify_rm_watch(task: &mut CurrentTask, fd: Fd, wd: i32) -> Result<(), Errno> {
    let file = task.fds().get(fd.0)?;
    file.downcast::<Inotify>().ok_or(Errno::EINVAL)?.remove(wd)
}
