//! Memory policies on a machine of one node: `set_mempolicy(2)`, `mbind(2)`, `migrate_pages(2)`.

use super::find;
use abi::Errno;
use abi::mm::PAGE_SIZE;
use kernel::CurrentTask;
use mm::{Policy, UserAddr, UserMemory, UserPtr};

const MODE_FLAGS: u32 = 0xe000;
const PREFERRED: u32 = 1;
const INTERLEAVE: u32 = 3;
const LOCAL: u32 = 4;
const WEIGHTED_INTERLEAVE: u32 = 6;
/// Policies that exist: up to `MPOL_WEIGHTED_INTERLEAVE`.
const MODES: u32 = 7;
/// `MPOL_F_NODE`, `MPOL_F_ADDR`, `MPOL_F_MEMS_ALLOWED`.
const F_NODE: u32 = 1;
const F_ADDR: u32 = 2;
const F_MEMS_ALLOWED: u32 = 4;
/// Most bits of a node mask: a page of them.
const MAX_BITS: u64 = PAGE_SIZE * 8;

/// A mask of nodes. `EINVAL` when it names one that does not exist.
fn read_nodes(task: &CurrentTask, mask: UserAddr, max_node: u64) -> Result<u64, Errno> {
    let bits = max_node.saturating_sub(1);
    if bits == 0 || mask.is_null() {
        return Ok(0);
    }
    if bits > MAX_BITS {
        return Err(Errno::EINVAL);
    }
    let words = UserPtr::<u64>::new(mask).read_array(&**task.mm(), bits.div_ceil(64) as usize)?;
    let nodes = words.first().copied().unwrap_or(0);
    let nodes = if bits < 64 { nodes & ((1 << bits) - 1) } else { nodes };
    let has_others = nodes & !1 != 0 || words.iter().skip(1).any(|&word| word != 0);
    if has_others { Err(Errno::EINVAL) } else { Ok(nodes) }
}

/// A policy as it is kept; `EINVAL`.
fn read_policy(task: &CurrentTask, mode: u32, mask: UserAddr, max_node: u64) -> Result<Policy, Errno> {
    let nodes = read_nodes(task, mask, max_node)?;
    check(mode, nodes)?;
    // No node preferred is the local one.
    let mode = if mode == PREFERRED && nodes == 0 { LOCAL } else { mode };
    Ok(Policy { mode, nodes })
}

/// A mode with its nodes; `EINVAL`.
fn check(mode: u32, nodes: u64) -> Result<(), Errno> {
    let (policy, flags) = (mode & !MODE_FLAGS, mode & MODE_FLAGS);
    if policy >= MODES || flags & 0xc000 == 0xc000 {
        return Err(Errno::EINVAL);
    }
    match policy {
        0 | LOCAL if nodes != 0 || (flags != 0 && policy == LOCAL) => Err(Errno::EINVAL),
        0 | LOCAL | PREFERRED => Ok(()),
        _ if nodes == 0 => Err(Errno::EINVAL),
        _ => Ok(()),
    }
}

/// `set_mempolicy(2)`.
pub(crate) fn set_mempolicy(task: &mut CurrentTask, mode: u32, mask: UserAddr, max_node: u64) -> Result<(), Errno> {
    let policy = read_policy(task, mode, mask, max_node)?;
    task.task().with_attributes(|attributes| attributes.sched.memory_policy = policy);
    Ok(())
}

/// `get_mempolicy(2)`.
pub(crate) fn get_mempolicy(
    task: &mut CurrentTask,
    mode: UserPtr<i32>,
    mask: UserAddr,
    max_node: u64,
    addr: UserAddr,
    flags: u32,
) -> Result<(), Errno> {
    if flags & !(F_NODE | F_ADDR | F_MEMS_ALLOWED) != 0 {
        return Err(Errno::EINVAL);
    }
    if !mask.is_null() && max_node < 1 {
        return Err(Errno::EINVAL);
    }
    let policy = if flags & F_ADDR != 0 {
        task.mm().policy(addr)?
    } else if flags & F_MEMS_ALLOWED == 0 && !addr.is_null() {
        return Err(Errno::EINVAL);
    } else {
        task.task().attributes().sched.memory_policy
    };
    let (shown, nodes) = if flags & F_MEMS_ALLOWED != 0 {
        if flags & (F_NODE | F_ADDR) != 0 {
            return Err(Errno::EINVAL);
        }
        (0, 1)
    } else if flags & F_NODE == 0 {
        (policy.mode as i32, policy.nodes)
    } else if flags & F_ADDR != 0 || matches!(policy.mode & !MODE_FLAGS, INTERLEAVE | WEIGHTED_INTERLEAVE) {
        // The node of the page, or of the next one to come.
        (0, policy.nodes)
    } else {
        return Err(Errno::EINVAL);
    };
    if let Some(mode) = mode.optional() {
        mode.give(&**task.mm(), &shown)?;
    }
    if !mask.is_null() {
        let len = (max_node.min(MAX_BITS).div_ceil(64) * 8) as usize;
        let mut bytes = vec![0; len];
        if let Some(first) = bytes.first_mut() {
            *first = nodes as u8;
        }
        task.mm().give(mask, &bytes)?;
    }
    Ok(())
}

/// `mbind(2)`: every page is on node 0.
pub(crate) fn mbind(
    task: &mut CurrentTask,
    addr: UserAddr,
    len: u64,
    mode: u32,
    mask: UserAddr,
    max_node: u64,
    flags: u32,
) -> Result<(), Errno> {
    if flags & !7 != 0 || !addr.0.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL);
    }
    let policy = read_policy(task, mode, mask, max_node)?;
    task.mm().set_policy(addr, len, policy)
}

/// `migrate_pages(2)`: nothing has to move.
pub(crate) fn migrate_pages(
    task: &mut CurrentTask,
    pid: i32,
    max_node: u64,
    old: UserAddr,
    new: UserAddr,
) -> Result<(), Errno> {
    read_nodes(task, old, max_node)?;
    read_nodes(task, new, max_node)?;
    find(task, pid).map(drop)
}

/// `move_pages(2)`: tells that every mapped page is on node 0.
pub(crate) fn move_pages(
    task: &mut CurrentTask,
    pid: i32,
    count: u64,
    pages: UserPtr<u64>,
    nodes: UserPtr<i32>,
    status: UserPtr<i32>,
    flags: u32,
) -> Result<(), Errno> {
    if flags & !6 != 0 {
        return Err(Errno::EINVAL);
    }
    let target = find(task, pid)?;
    if !super::owns(task, &target.creds()) {
        return Err(Errno::EPERM);
    }
    let mm = target.mm().ok_or(Errno::ESRCH)?;
    for index in 0..count {
        let index = index as usize;
        let page = pages.at(index)?.read(&**task.mm())?;
        if !nodes.is_null() && nodes.at(index)?.read(&**task.mm())? != 0 {
            return Err(Errno::ENODEV);
        }
        let found = if mm.is_mapped(UserAddr(page), 1) { 0 } else { -i32::from(Errno::EFAULT.0) };
        status.at(index)?.give(&**task.mm(), &found)?;
        if task.task().word().is_killed() {
            return Err(Errno::EINTR);
        }
    }
    Ok(())
}
