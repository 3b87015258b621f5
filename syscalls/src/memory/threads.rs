//! `rseq(2)`, `membarrier(2)`: carried out by the host for the application's own threads.

use abi::Errno;
use kernel::CurrentTask;
use mm::UserAddr;
use platform::Rseq;

/// Bytes of the first `struct rseq`; longer ones are a later kernel's.
const RSEQ_MIN: u32 = 32;
const RSEQ_FLAG_UNREGISTER: u32 = 1;

/// `rseq(2)`: the host registers the area for the stub's thread, which is the one that runs the critical sections.
pub(crate) fn rseq(task: &mut CurrentTask, area: UserAddr, len: u32, flags: u32, signature: u32) -> Result<(), Errno> {
    if flags & !RSEQ_FLAG_UNREGISTER != 0 || len < RSEQ_MIN && flags == 0 {
        return Err(Errno::EINVAL);
    }
    task.mm().space().rseq(area.0, len, flags, signature)?;
    // Known to the task, so that it can be given up when the thread ends.
    let rseq = Rseq { area: area.0, len, signature };
    task.context().set_rseq((flags == 0).then_some(rseq));
    Ok(())
}

/// `membarrier(2)`.
pub(crate) fn membarrier(task: &mut CurrentTask, command: u32, flags: u32, cpu: u32) -> Result<u64, Errno> {
    let _ = cpu;
    task.mm().space().membarrier(command, flags)
}
