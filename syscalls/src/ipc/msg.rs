//! Message queues of System V: `msgget(2)`, `msgop(2)`, `msgctl(2)`.

use super::{READ, WRITE, check, check_owner, get, namespace, own_pid, owner_of, shown};
use abi::Errno;
use abi::ipc::{
    IPC_64, IPC_INFO, IPC_NOWAIT, IPC_RMID, IPC_SET, IPC_STAT, MSG_COPY, MSG_EXCEPT, MSG_INFO, MSG_STAT, MSG_STAT_ANY,
    Msginfo, MsqidDs,
};
use abi::poll::Events;
use kernel::CurrentTask;
use kernel::ipc::{IpcNamespace, MsgQueue, MsgStat, Perm};
use mm::{UserAddr, UserMemory, UserPtr};
use sync::{Fail, Restart};
use vfs::Capability;

/// `msgget(2)`.
pub(crate) fn msgget(task: &mut CurrentTask, key: i32, flags: i32) -> Result<i32, Errno> {
    let ns = namespace(task);
    let max_bytes = ns.limits.msgmnb.value();
    let make =
        |_, _: &mut dyn Iterator<Item = &MsgQueue>| Ok(MsgQueue::new(Perm::new(task.creds(), key, flags), max_bytes));
    ns.msgs.get(get(task, &ns, key, flags), |_| Ok(()), make)
}

/// Tries again at each change until it is no longer `wait_on`. A handler ends it whatever `SA_RESTART` says.
fn block<T>(
    task: &CurrentTask,
    queue: &MsgQueue,
    wait_on: Errno,
    nonblock: bool,
    mut attempt: impl FnMut() -> Result<T, Errno>,
) -> Result<T, Fail> {
    if nonblock {
        return attempt().map_err(Fail::Errno);
    }
    let done = task.caller().block(&queue.changes, Events::all(), None, || match attempt() {
        Err(errno) if errno == wait_on => None,
        other => Some(other),
    });
    match done {
        Ok(result) => result.map_err(Fail::Errno),
        Err(Fail::Interrupted(_)) => Err(Fail::Interrupted(Restart::NoHandler)),
        Err(fail) => Err(fail),
    }
}

/// `msgsnd(2)`.
pub(crate) fn msgsnd(task: &mut CurrentTask, id: i32, msg: UserAddr, len: u64, flags: i32) -> Result<(), Fail> {
    let kind: i64 = UserPtr::new(msg).read(&**task.mm())?;
    let ns = namespace(task);
    if len > ns.limits.msgmax.value() || id < 0 || kind < 1 {
        return Err(Errno::EINVAL.into());
    }
    let mut text = UserPtr::<u8>::new(msg.offset(8)?).read_array(&**task.mm(), len as usize)?;
    let queue = ns.msgs.find(id)?;
    check(task, &ns, &*queue, WRITE)?;
    let pid = own_pid(task);
    block(task, &queue, Errno::EAGAIN, flags & IPC_NOWAIT != 0, || queue.send(kind, &mut text, pid))
}

/// `msgrcv(2)`: bytes of text.
pub(crate) fn msgrcv(
    task: &mut CurrentTask,
    id: i32,
    msg: UserAddr,
    len: u64,
    kind: i64,
    flags: i32,
) -> Result<usize, Fail> {
    if id < 0 || (len as i64) < 0 {
        return Err(Errno::EINVAL.into());
    }
    if flags & MSG_COPY != 0 && (flags & MSG_EXCEPT != 0 || flags & IPC_NOWAIT == 0) {
        return Err(Errno::EINVAL.into());
    }
    let ns = namespace(task);
    let queue = ns.msgs.find(id)?;
    check(task, &ns, &*queue, READ)?;
    let pid = own_pid(task);
    let max = usize::try_from(len).unwrap_or(usize::MAX);
    let receive = || queue.receive(kind, max, flags, pid);
    let (kind, text) = block(task, &queue, Errno::ENOMSG, flags & IPC_NOWAIT != 0, receive)?;
    UserPtr::new(msg).give(&**task.mm(), &kind)?;
    task.mm().give(msg.offset(8)?, &text)?;
    Ok(text.len())
}

/// `msgctl(2)`.
pub(crate) fn msgctl(task: &mut CurrentTask, id: i32, command: i32, buf: UserAddr) -> Result<i64, Errno> {
    let command = command & !IPC_64;
    if id < 0 || command < 0 {
        return Err(Errno::EINVAL);
    }
    let ns = namespace(task);
    match command {
        IPC_INFO | MSG_INFO => info(task, &ns, command == MSG_INFO, UserPtr::new(buf)),
        MSG_STAT | MSG_STAT_ANY => {
            let (id, queue) = ns.msgs.at(id)?;
            if command == MSG_STAT {
                check(task, &ns, &*queue, READ)?;
            }
            store_stat(task, &queue, id, buf).map(|()| id.into())
        }
        IPC_STAT => {
            let queue = ns.msgs.find(id)?;
            check(task, &ns, &*queue, READ)?;
            store_stat(task, &queue, id, buf).map(|()| 0)
        }
        IPC_SET => {
            let new: MsqidDs = UserPtr::new(buf).read(&**task.mm())?;
            let queue = ns.msgs.find(id)?;
            check_owner(task, &ns, &*queue)?;
            if new.qbytes > ns.limits.msgmnb.value() && !task.creds().has_in(&ns.owner, Capability::SysResource) {
                return Err(Errno::EPERM);
            }
            let (uid, gid) = owner_of(task, &new.perm)?;
            queue.set(uid, gid, new.perm.mode, new.qbytes);
            Ok(0)
        }
        IPC_RMID => {
            let queue = ns.msgs.find(id)?;
            check_owner(task, &ns, &*queue)?;
            ns.msgs.remove(id).ok_or(Errno::EIDRM)?.end();
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}

fn store_stat(task: &CurrentTask, queue: &MsgQueue, id: i32, to: UserAddr) -> Result<(), Errno> {
    let mut stat = queue.stat(id);
    stat.perm = shown(task, stat.perm);
    UserPtr::new(to).give(&**task.mm(), &stat)
}

/// `IPC_INFO`, and with `used` `MSG_INFO`: the highest place in use.
fn info(task: &CurrentTask, ns: &IpcNamespace, used: bool, to: UserPtr<Msginfo>) -> Result<i64, Errno> {
    let (queues, bytes) = (ns.msgs.max(), ns.limits.msgmnb.value());
    let mut info = Msginfo {
        msgpool: (queues as u64 * bytes / 1024) as i32,
        msgmap: bytes as i32,
        msgmax: ns.limits.msgmax.value() as i32,
        msgmnb: bytes as i32,
        msgmni: queues as i32,
        msgssz: 16,
        msgtql: bytes as i32,
        msgseg: 0xffff,
        pad: 0,
    };
    if used {
        let queues = ns.msgs.all();
        let mut totals = MsgStat::default();
        for (_, queue) in &queues {
            queue.count(&mut totals);
        }
        info.msgpool = queues.len() as i32;
        info.msgmap = totals.messages as i32;
        info.msgtql = totals.bytes as i32;
    }
    to.give(&**task.mm(), &info)?;
    Ok(ns.msgs.last_index().into())
}
