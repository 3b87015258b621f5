//! `eventfd(2)`.

use abi::Errno;
use abi::fs::OpenFlags;
use kernel::CurrentTask;
use vfs::EventFd;

const EFD_SEMAPHORE: u32 = 1;

/// `eventfd(2)` of the kernel, which has no flags.
pub(crate) fn eventfd(task: &mut CurrentTask, initial: u32) -> Result<i32, Errno> {
    eventfd2(task, initial, 0)
}

/// `eventfd2(2)`.
pub(crate) fn eventfd2(task: &mut CurrentTask, initial: u32, flags: u32) -> Result<i32, Errno> {
    let status = OpenFlags::from_bits_retain(flags & !EFD_SEMAPHORE);
    if !(status - (OpenFlags::CLOEXEC | OpenFlags::NONBLOCK)).is_empty() {
        return Err(Errno::EINVAL);
    }
    let file = EventFd::open(initial, flags & EFD_SEMAPHORE != 0, status);
    task.fds().insert(task.caller(), file, status.contains(OpenFlags::CLOEXEC))
}
