//! `open(2)`, `openat2(2)`, `close(2)`, `close_range(2)`.

use super::path::{CWD, read_path, walk_from};
use crate::arg::Fd;
use abi::Errno;
use abi::fs::{AT_FDCWD, OpenFlags};
use kernel::CurrentTask;
use mm::{UserAddr, UserMemory, UserPtr, UserStr};
use sync::Fail;
use vfs::{OpenHow, Resolve, Walk};
use zerocopy::FromZeros;
use zerocopy::IntoBytes;

/// `open(2)`.
pub(crate) fn open(task: &mut CurrentTask, path: UserStr, flags: OpenFlags, mode: u32) -> Result<i32, Fail> {
    openat(task, CWD, path, flags, mode)
}

/// `creat(2)`.
pub(crate) fn creat(task: &mut CurrentTask, path: UserStr, mode: u32) -> Result<i32, Fail> {
    openat(task, CWD, path, OpenFlags::CREAT | OpenFlags::WRONLY | OpenFlags::TRUNC, mode)
}

/// `openat(2)`.
pub(crate) fn openat(task: &mut CurrentTask, dir: Fd, path: UserStr, flags: OpenFlags, mode: u32) -> Result<i32, Fail> {
    open_how(task, dir, path, &OpenHow::lenient(flags, mode))
}

fn open_how(task: &CurrentTask, dir: Fd, path: UserStr, how: &OpenHow) -> Result<i32, Fail> {
    how.check()?;
    let path = read_path(task, path)?;
    let reserved = task.fds().reserve(task.caller(), 0, how.flags.contains(OpenFlags::CLOEXEC))?;
    let walk = if how.resolve.contains(Resolve::IN_ROOT) && dir.0 != AT_FDCWD {
        let base = task.fds().get_any(dir.0)?.place().clone();
        Walk::new(task.caller(), task.fs()).from(base)
    } else {
        walk_from(task, dir, &path)?
    };
    let file = walk.open(&path, how)?;
    Ok(reserved.install(file))
}

/// Flags that `openat2` knows.
const KNOWN_FLAGS: u64 = 0o37_777_703;
const TMPFILE: u64 = 0o20_000_000;

/// `openat2(2)`.
pub(crate) fn openat2(task: &mut CurrentTask, dir: Fd, path: UserStr, how: UserAddr, size: usize) -> Result<i32, Fail> {
    let how = read_how(task, how, size)?;
    let flags = OpenFlags::from_bits_retain(how.flags as u32);
    let makes = flags.contains(OpenFlags::CREAT) || how.flags & TMPFILE != 0;
    if how.flags & !KNOWN_FLAGS != 0 || (how.mode != 0 && !makes) || how.mode & !0o7777 != 0 {
        return Err(Errno::EINVAL.into());
    }
    let resolve = Resolve::from_bits(how.resolve).ok_or(Errno::EINVAL)?;
    if resolve.contains(Resolve::BENEATH | Resolve::IN_ROOT) {
        return Err(Errno::EINVAL.into());
    }
    let allowed = OpenFlags::PATH | OpenFlags::DIRECTORY | OpenFlags::NOFOLLOW | OpenFlags::CLOEXEC;
    if flags.contains(OpenFlags::PATH) && !allowed.contains(flags) {
        return Err(Errno::EINVAL.into());
    }
    if resolve.contains(Resolve::CACHED) && (makes || flags.contains(OpenFlags::TRUNC)) {
        return Err(Errno::EAGAIN.into());
    }
    open_how(task, dir, path, &OpenHow { flags, mode: how.mode as u32, resolve })
}

/// A struct that may grow: zeros stand for what the caller's version lacks; what ours lacks must be zero.
fn read_how(task: &CurrentTask, how: UserAddr, size: usize) -> Result<abi::fs::OpenHow, Errno> {
    let known = size_of::<abi::fs::OpenHow>();
    if size < known {
        return Err(Errno::EINVAL);
    }
    if size > abi::mm::PAGE_SIZE as usize {
        return Err(Errno::E2BIG);
    }
    let memory: &dyn UserMemory = &**task.mm();
    let mut value = abi::fs::OpenHow::new_zeroed();
    memory.read(how, value.as_mut_bytes())?;
    let rest = UserPtr::<u8>::new(how.offset(known as u64)?).read_array(memory, size - known)?;
    if rest.iter().any(|&byte| byte != 0) { Err(Errno::E2BIG) } else { Ok(value) }
}

/// `close(2)`.
pub(crate) fn close(task: &mut CurrentTask, fd: Fd) -> Result<(), Errno> {
    task.fds().close(task.caller(), fd.0)
}

const CLOSE_RANGE_UNSHARE: u32 = 2;
const CLOSE_RANGE_CLOEXEC: u32 = 4;

/// `close_range(2)`.
pub(crate) fn close_range(task: &mut CurrentTask, first: u32, last: u32, flags: u32) -> Result<(), Errno> {
    if flags & !(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) != 0 || first > last {
        return Err(Errno::EINVAL);
    }
    if flags & CLOSE_RANGE_UNSHARE != 0 {
        let fds = task.fds().fork();
        task.set_fds(fds);
    }
    if flags & CLOSE_RANGE_CLOEXEC != 0 {
        task.fds().set_cloexec_range(first, last);
    } else {
        task.fds().close_range(task.caller(), first, last);
    }
    Ok(())
}

/// `name_to_handle_at(2)`: no filesystem here gives handles.
pub(crate) fn name_to_handle_at(
    task: &mut CurrentTask,
    dir: Fd,
    path: UserStr,
    _handle: UserAddr,
    _mount_id: UserAddr,
    flags: u32,
) -> Result<(), Errno> {
    let empty = flags & abi::fs::AT_EMPTY_PATH;
    let nofollow = if flags & abi::fs::AT_SYMLINK_FOLLOW == 0 { abi::fs::AT_SYMLINK_NOFOLLOW } else { 0 };
    super::path::find(task, dir, path, empty | nofollow)?;
    Err(Errno::EOPNOTSUPP)
}
