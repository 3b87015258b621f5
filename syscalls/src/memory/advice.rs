//! `madvise(2)`, `msync(2)`, `mincore(2)`.

use abi::Errno;
use abi::mm::PAGE_SIZE;
use kernel::CurrentTask;
use mm::{UserAddr, UserMemory as _};

/// Advice that the host carries out on the application's own pages: NORMAL RANDOM SEQUENTIAL WILLNEED DONTNEED
/// FREE DONTFORK DOFORK HUGEPAGE NOHUGEPAGE DONTDUMP DODUMP WIPEONFORK KEEPONFORK COLD PAGEOUT POPULATE_READ
/// POPULATE_WRITE DONTNEED_LOCKED.
const CARRIED_OUT: [u32; 19] = [0, 1, 2, 3, 4, 8, 10, 11, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24];
/// `MADV_MERGEABLE`, `MADV_UNMERGEABLE`: a kernel without KSM refuses them.
const KSM: [u32; 2] = [12, 13];
/// `MADV_REMOVE`.
const REMOVE: u32 = 9;

/// `madvise(2)`.
pub(crate) fn madvise(task: &mut CurrentTask, addr: UserAddr, len: u64, advice: u32) -> Result<(), Errno> {
    if advice == REMOVE {
        // Punches a hole into shared memory; the filesystems here refuse, as one without the operation does.
        return Err(Errno::EINVAL);
    }
    if !CARRIED_OUT.contains(&advice) || KSM.contains(&advice) {
        return Err(Errno::EINVAL);
    }
    task.mm().advise(addr, len, advice)
}

/// `msync(2)`. Shared mappings are the host's page cache or memory: what is written is seen at once; the host
/// writes it to disk in its own time.
pub(crate) fn msync(task: &mut CurrentTask, addr: UserAddr, len: u64, flags: u32) -> Result<(), Errno> {
    const ASYNC: u32 = 1;
    const INVALIDATE: u32 = 2;
    const SYNC: u32 = 4;
    const ALL: u32 = 7;
    if flags & !ALL != 0 || !addr.0.is_multiple_of(PAGE_SIZE) || flags & (ASYNC | SYNC) == ASYNC | SYNC {
        return Err(Errno::EINVAL);
    }
    let len = len.checked_next_multiple_of(PAGE_SIZE).ok_or(Errno::ENOMEM)?;
    if flags & INVALIDATE != 0 && task.mm().has_locked(addr, len) {
        return Err(Errno::EBUSY);
    }
    if len == 0 || task.mm().is_mapped(addr, len) { Ok(()) } else { Err(Errno::ENOMEM) }
}

/// Pages whose residency is asked for at a time.
const CHUNK: u64 = 4096;

/// `mincore(2)`.
pub(crate) fn mincore(task: &mut CurrentTask, addr: UserAddr, len: u64, vec: UserAddr) -> Result<(), Errno> {
    if !addr.0.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL);
    }
    let end = addr.0.checked_add(len).ok_or(Errno::ENOMEM)?;
    let pages = (end - addr.0).div_ceil(PAGE_SIZE);
    let mut done = 0;
    while done < pages {
        let count = CHUNK.min(pages - done);
        let from = UserAddr(addr.0 + done * PAGE_SIZE);
        let resident = task.mm().residency(from, count)?;
        task.mm().give(vec.offset(done)?, &resident)?;
        done += count;
    }
    Ok(())
}
