//! Host calls that a stub makes in its own address space, for the sentry.

use super::hands::HostCall;
use super::layout::{CALLS, Call, EVENT_CALLS_FAILED, OP_CALLS};
use super::process::Process;
use super::slot::SlotRef;
use abi::Errno;
use std::sync::atomic::Ordering::Relaxed;

impl Process {
    /// Makes host calls in the stub, in order, until one fails: the result of the last one made.
    pub(super) fn calls(&self, slot: &SlotRef<'_>, calls: &[HostCall]) -> Result<i64, Errno> {
        let mut last = 0;
        for batch in calls.chunks(CALLS) {
            self.put_calls(slot, batch);
            self.command(slot, OP_CALLS)?;
            let done = (slot.calls_done.load(Relaxed) as usize).clamp(1, batch.len());
            last = slot.call_result(done - 1);
            if (-4095..0).contains(&last) {
                return Err(Errno(-last as u16));
            }
        }
        Ok(last)
    }

    /// The application goes on once the stub has made these calls, which the host does not refuse; otherwise the process
    /// is killed. `op`: `OP_CALLS_RETURN` or `OP_CALLS_RESUME`.
    pub(super) fn calls_and(&self, slot: &SlotRef<'_>, calls: &[HostCall], op: u32) -> Result<(), Errno> {
        let split = calls.len().saturating_sub(1) / CALLS * CALLS;
        let (before, last) = calls.split_at(split);
        let done = self.calls(slot, before).and_then(|_| {
            self.put_calls(slot, last);
            self.command(slot, op)
        });
        let is_done = done.is_ok() && slot.event.load(Relaxed) != EVENT_CALLS_FAILED;
        if is_done {
            return Ok(());
        }
        self.kill();
        Err(Errno::ESRCH)
    }

    fn put_calls(&self, slot: &SlotRef<'_>, batch: &[HostCall]) {
        for (i, &(nr, args)) in batch.iter().enumerate() {
            slot.put_call(i, Call { nr: nr as u64, args, result: 0 });
        }
        slot.call_count.store(batch.len() as u32, Relaxed);
    }
}
