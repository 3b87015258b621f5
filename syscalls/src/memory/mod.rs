//! Memory: `mmap(2)`, `mprotect(2)`, `mremap(2)`, `madvise(2)`, `mlock(2)`, `brk(2)`, `arch_prctl(2)`,
//! `rseq(2)`, `membarrier(2)`, `process_vm_readv(2)`.

mod advice;
mod arch;
mod lock;
mod map;
mod remote;
mod threads;

pub(crate) use advice::{madvise, mincore, msync};
pub(crate) use arch::arch_prctl;
pub(crate) use lock::{mlock, mlock2, mlockall, munlock, munlockall};
pub(crate) use map::{
    brk, mmap, mprotect, mremap, mseal, munmap, pkey_alloc, pkey_free, pkey_mprotect, remap_file_pages,
};
pub(crate) use remote::{process_vm_readv, process_vm_writev};
pub(crate) use threads::{membarrier, rseq};

use kernel::CurrentTask;
use vfs::Capability;

/// `RLIMIT_DATA`, `RLIMIT_MEMLOCK`, `RLIMIT_AS`.
const RLIMIT_DATA: u32 = 2;
const RLIMIT_MEMLOCK: u32 = 8;
const RLIMIT_AS: u32 = 9;

/// The caller's limits on memory.
pub(crate) fn limits(task: &CurrentTask) -> mm::Limits {
    let process = &task.caller().process;
    let is_free = task.caller().creds.has_in_root(Capability::IpcLock);
    mm::Limits {
        address_space: process.limit(RLIMIT_AS),
        data: process.limit(RLIMIT_DATA),
        locked: if is_free { u64::MAX } else { process.limit(RLIMIT_MEMLOCK) },
    }
}
