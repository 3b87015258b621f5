//! `access(2)`, `faccessat2(2)`.

use super::path::{CWD, find_bytes, read_path};
use crate::arg::Fd;
use abi::Errno;
use abi::fs::{AT_EACCESS, AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, FileType};
use abi::mount::MountFlags;
use kernel::CurrentTask;
use mm::UserStr;
use std::sync::Arc;
use vfs::{Caller, Credentials, Place};

/// `access(2)`.
pub(crate) fn access(task: &mut CurrentTask, path: UserStr, mode: u32) -> Result<(), Errno> {
    faccessat2(task, CWD, path, mode, 0)
}

/// `faccessat(2)` of the kernel, which has no flags.
pub(crate) fn faccessat(task: &mut CurrentTask, dir: Fd, path: UserStr, mode: u32) -> Result<(), Errno> {
    faccessat2(task, dir, path, mode, 0)
}

/// `faccessat2(2)`.
pub(crate) fn faccessat2(task: &mut CurrentTask, dir: Fd, path: UserStr, mode: u32, flags: u32) -> Result<(), Errno> {
    if mode & !7 != 0 || flags & !(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let path = read_path(task, path)?;
    let caller = if flags & AT_EACCESS != 0 { task.caller().clone() } else { with_real_ids(task.caller()) };
    let place = if path.is_empty() {
        find_bytes(task, dir, &path, flags)?
    } else {
        let walk = super::path::walk_from(task, dir, &path)?;
        walk.by(&caller).find(&path, flags & AT_SYMLINK_NOFOLLOW == 0)?
    };
    check(&caller, &place, mode)
}

fn check(caller: &Caller, place: &Place, mode: u32) -> Result<(), Errno> {
    let inode = place.inode()?;
    let kind = inode.kind();
    if mode & 1 != 0 && kind == FileType::Regular && place.has_flag(MountFlags::NOEXEC) {
        return Err(Errno::EACCES);
    }
    if mode != 0 {
        inode.permission(caller, mode)?;
    }
    let is_stored = matches!(kind, FileType::Regular | FileType::Directory | FileType::Symlink);
    if mode & 2 != 0 && is_stored { place.check_writable() } else { Ok(()) }
}

/// `SECBIT_NO_SETUID_FIXUP`.
const NO_SETUID_FIXUP: u32 = 4;

/// The caller as its real user, with the capabilities that this one would have: `access(2)`, "Notes".
fn with_real_ids(caller: &Caller) -> Caller {
    let creds = &caller.creds;
    if creds.fsuid == creds.uid
        && creds.fsgid == creds.gid
        && (creds.user_ns.guest_uid(creds.uid) == 0 || creds.effective == 0)
    {
        return caller.clone();
    }
    let mut real: Credentials = (**creds).clone();
    real.fsuid = creds.uid;
    real.fsgid = creds.gid;
    if creds.securebits & NO_SETUID_FIXUP == 0 {
        let is_root = creds.user_ns.guest_uid(creds.uid) == 0;
        real.effective = if is_root { creds.permitted } else { 0 };
    }
    Caller { creds: Arc::new(real), ..caller.clone() }
}
