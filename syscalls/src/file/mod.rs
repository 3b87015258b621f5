//! Files and filesystems: sections "files", "directories" and "mounts" of `syscalls(2)`.

mod access;
mod copy;
mod cwd;
mod dir;
mod dup;
mod epoll;
mod eventfd;
mod fcntl;
mod fstypes;
mod inotify;
mod io;
mod ioctl;
mod locks;
mod memfd;
mod mode;
mod mount;
mod names;
mod nsfs;
mod open;
mod owner;
mod path;
mod pipe;
mod poll;
mod seek;
mod select;
mod sigio;
mod size;
mod stat;
mod statfs;
mod sync_file;
mod times;
mod xattr;

pub(crate) use access::{access, faccessat, faccessat2};
pub(crate) use copy::{copy_file_range, sendfile, splice, tee, vmsplice};
pub(crate) use cwd::{chdir, chroot, fchdir, getcwd, umask};
pub(crate) use dir::{getdents, getdents64};
pub(crate) use dup::{dup, dup2, dup3};
pub(crate) use epoll::{epoll_create, epoll_create1, epoll_ctl, epoll_pwait, epoll_pwait2, epoll_wait};
pub(crate) use eventfd::{eventfd, eventfd2};
pub(crate) use fcntl::fcntl;
pub(crate) use fstypes::sysfs;
pub(crate) use inotify::{inotify_add_watch, inotify_init, inotify_init1, inotify_rm_watch};
pub(crate) use io::{pread64, preadv, preadv2, pwrite64, pwritev, pwritev2, range, read, readv, write, writev};
pub(crate) use ioctl::ioctl;
pub(crate) use locks::flock;
pub(crate) use memfd::memfd_create;
pub(crate) use mode::{chmod, fchmod, fchmodat, fchmodat2};
pub(crate) use mount::{mount, pivot_root, umount2};
pub(crate) use names::{
    link, linkat, mkdir, mkdirat, mknod, mknodat, readlink, readlinkat, rename, renameat, renameat2, rmdir, symlink,
    symlinkat, unlink, unlinkat,
};
pub(crate) use open::{close, close_range, creat, name_to_handle_at, open, openat, openat2};
pub(crate) use owner::{chown, fchown, fchownat, lchown};
pub(crate) use pipe::{pipe, pipe2};
pub(crate) use poll::{poll, ppoll};
pub(crate) use seek::lseek;
pub(crate) use select::{pselect6, select};
pub(crate) use size::{fadvise64, fallocate, ftruncate, readahead, truncate};
pub(crate) use stat::{fstat, lstat, newfstatat, stat, statx};
pub(crate) use statfs::{fstatfs, statfs, ustat};
pub(crate) use sync_file::{fdatasync, fsync, sync, sync_file_range, syncfs};
pub(crate) use times::{futimesat, utime, utimensat, utimes};
pub(crate) use xattr::{
    fgetxattr, flistxattr, fremovexattr, fsetxattr, getxattr, lgetxattr, listxattr, llistxattr, lremovexattr,
    lsetxattr, removexattr, setxattr,
};

pub(crate) use io::ranges;
