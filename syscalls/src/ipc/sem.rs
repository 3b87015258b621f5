//! Semaphores: `semget(2)`, `semop(2)`, `semctl(2)`.

use super::{READ, WRITE, check, check_owner, get, namespace, own_pid, owner_of, shown};
use crate::time::read_duration;
use abi::Errno;
use abi::ipc::{
    GETALL, GETNCNT, GETPID, GETVAL, GETZCNT, IPC_64, IPC_INFO, IPC_RMID, IPC_SET, IPC_STAT, SEM_INFO, SEM_STAT,
    SEM_STAT_ANY, SEM_UNDO, SETALL, SETVAL, Sembuf, SemidDs, Seminfo,
};
use abi::poll::Events;
use abi::time::Timespec;
use kernel::CurrentTask;
use kernel::ipc::{IpcNamespace, Perm, SEMVMX, SemSet, Tried};
use mm::{UserAddr, UserMemory, UserPtr};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use sync::{Deadline, Fail, Woken};
use zerocopy::IntoBytes;

/// `semget(2)`.
pub(crate) fn semget(task: &mut CurrentTask, key: i32, count: i32, flags: i32) -> Result<i32, Errno> {
    let ns = namespace(task);
    let most = ns.limits.semmsl.value();
    let count = usize::try_from(count).ok().filter(|&count| count as u64 <= most).ok_or(Errno::EINVAL)?;
    let fits = |set: &SemSet| if count > set.len() { Err(Errno::EINVAL) } else { Ok(()) };
    ns.sems.get(get(task, &ns, key, flags), fits, |_, _| {
        if count == 0 {
            return Err(Errno::EINVAL);
        }
        let most = ns.limits.semmns.value();
        let add = |used: u64| used.checked_add(count as u64).filter(|&used| used <= most);
        // The registry is locked: a set that is made is there.
        ns.sem_count.fetch_update(SeqCst, SeqCst, add).map_err(|_| Errno::ENOSPC)?;
        Ok(SemSet::new(Perm::new(task.creds(), key, flags), count))
    })
}

/// `semop(2)`.
pub(crate) fn semop(task: &mut CurrentTask, id: i32, ops: UserPtr<Sembuf>, count: u32) -> Result<(), Fail> {
    run(task, id, ops, count, None)
}

/// `semtimedop(2)`.
pub(crate) fn semtimedop(
    task: &mut CurrentTask,
    id: i32,
    ops: UserPtr<Sembuf>,
    count: u32,
    timeout: UserPtr<Timespec>,
) -> Result<(), Fail> {
    let deadline = match timeout.optional() {
        Some(timeout) => Deadline::after(read_duration(task, timeout)?),
        None => None,
    };
    run(task, id, ops, count, deadline)
}

fn run(task: &CurrentTask, id: i32, ops: UserPtr<Sembuf>, count: u32, deadline: Option<Deadline>) -> Result<(), Fail> {
    if count == 0 || id < 0 {
        return Err(Errno::EINVAL.into());
    }
    let ns = namespace(task);
    if u64::from(count) > ns.limits.semopm.value() {
        return Err(Errno::E2BIG.into());
    }
    let ops = ops.read_array(&**task.mm(), count as usize)?;
    let set = ns.sems.find(id)?;
    if ops.iter().any(|op| usize::from(op.num) >= set.len()) {
        return Err(Errno::EFBIG.into());
    }
    let alters = ops.iter().any(|op| op.op != 0);
    check(task, &ns, &*set, if alters { WRITE } else { READ })?;
    let undo = ops.iter().any(|op| op.flags & SEM_UNDO != 0).then(|| task.task().undo());
    let pid = own_pid(task);
    let attempt = || set.attempt(&ops, pid, undo.as_ref());
    if attempt()? == Tried::Done {
        return Ok(());
    }
    block(task, &set, deadline, attempt)
}

/// Waits until `attempt` succeeds. A signal ends it for good (`signal(7)`: never restarted).
fn block(
    task: &CurrentTask,
    set: &Arc<SemSet>,
    deadline: Option<Deadline>,
    attempt: impl Fn() -> Result<Tried, Errno>,
) -> Result<(), Fail> {
    let word = task.task().word();
    let registration = set.changes.add(Events::all(), word.clone());
    let result = loop {
        word.arm();
        let (num, for_zero) = match attempt() {
            Ok(Tried::Done) => break Ok(()),
            Ok(Tried::Wait(num, for_zero)) => (num, for_zero),
            Err(errno) => break Err(errno),
        };
        set.begin_wait(num, for_zero);
        let woken = word.sleep(deadline);
        set.end_wait(num, for_zero);
        match woken {
            Woken::Event => {}
            Woken::Interrupted => break Err(Errno::EINTR),
            Woken::TimedOut => break Err(Errno::EAGAIN),
        }
    };
    set.changes.remove(registration);
    result.map_err(Fail::Errno)
}

/// `semctl(2)`.
pub(crate) fn semctl(task: &mut CurrentTask, id: i32, num: i32, command: i32, arg: u64) -> Result<i64, Errno> {
    let command = command & !IPC_64;
    let ns = namespace(task);
    if matches!(command, IPC_INFO | SEM_INFO) {
        return info(task, &ns, command == SEM_INFO, UserPtr::new(UserAddr(arg)));
    }
    if matches!(command, SEM_STAT | SEM_STAT_ANY) {
        let (id, set) = ns.sems.at(id)?;
        if command == SEM_STAT {
            check(task, &ns, &*set, READ)?;
        }
        return store_stat(task, &set, id, arg).map(|()| i64::from(id));
    }
    if id < 0 {
        return Err(Errno::EINVAL);
    }
    let set = ns.sems.find(id)?;
    let index = usize::try_from(num).map_err(|_| Errno::EINVAL);
    match command {
        IPC_STAT => {
            check(task, &ns, &*set, READ)?;
            store_stat(task, &set, id, arg).map(|()| 0)
        }
        IPC_SET => {
            let new: SemidDs = UserPtr::new(UserAddr(arg)).read(&**task.mm())?;
            check_owner(task, &ns, &*set)?;
            let (uid, gid) = owner_of(task, &new.perm)?;
            set.set_perm(uid, gid, new.perm.mode);
            Ok(0)
        }
        IPC_RMID => {
            check_owner(task, &ns, &*set)?;
            let removed = ns.sems.remove(id).ok_or(Errno::EIDRM)?;
            ns.sem_count.fetch_sub(removed.len() as u64, SeqCst);
            removed.end();
            Ok(0)
        }
        GETALL => {
            check(task, &ns, &*set, READ)?;
            task.mm().give(UserAddr(arg), set.values().as_slice().as_bytes()).map(|()| 0)
        }
        SETALL => {
            check(task, &ns, &*set, WRITE)?;
            let values = UserPtr::<u16>::new(UserAddr(arg)).read_array(&**task.mm(), set.len())?;
            set.set_values(&values, own_pid(task)).map(|()| 0)
        }
        SETVAL => {
            check_value(arg as i32)?;
            check(task, &ns, &*set, WRITE)?;
            set.set_value(index?, arg as i32, own_pid(task)).map(|()| 0)
        }
        GETVAL | GETPID | GETNCNT | GETZCNT => {
            check(task, &ns, &*set, READ)?;
            let index = index?;
            let value = match command {
                GETVAL => set.value(index)?,
                GETPID => set.last_pid(index)?,
                GETNCNT => set.waiters(index, false)?,
                _ => set.waiters(index, true)?,
            };
            Ok(value as i64)
        }
        _ => Err(Errno::EINVAL),
    }
}

fn check_value(value: i32) -> Result<(), Errno> {
    if (0..=SEMVMX).contains(&value) { Ok(()) } else { Err(Errno::ERANGE) }
}

fn store_stat(task: &CurrentTask, set: &SemSet, id: i32, to: u64) -> Result<(), Errno> {
    let mut stat = set.stat(id);
    stat.perm = shown(task, stat.perm);
    UserPtr::new(UserAddr(to)).give(&**task.mm(), &stat)
}

/// `IPC_INFO`, and with `used` `SEM_INFO`: the highest place in use.
fn info(task: &CurrentTask, ns: &IpcNamespace, used: bool, to: UserPtr<Seminfo>) -> Result<i64, Errno> {
    let sets = ns.sems.all();
    let (all, per_call) = (ns.limits.semmns.value() as i32, ns.limits.semopm.value() as i32);
    let mut info = Seminfo {
        semmap: all,
        semmni: ns.sems.max() as i32,
        semmns: all,
        semmnu: all,
        semmsl: ns.limits.semmsl.value() as i32,
        semopm: per_call,
        semume: per_call,
        semusz: 20,
        semvmx: SEMVMX,
        semaem: SEMVMX,
    };
    if used {
        info.semusz = sets.len() as i32;
        info.semaem = sets.iter().map(|(_, set)| set.len()).sum::<usize>() as i32;
    }
    to.give(&**task.mm(), &info)?;
    Ok(ns.sems.last_index().into())
}
