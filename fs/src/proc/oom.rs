//! Who is killed first when memory runs out: `proc_pid_oom_score(5)` and its kin.

use super::process::Process;
use abi::Errno;
use std::sync::atomic::Ordering::Relaxed;
use vfs::{Caller, Capability};

type Text = Result<Vec<u8>, Errno>;

/// Highest score that can be set: never chosen last.
const ADJ_MAX: i32 = 1000;

/// `proc_pid_oom_score(5)`: pages used out of a thousand, and the adjustment.
pub(super) fn oom_score(process: &Process, _caller: &Caller) -> Text {
    let total = crate::sys::Machine::of(Some(process.task.group().container())).memory.max(1);
    let resident = process.task.mm().map_or(0, |mm| mm.usage().resident);
    let adj = process.task.group().oom_score_adj.load(Relaxed);
    let share = (u128::from(resident) * 1000 / u128::from(total)) as i64;
    // As Linux scales it: 0 to 2000, with 666 in the middle.
    let score = ((1000 + share + i64::from(adj)) * 2 / 3).clamp(0, 2000);
    Ok(format!("{score}\n").into_bytes())
}

/// `proc_pid_oom_score_adj(5)`.
pub(super) fn oom_score_adj(process: &Process, _caller: &Caller) -> Text {
    Ok(format!("{}\n", process.task.group().oom_score_adj.load(Relaxed)).into_bytes())
}

/// A number that was written.
fn number(bytes: &[u8]) -> Result<i32, Errno> {
    std::str::from_utf8(bytes).ok().and_then(|text| text.trim().parse().ok()).ok_or(Errno::EINVAL)
}

/// Lowering it below what somebody with `CAP_SYS_RESOURCE` set needs that.
pub(super) fn set_oom_score_adj(process: &Process, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    let adj = number(bytes)?;
    if !(-ADJ_MAX..=ADJ_MAX).contains(&adj) {
        return Err(Errno::EINVAL);
    }
    let group = process.task.group();
    let is_capable = caller.creds.has_in_root(Capability::SysResource);
    if adj < group.oom_score_adj_min.load(Relaxed) && !is_capable {
        return Err(Errno::EACCES);
    }
    group.oom_score_adj.store(adj, Relaxed);
    if is_capable {
        group.oom_score_adj_min.store(adj, Relaxed);
    }
    Ok(())
}

/// The old scale of -17 to 15.
pub(super) fn oom_adj(process: &Process, _caller: &Caller) -> Text {
    let adj = process.task.group().oom_score_adj.load(Relaxed);
    let old = if adj == ADJ_MAX { 15 } else { adj * 17 / 1000 };
    Ok(format!("{}\n", old.min(15)).into_bytes())
}

/// Sets by the old scale.
pub(super) fn set_oom_adj(process: &Process, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    let old = number(bytes)?;
    if !(-16..=15).contains(&old) && old != -17 {
        return Err(Errno::EINVAL);
    }
    let adj = if old == 15 { ADJ_MAX } else { old * 1000 / 17 };
    let current = &process.task.group().oom_score_adj;
    if adj < current.load(Relaxed) && !caller.creds.has_in_root(Capability::SysResource) {
        return Err(Errno::EACCES);
    }
    current.store(adj, Relaxed);
    Ok(())
}
