//! The seccomp filters of a tracee.

use abi::Errno;
use abi::seccomp::{FilterFlags, FilterMetadata, MODE_DISABLED};
use kernel::CurrentTask;
use kernel::ptrace::Tracee;
use mm::{UserAddr, UserMemory, UserPtr};
use vfs::Capability;
use zerocopy::IntoBytes;

/// Filters show to `CAP_SYS_ADMIN` of the root namespace only, and to nobody who is filtered himself: `EACCES`.
fn check_may_see(task: &CurrentTask) -> Result<(), Errno> {
    let is_filtered = task.task().seccomp_status().0 != MODE_DISABLED;
    if task.creds().has_in_root(Capability::SysAdmin) && !is_filtered { Ok(()) } else { Err(Errno::EACCES) }
}

/// `PTRACE_SECCOMP_GET_FILTER`: stores the instructions unless `to` is null; how many they are.
pub(super) fn filter(task: &CurrentTask, tracee: &Tracee, index: u64, to: u64) -> Result<u64, Errno> {
    check_may_see(task)?;
    let (instructions, _) = tracee.seccomp_filter(index)?;
    if to != 0 {
        task.mm().write(UserAddr(to), instructions.as_bytes())?;
    }
    Ok(instructions.len() as u64)
}

/// `PTRACE_SECCOMP_GET_METADATA`: the number of the filter comes in what is filled; how much of that counts.
pub(super) fn metadata(
    task: &CurrentTask,
    tracee: &Tracee,
    size: u64,
    place: UserPtr<FilterMetadata>,
) -> Result<u64, Errno> {
    check_may_see(task)?;
    let size = size.min(size_of::<FilterMetadata>() as u64);
    let memory = &**task.mm();
    let number = UserPtr::<u64>::new(place.addr());
    if size < size_of::<u64>() as u64 {
        return Err(Errno::EINVAL);
    }
    let index = number.read(memory)?;
    let (_, is_logged) = tracee.seccomp_filter(index)?;
    let flags = if is_logged { FilterFlags::LOG } else { FilterFlags::empty() };
    let metadata = FilterMetadata { index, flags: flags.bits().into() };
    memory.write(place.addr(), &metadata.as_bytes()[..size as usize])?;
    Ok(size)
}
