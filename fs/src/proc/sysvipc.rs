//! System V IPC: /proc/sysvipc, and what /proc/sys/kernel says about it. Everything is of the reader's namespace.

use super::root::Root;
use abi::Errno;
use abi::ipc::IpcPerm;
use kernel::Task;
use kernel::ipc::{IpcNamespace, Limit, Object, Registry};
use std::sync::Arc;
use vfs::Caller;

type Text = Result<Vec<u8>, Errno>;

/// The reader's namespace.
fn namespace(caller: &Caller) -> Result<Arc<IpcNamespace>, Errno> {
    Ok(Task::of(caller).ok_or(Errno::ESRCH)?.attributes().namespaces.ipc)
}

/// Ids as the reader's user namespace has them: user, group, creator's user and group.
fn owners(caller: &Caller, perm: &IpcPerm) -> [u32; 4] {
    let ns = &caller.creds.user_ns;
    [ns.guest_uid(perm.uid), ns.guest_gid(perm.gid), ns.guest_uid(perm.cuid), ns.guest_gid(perm.cgid)]
}

pub(super) fn msg(_root: &Root, caller: &Caller) -> Text {
    let mut out = b"       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n".to_vec();
    for (id, queue) in namespace(caller)?.msgs.all() {
        let stat = queue.stat(id);
        let [uid, gid, cuid, cgid] = owners(caller, &stat.perm);
        put!(
            out,
            "{:10} {id:10}  {:4o}  {:10} {:10} {:5} {:5} ",
            stat.perm.key,
            stat.perm.mode,
            stat.cbytes,
            stat.qnum,
            stat.lspid,
            stat.lrpid
        );
        put!(out, "{uid:5} {gid:5} {cuid:5} {cgid:5} {:10} {:10} {:10}\n", stat.stime, stat.rtime, stat.ctime);
    }
    Ok(out)
}

pub(super) fn sem(_root: &Root, caller: &Caller) -> Text {
    let mut out = b"       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n".to_vec();
    for (id, set) in namespace(caller)?.sems.all() {
        let stat = set.stat(id);
        let [uid, gid, cuid, cgid] = owners(caller, &stat.perm);
        put!(out, "{:10} {id:10}  {:4o} {:10} ", stat.perm.key, stat.perm.mode, stat.nsems);
        put!(out, "{uid:5} {gid:5} {cuid:5} {cgid:5} {:10} {:10}\n", stat.otime, stat.ctime);
    }
    Ok(out)
}

pub(super) fn shm(_root: &Root, caller: &Caller) -> Text {
    let mut out = b"       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n".to_vec();
    for (id, segment) in namespace(caller)?.shms.all() {
        let stat = segment.stat();
        let [uid, gid, cuid, cgid] = owners(caller, &stat.perm);
        put!(
            out,
            "{:10} {id:10}  {:4o} {:21} {:5} {:5}  {:5} ",
            stat.perm.key,
            stat.perm.mode,
            stat.segsz,
            stat.cpid,
            stat.lpid,
            stat.nattch
        );
        put!(out, "{uid:5} {gid:5} {cuid:5} {cgid:5} {:10} {:10} {:10} ", stat.atime, stat.dtime, stat.ctime);
        put!(out, "{:21} {:21}\n", segment.resident(), 0);
    }
    Ok(out)
}

/// Numbers that were written.
fn numbers<const N: usize>(bytes: &[u8]) -> Result<Vec<i128>, Errno> {
    let text = std::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?;
    let words = text.trim_end_matches('\0').split_whitespace().take(N);
    let numbers: Vec<i128> = words.map(|word| word.parse().map_err(|_| Errno::EINVAL)).collect::<Result<_, _>>()?;
    if numbers.is_empty() { Err(Errno::EINVAL) } else { Ok(numbers) }
}

fn limit(bytes: &[u8], set: impl FnOnce(u64) -> bool) -> Result<(), Errno> {
    let value = u64::try_from(numbers::<1>(bytes)?[0]).map_err(|_| Errno::EINVAL)?;
    if set(value) { Ok(()) } else { Err(Errno::EINVAL) }
}

/// One limit of the namespace, and how to set it.
macro_rules! limits {
    ($($read:ident, $store:ident: $field:ident;)*) => {$(
        pub(super) fn $read(_root: &Root, caller: &Caller) -> Text {
            Ok(namespace(caller)?.limits.$field.value().to_string().into())
        }

        pub(super) fn $store(_root: &Root, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
            limit(bytes, |value| namespace(caller).is_ok_and(|ns| ns.limits.$field.set(value)))
        }
    )*};
}

limits! {
    msgmax, set_msgmax: msgmax;
    msgmnb, set_msgmnb: msgmnb;
    shmmax, set_shmmax: shmmax;
    shmall, set_shmall: shmall;
}

fn wish<T: Object>(registry: &Registry<T>) -> Vec<u8> {
    registry.wish().unwrap_or(-1).to_string().into()
}

fn set_wish<T: Object>(registry: &Registry<T>, bytes: &[u8]) -> Result<(), Errno> {
    let value = i32::try_from(numbers::<1>(bytes)?[0]).map_err(|_| Errno::EINVAL)?;
    registry.set_wish(u32::try_from(value).is_ok().then_some(value));
    Ok(())
}

/// How many objects of a kind there may be.
macro_rules! counts {
    ($($registry:ident: $read:ident, $store:ident;)*) => {$(
        pub(super) fn $read(_root: &Root, caller: &Caller) -> Text {
            Ok(namespace(caller)?.$registry.max().to_string().into())
        }

        pub(super) fn $store(_root: &Root, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
            limit(bytes, |value| namespace(caller).is_ok_and(|ns| ns.$registry.set_max(value)))
        }
    )*};
}

counts! {
    msgs: msgmni, set_msgmni;
    shms: shmmni, set_shmmni;
}

/// The id of the next object of a kind.
macro_rules! wishes {
    ($($registry:ident: $read:ident, $store:ident;)*) => {$(
        pub(super) fn $read(_root: &Root, caller: &Caller) -> Text {
            Ok(wish(&namespace(caller)?.$registry))
        }

        pub(super) fn $store(_root: &Root, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
            set_wish(&namespace(caller)?.$registry, bytes)
        }
    )*};
}

wishes! {
    msgs: msg_next_id, set_msg_next_id;
    shms: shm_next_id, set_shm_next_id;
    sems: sem_next_id, set_sem_next_id;
}

/// Semaphores of a set, of all sets, operations of a call; sets.
pub(super) fn sem_limits(_root: &Root, caller: &Caller) -> Text {
    let ns = namespace(caller)?;
    let [of_set, of_all, of_call] = [&ns.limits.semmsl, &ns.limits.semmns, &ns.limits.semopm].map(Limit::value);
    Ok(format!("{of_set}\t{of_all}\t{of_call}\t{}", ns.sems.max()).into())
}

/// Sets as many of the four as are written.
pub(super) fn set_sem_limits(_root: &Root, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    let ns = namespace(caller)?;
    let limits = [&ns.limits.semmsl, &ns.limits.semmns, &ns.limits.semopm];
    for (at, number) in numbers::<4>(bytes)?.into_iter().enumerate() {
        let value = u64::try_from(number).map_err(|_| Errno::EINVAL)?;
        let is_set = limits.get(at).map_or_else(|| ns.sems.set_max(value), |limit| limit.set(value));
        if !is_set {
            return Err(Errno::EINVAL);
        }
    }
    Ok(())
}
