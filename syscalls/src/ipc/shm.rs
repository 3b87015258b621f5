//! Shared memory: `shmget(2)`, `shmop(2)`, `shmctl(2)`.

use super::{READ, WRITE, check, check_owner, get, namespace, own_pid, owner_of, shown};
use crate::memory::limits;
use abi::Errno;
use abi::ipc::{
    IPC_64, IPC_INFO, IPC_RMID, IPC_SET, IPC_STAT, SHM_EXEC, SHM_HUGETLB, SHM_INFO, SHM_LOCK, SHM_RDONLY, SHM_REMAP,
    SHM_RND, SHM_STAT, SHM_STAT_ANY, SHM_UNLOCK, ShmInfo, ShmInfo64, ShmidDs,
};
use abi::mm::{MapFlags, PAGE_SIZE, Prot};
use kernel::CurrentTask;
use kernel::ipc::{Attach, IpcNamespace, Perm, Segment, ShmStat};
use mm::{Backing, Map, MappingSource, UserAddr, UserPtr};
use std::sync::Arc;
use vfs::Capability;

/// `shmget(2)`.
pub(crate) fn shmget(task: &mut CurrentTask, key: i32, size: u64, flags: i32) -> Result<i32, Errno> {
    let ns = namespace(task);
    let pid = own_pid(task);
    let fits = |segment: &Segment| if segment.size() < size { Err(Errno::EINVAL) } else { Ok(()) };
    ns.shms.get(get(task, &ns, key, flags), fits, |id, others| {
        if size == 0 || size > ns.limits.shmmax.value() {
            return Err(Errno::EINVAL);
        }
        let used = others.map(Segment::pages).fold(0, u64::saturating_add);
        if used.saturating_add(size.div_ceil(PAGE_SIZE)) > ns.limits.shmall.value() {
            return Err(Errno::ENOSPC);
        }
        if flags & SHM_HUGETLB != 0 {
            // The machine has no huge pages set aside.
            return Err(Errno::ENOMEM);
        }
        Segment::new(&ns.shms, id, Perm::new(task.creds(), key, flags), size, pid)
    })
}

/// `shmat(2)`: where the segment is.
pub(crate) fn shmat(task: &mut CurrentTask, id: i32, addr: UserAddr, flags: i32) -> Result<UserAddr, Errno> {
    if id < 0 {
        return Err(Errno::EINVAL);
    }
    let mut addr = addr;
    if addr.is_null() {
        if flags & SHM_REMAP != 0 {
            return Err(Errno::EINVAL);
        }
    } else if !addr.0.is_multiple_of(PAGE_SIZE) {
        if flags & SHM_RND == 0 {
            return Err(Errno::EINVAL);
        }
        addr = UserAddr(addr.0 & !(PAGE_SIZE - 1));
        if addr.is_null() && flags & SHM_REMAP != 0 {
            return Err(Errno::EINVAL);
        }
    }
    let is_writable = flags & SHM_RDONLY == 0;
    let (mut prot, mut want) = (Prot::READ, READ);
    if is_writable {
        prot |= Prot::WRITE;
        want |= WRITE;
    }
    if flags & SHM_EXEC != 0 {
        prot |= Prot::EXEC;
        want |= 0o111;
    }
    let ns = namespace(task);
    let segment = ns.shms.find(id)?;
    check(task, &ns, &*segment, want)?;
    let mut map_flags = MapFlags::SHARED;
    if !addr.is_null() {
        map_flags |= if flags & SHM_REMAP != 0 { MapFlags::FIXED } else { MapFlags::FIXED_NOREPLACE };
    }
    let attach: Arc<dyn Backing> = segment.attach(is_writable, own_pid(task));
    let map = Map { addr, len: segment.size(), prot, flags: map_flags, file: Some((attach, 0)) };
    // An address in use is EINVAL here.
    task.mm().map(map, &limits(task)).map_err(|errno| if errno == Errno::EEXIST { Errno::EINVAL } else { errno })
}

/// `shmdt(2)`: the mappings of the attach that begins at the address.
pub(crate) fn shmdt(task: &mut CurrentTask, addr: UserAddr) -> Result<(), Errno> {
    if !addr.0.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL);
    }
    let mut found: Option<Arc<Segment>> = None;
    let mut parts = Vec::new();
    for mapping in task.mm().mappings() {
        let MappingSource::File(backing, offset) = &mapping.source else { continue };
        let Some(attach) = backing.as_any().downcast_ref::<Attach>() else { continue };
        if mapping.start.checked_sub(*offset) != Some(addr.0) {
            continue;
        }
        let segment = found.get_or_insert_with(|| attach.segment().clone());
        if Arc::ptr_eq(segment, attach.segment()) {
            parts.push((mapping.start, mapping.end - mapping.start));
        }
    }
    let segment = found.ok_or(Errno::EINVAL)?;
    for (start, len) in parts {
        task.mm().unmap(UserAddr(start), len)?;
    }
    segment.note_detach(own_pid(task));
    Ok(())
}

/// `shmctl(2)`.
pub(crate) fn shmctl(task: &mut CurrentTask, id: i32, command: i32, buf: UserAddr) -> Result<i64, Errno> {
    let command = command & !IPC_64;
    if id < 0 || command < 0 {
        return Err(Errno::EINVAL);
    }
    let ns = namespace(task);
    match command {
        IPC_INFO => {
            let info = ShmInfo64 {
                shmmax: ns.limits.shmmax.value(),
                shmmin: 1,
                shmmni: ns.shms.max() as u64,
                shmseg: ns.shms.max() as u64,
                shmall: ns.limits.shmall.value(),
                unused: [0; 4],
            };
            UserPtr::new(buf).give(&**task.mm(), &info)?;
            Ok(ns.shms.last_index().into())
        }
        SHM_INFO => info(task, &ns, UserPtr::new(buf)),
        SHM_STAT | SHM_STAT_ANY => {
            let (id, segment) = ns.shms.at(id)?;
            if command == SHM_STAT {
                check(task, &ns, &*segment, READ)?;
            }
            store_stat(task, &segment, buf).map(|()| id.into())
        }
        IPC_STAT => {
            let segment = ns.shms.find(id)?;
            check(task, &ns, &*segment, READ)?;
            store_stat(task, &segment, buf).map(|()| 0)
        }
        IPC_SET => {
            let new: ShmidDs = UserPtr::new(buf).read(&**task.mm())?;
            let segment = ns.shms.find(id)?;
            check_owner(task, &ns, &*segment)?;
            let (uid, gid) = owner_of(task, &new.perm)?;
            segment.set_perm(uid, gid, new.perm.mode);
            Ok(0)
        }
        IPC_RMID => {
            let segment = ns.shms.find(id)?;
            check_owner(task, &ns, &*segment)?;
            segment.remove();
            Ok(0)
        }
        SHM_LOCK | SHM_UNLOCK => {
            let segment = ns.shms.find(id)?;
            if !task.creds().has_in(&ns.owner, Capability::IpcLock) {
                check_owner(task, &ns, &*segment)?;
                if command == SHM_LOCK && task.group().limit(abi::resource::Resource::Memlock as u32) == 0 {
                    return Err(Errno::EPERM);
                }
            }
            segment.set_locked(command == SHM_LOCK);
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}

fn store_stat(task: &CurrentTask, segment: &Segment, to: UserAddr) -> Result<(), Errno> {
    let mut stat = segment.stat();
    stat.perm = shown(task, stat.perm);
    UserPtr::new(to).give(&**task.mm(), &stat)
}

/// `SHM_INFO`: the highest place in use.
fn info(task: &CurrentTask, ns: &IpcNamespace, to: UserPtr<ShmInfo>) -> Result<i64, Errno> {
    let mut totals = ShmStat::default();
    for (_, segment) in ns.shms.all() {
        totals.segments += 1;
        totals.pages = totals.pages.saturating_add(segment.pages());
    }
    let info = ShmInfo { used_ids: totals.segments, shm_tot: totals.pages, ..ShmInfo::default() };
    to.give(&**task.mm(), &info)?;
    Ok(ns.shms.last_index().into())
}
