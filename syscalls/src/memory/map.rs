//! `mmap(2)`, `munmap(2)`, `mprotect(2)`, `mremap(2)`, `mseal(2)`, `brk(2)`, `pkey_alloc(2)`.

use super::limits;
use crate::arg::Fd;
use abi::Errno;
use abi::fs::{F_SEAL_FUTURE_WRITE, F_SEAL_WRITE, FileType, OpenFlags};
use abi::mm::{MapFlags, PAGE_SIZE, Prot};
use abi::mount::MountFlags;
use kernel::CurrentTask;
use mm::{Backing, Map, UserAddr};
use std::sync::Arc;

/// `brk(2)` of the kernel: the new break, or the present one.
pub(crate) fn brk(task: &mut CurrentTask, addr: UserAddr) -> Result<UserAddr, Errno> {
    Ok(task.mm().brk(addr, &limits(task)))
}

/// `mmap(2)`.
pub(crate) fn mmap(
    task: &mut CurrentTask,
    addr: UserAddr,
    len: u64,
    prot: Prot,
    flags: MapFlags,
    fd: Fd,
    offset: u64,
) -> Result<UserAddr, Errno> {
    if !offset.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL);
    }
    let file = if flags.contains(MapFlags::ANONYMOUS) {
        // Without huge pages configured the host has none to give.
        if flags.contains(MapFlags::HUGETLB) {
            return Err(Errno::ENOMEM);
        }
        None
    } else {
        Some(task.fds().get(fd.0)?)
    };
    let kind = flags & MapFlags::SHARED_VALIDATE;
    let is_known = kind == MapFlags::SHARED || kind == MapFlags::PRIVATE || kind == MapFlags::SHARED_VALIDATE;
    if len == 0 || !is_known {
        return Err(Errno::EINVAL);
    }
    let validated = MapFlags::SHARED_VALIDATE
        | MapFlags::FIXED
        | MapFlags::ANONYMOUS
        | MapFlags::BIT32
        | MapFlags::GROWSDOWN
        | MapFlags::DENYWRITE
        | MapFlags::EXECUTABLE
        | MapFlags::LOCKED
        | MapFlags::NORESERVE
        | MapFlags::POPULATE
        | MapFlags::NONBLOCK
        | MapFlags::STACK
        | MapFlags::HUGETLB
        | MapFlags::FIXED_NOREPLACE;
    if kind == MapFlags::SHARED_VALIDATE && !validated.contains(flags) {
        return Err(Errno::EOPNOTSUPP);
    }
    let flags = if kind == MapFlags::SHARED_VALIDATE { flags - MapFlags::PRIVATE } else { flags };
    let backing = match &file {
        None => None,
        Some(file) => Some((backing(task, file, prot, flags)?, offset)),
    };
    let map = Map { addr, len, prot, flags, file: backing };
    task.mm().map(map, &limits(task))
}

/// What a file maps, access checked in `do_mmap`'s order.
fn backing(
    task: &CurrentTask,
    file: &Arc<vfs::OpenFile>,
    prot: Prot,
    flags: MapFlags,
) -> Result<Arc<dyn Backing>, Errno> {
    let is_shared = flags.contains(MapFlags::SHARED);
    if is_shared && prot.contains(Prot::WRITE) && !file.is_writable() {
        return Err(Errno::EACCES);
    }
    if !file.is_readable() {
        return Err(Errno::EACCES);
    }
    if prot.contains(Prot::EXEC) && !file.is_anonymous() && file.place().has_flag(MountFlags::NOEXEC) {
        return Err(Errno::EPERM);
    }
    let write_seals = F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
    if is_shared
        && prot.contains(Prot::WRITE)
        && file.kind() == Some(FileType::Regular)
        && file.inode()?.attachments().is_sealed(write_seals)
    {
        return Err(Errno::EPERM);
    }
    file.ops.backing(&file.io(task.caller(), OpenFlags::empty()))
}

/// `munmap(2)`.
pub(crate) fn munmap(task: &mut CurrentTask, addr: UserAddr, len: u64) -> Result<(), Errno> {
    task.mm().unmap(addr, len)
}

/// `mprotect(2)`.
pub(crate) fn mprotect(task: &mut CurrentTask, addr: UserAddr, len: u64, prot: Prot) -> Result<(), Errno> {
    task.mm().protect(addr, len, prot, &limits(task))
}

/// `mremap(2)`.
pub(crate) fn mremap(
    task: &mut CurrentTask,
    old: UserAddr,
    old_len: u64,
    new_len: u64,
    flags: u32,
    new: UserAddr,
) -> Result<UserAddr, Errno> {
    task.mm().remap(old, old_len, new_len, flags, new, &limits(task))
}

/// `remap_file_pages(2)`.
pub(crate) fn remap_file_pages(
    task: &mut CurrentTask,
    addr: UserAddr,
    len: u64,
    prot: Prot,
    first: u64,
    _flags: u64,
) -> Result<(), Errno> {
    if !prot.is_empty() {
        return Err(Errno::EINVAL);
    }
    task.mm().remap_pages(addr, len, first, &limits(task))
}

/// `mseal(2)`.
pub(crate) fn mseal(task: &mut CurrentTask, addr: UserAddr, len: u64, flags: u64) -> Result<(), Errno> {
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    task.mm().seal(addr, len)
}

/// `pkey_mprotect(2)` on a machine without protection keys: only key -1.
pub(crate) fn pkey_mprotect(
    task: &mut CurrentTask,
    addr: UserAddr,
    len: u64,
    prot: Prot,
    key: i32,
) -> Result<(), Errno> {
    if key == -1 { mprotect(task, addr, len, prot) } else { Err(Errno::EINVAL) }
}

/// `pkey_alloc(2)` on a machine without protection keys.
pub(crate) fn pkey_alloc(_task: &mut CurrentTask, flags: u64, rights: u64) -> Result<(), Errno> {
    if flags != 0 || rights & !3 != 0 {
        return Err(Errno::EINVAL);
    }
    Err(Errno::ENOSPC)
}

/// `pkey_free(2)`: no key was ever given out.
pub(crate) fn pkey_free(_task: &mut CurrentTask, _key: i32) -> Result<(), Errno> {
    Err(Errno::EINVAL)
}
