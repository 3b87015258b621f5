//! `pipe(2)`.

use abi::Errno;
use abi::fs::OpenFlags;
use kernel::CurrentTask;
use mm::UserPtr;

/// `pipe(2)`.
pub(crate) fn pipe(task: &mut CurrentTask, fds: UserPtr<[i32; 2]>) -> Result<(), Errno> {
    pipe2(task, fds, OpenFlags::empty())
}

/// `pipe2(2)`.
pub(crate) fn pipe2(task: &mut CurrentTask, fds: UserPtr<[i32; 2]>, flags: OpenFlags) -> Result<(), Errno> {
    if !(flags - (OpenFlags::CLOEXEC | OpenFlags::NONBLOCK | OpenFlags::DIRECT)).is_empty() {
        return Err(Errno::EINVAL);
    }
    let (reader, writer) = vfs::pipe(task.caller(), flags);
    let cloexec = flags.contains(OpenFlags::CLOEXEC);
    let read_end = task.fds().reserve(task.caller(), 0, cloexec)?;
    let write_end = task.fds().reserve(task.caller(), 0, cloexec)?;
    fds.give(&**task.mm(), &[read_end.fd(), write_end.fd()])?;
    read_end.install(reader);
    write_end.install(writer);
    Ok(())
}
