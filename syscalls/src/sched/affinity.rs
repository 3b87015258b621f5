//! `sched_setaffinity(2)`, `getcpu(2)`, `sched_yield(2)`.

use super::{find, owns};
use abi::Errno;
use kernel::CurrentTask;
use kernel::sched::{CpuSet, cpus};
use mm::{UserAddr, UserMemory, UserPtr};

/// Bytes of a set as Linux returns it: whole words that hold every processor.
fn set_size() -> usize {
    cpus().end().div_ceil(64) * 8
}

/// `sched_setaffinity(2)`.
pub(crate) fn sched_setaffinity(task: &mut CurrentTask, pid: i32, len: usize, mask: UserAddr) -> Result<(), Errno> {
    let len = len.min(CpuSet::WORDS * 8);
    let mut bytes = [0; CpuSet::WORDS * 8];
    task.mm().read(mask, &mut bytes[..len])?;
    let target = find(task, pid)?;
    if !owns(task, &target.creds()) {
        return Err(Errno::EPERM);
    }
    let word = |index: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[index * 8..index * 8 + 8]);
        u64::from_le_bytes(word)
    };
    let container = target.group().container();
    let new = CpuSet(std::array::from_fn(word)).and(container.cpus());
    if new.is_empty() {
        return Err(Errno::EINVAL);
    }
    target.set_affinity(if new == container.cpus() { container.affinity() } else { Some(new) });
    Ok(())
}

/// `sched_getaffinity(2)`: bytes stored.
pub(crate) fn sched_getaffinity(task: &mut CurrentTask, pid: i32, len: u32, mask: UserAddr) -> Result<usize, Errno> {
    let len = len as usize;
    if len.saturating_mul(8) < cpus().end() || !len.is_multiple_of(8) {
        return Err(Errno::EINVAL);
    }
    let target = find(task, pid)?;
    let set = target.affinity();
    let bytes: Vec<u8> = set.0.iter().flat_map(|word| word.to_le_bytes()).collect();
    let len = len.min(set_size());
    task.mm().give(mask, &bytes[..len])?;
    Ok(len)
}

/// `getcpu(2)`.
pub(crate) fn getcpu(task: &mut CurrentTask, cpu: UserPtr<u32>, node: UserPtr<u32>) -> Result<(), Errno> {
    if let Some(cpu) = cpu.optional() {
        let number = task.context().cpu();
        cpu.give(&**task.mm(), &number)?;
    }
    match node.optional() {
        Some(node) => node.give(&**task.mm(), &0),
        None => Ok(()),
    }
}

/// `sched_yield(2)`.
pub(crate) fn sched_yield(_task: &mut CurrentTask) -> Result<(), Errno> {
    std::thread::yield_now();
    Ok(())
}
