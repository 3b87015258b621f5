//! Processes and signals as files, and comparing processes: `pidfd_open(2)`, `signalfd(2)`, `kcmp(2)`.

use crate::signal::one_is_enough;
use abi::Errno;
use abi::fs::OpenFlags;
use abi::kcmp::EpollSlot;
use abi::signal::{NSIG, SI_TKILL, SI_USER, SIGKILL, SIGSTOP, SigInfo, SigSet};
use kernel::pidfd::PidFd;
use kernel::signalfd::SignalFd;
use kernel::{CurrentTask, Task, ThreadGroup};
use mm::{UserAddr, UserPtr};
use std::sync::Arc;
use vfs::{Epoll, FdTable, OpenFile};

/// `PIDFD_THREAD`, which is `O_EXCL`.
const PIDFD_THREAD: OpenFlags = OpenFlags::EXCL;
/// `PIDFD_SIGNAL_THREAD`, `_THREAD_GROUP`, `_PROCESS_GROUP`.
const SIGNAL_THREAD: u32 = 1;
const SIGNAL_THREAD_GROUP: u32 = 2;
const SIGNAL_PROCESS_GROUP: u32 = 4;

/// `pidfd_open(2)`.
pub(crate) fn pidfd_open(task: &mut CurrentTask, pid: i32, flags: OpenFlags) -> Result<i32, Errno> {
    if !(flags - (OpenFlags::NONBLOCK | PIDFD_THREAD)).is_empty() || pid <= 0 {
        return Err(Errno::EINVAL);
    }
    let is_nonblock = flags.contains(OpenFlags::NONBLOCK);
    let namespace = task.task().pid_namespace();
    let tree = task.kernel().tree();
    let (thread, group) = (tree.task(&namespace, pid), tree.group(&namespace, pid));
    drop(tree);
    let file = match (thread, group) {
        (Some(thread), _) if flags.contains(PIDFD_THREAD) => kernel::pidfd::open_thread(&thread, is_nonblock),
        (_, Some(group)) => kernel::pidfd::open(&group, is_nonblock),
        (Some(_), None) => return Err(Errno::EINVAL),
        (None, None) => return Err(Errno::ESRCH),
    };
    task.fds().insert(task.caller(), file, true)
}

/// The pidfd behind a descriptor; `EBADF`.
fn find(task: &CurrentTask, fd: i32) -> Result<Arc<OpenFile>, Errno> {
    let file = task.fds().get(fd)?;
    if file.downcast::<PidFd>().is_some() { Ok(file) } else { Err(Errno::EBADF) }
}

/// The process, and the thread, that a signal goes to: a directory /proc/PID stands for the process too.
fn receiver(task: &CurrentTask, fd: i32) -> Result<(Arc<ThreadGroup>, Option<Arc<Task>>), Errno> {
    let file = task.fds().get(fd)?;
    if let Some(pidfd) = file.downcast::<PidFd>() {
        return Ok((pidfd.group().clone(), pidfd.thread().cloned()));
    }
    let found = fs::proc::task_of(&**file.inode()?).ok_or(Errno::EBADF)?;
    Ok((found.group().clone(), None))
}

/// `pidfd_send_signal(2)`.
pub(crate) fn pidfd_send_signal(
    task: &mut CurrentTask,
    fd: i32,
    signal: i32,
    info: UserPtr<SigInfo>,
    flags: u32,
) -> Result<(), Errno> {
    let scopes = SIGNAL_THREAD | SIGNAL_THREAD_GROUP | SIGNAL_PROCESS_GROUP;
    if flags & !scopes != 0 || flags.count_ones() > 1 {
        return Err(Errno::EINVAL);
    }
    let (group, thread) = receiver(task, fd)?;
    let group = &group;
    if task.task().pid_namespace().id != group.pid().namespace().id
        && group.pid().within(&task.task().pid_namespace()) == 0
    {
        return Err(Errno::EINVAL);
    }
    let number = u8::try_from(signal).ok().filter(|&signal| signal <= NSIG);
    let info = match info.optional() {
        Some(info) => {
            let info = info.read(&**task.mm())?;
            if info.signo != signal {
                return Err(Errno::EINVAL);
            }
            let is_self = Arc::ptr_eq(group, task.group());
            if !is_self && (info.code >= 0 || info.code == SI_TKILL) {
                return Err(Errno::EPERM);
            }
            Some(info)
        }
        None => None,
    };
    let number = number.ok_or(Errno::EINVAL)?;
    if group.leader().is_none() {
        return Err(Errno::ESRCH);
    }
    if flags == SIGNAL_PROCESS_GROUP {
        return send_to_group(task, group, number);
    }
    let own = task.task();
    own.check_kill(group, number)?;
    let thread = thread.filter(|_| flags == 0);
    let thread = if flags == SIGNAL_THREAD { thread.or_else(|| group.leader()) } else { thread };
    let code = if thread.is_some() { SI_TKILL } else { SI_USER };
    let info = info.unwrap_or_else(|| own.signal_info(number, code, group));
    match thread {
        Some(thread) if number != 0 => thread.send_user(info, own.is_outside(group)),
        None if number != 0 => group.send_user(info, own.is_outside(group)),
        _ => Ok(()),
    }
}

/// To every process of the process's group that may be signalled: one is enough.
fn send_to_group(task: &CurrentTask, group: &ThreadGroup, signal: u8) -> Result<(), Errno> {
    let process_group = group.process_group().ok_or(Errno::ESRCH)?;
    let results = task.task().kill_each(|tree| tree.members(&process_group), Ok(signal));
    one_is_enough(results)
}

/// `pidfd_getfd(2)`.
pub(crate) fn pidfd_getfd(task: &mut CurrentTask, fd: i32, target_fd: i32, flags: u32) -> Result<i32, Errno> {
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let file = find(task, fd)?;
    let pidfd = file.downcast::<PidFd>().ok_or(Errno::EBADF)?;
    let target = pidfd.thread().cloned().or_else(|| pidfd.group().leader()).ok_or(Errno::ESRCH)?;
    if !task.may_access(&target) {
        return Err(Errno::EPERM);
    }
    let found = target.fds().ok_or(Errno::ESRCH)?.get_any(target_fd)?;
    task.fds().insert(task.caller(), found, true)
}

/// `signalfd(2)` of the kernel, which has no flags.
pub(crate) fn signalfd(task: &mut CurrentTask, fd: i32, mask: UserPtr<SigSet>, size: usize) -> Result<i32, Errno> {
    signalfd4(task, fd, mask, size, OpenFlags::empty())
}

/// `signalfd4(2)`.
pub(crate) fn signalfd4(
    task: &mut CurrentTask,
    fd: i32,
    mask: UserPtr<SigSet>,
    size: usize,
    flags: OpenFlags,
) -> Result<i32, Errno> {
    if size != size_of::<SigSet>() {
        return Err(Errno::EINVAL);
    }
    let mask = mask.read(&**task.mm())?.without(SigSet::of(SIGKILL).with(SIGSTOP));
    if !(flags - (OpenFlags::CLOEXEC | OpenFlags::NONBLOCK)).is_empty() {
        return Err(Errno::EINVAL);
    }
    if fd != -1 {
        let file = task.fds().get(fd)?;
        file.downcast::<SignalFd>().ok_or(Errno::EINVAL)?.set_mask(mask);
        return Ok(fd);
    }
    let status = OpenFlags::RDWR | (flags & OpenFlags::NONBLOCK);
    let file = OpenFile::anonymous(Box::new(SignalFd::new(task.task().clone(), mask)), status);
    task.fds().insert(task.caller(), file, flags.contains(OpenFlags::CLOEXEC))
}

/// How two objects compare: 0 the same, 1 the first before the second, 2 after. Their order means nothing.
fn compare<T: ?Sized>(a: &Arc<T>, b: &Arc<T>) -> u64 {
    let place = |object: &Arc<T>| Arc::as_ptr(object).cast::<()>().addr().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    match place(a).cmp(&place(b)) {
        std::cmp::Ordering::Equal => 0,
        std::cmp::Ordering::Less => 1,
        std::cmp::Ordering::Greater => 2,
    }
}

/// The address of an object that may not be there: those that are not are the same.
fn compare_some<T>(a: Option<&Arc<T>>, b: Option<&Arc<T>>) -> u64 {
    match (a, b) {
        (Some(a), Some(b)) => compare(a, b),
        (None, None) => 0,
        (None, Some(_)) => 1,
        (Some(_), None) => 2,
    }
}

/// The file that an epoll instance of `fds` watches: `KCMP_EPOLL_TFD`. `EBADF`, `EINVAL`, `ENOENT`.
fn watched(fds: &FdTable, slot: EpollSlot) -> Result<Arc<OpenFile>, Errno> {
    let number = |fd: u32| i32::try_from(fd).map_err(|_| Errno::EBADF);
    let file = fds.get(number(slot.efd)?)?;
    let epoll = file.downcast::<Epoll>().ok_or(Errno::EINVAL)?;
    epoll.watched(number(slot.tfd)?, slot.toff as usize).ok_or(Errno::ENOENT)
}

/// `kcmp(2)`.
pub(crate) fn kcmp(
    task: &mut CurrentTask,
    pid1: i32,
    pid2: i32,
    kind: i32,
    index1: u64,
    index2: u64,
) -> Result<u64, Errno> {
    let namespace = task.task().pid_namespace();
    let tree = task.kernel().tree();
    let (a, b) = (tree.task(&namespace, pid1), tree.task(&namespace, pid2));
    drop(tree);
    let (a, b): (Arc<Task>, Arc<Task>) = (a.ok_or(Errno::ESRCH)?, b.ok_or(Errno::ESRCH)?);
    if !task.may_look_into(&a) || !task.may_look_into(&b) {
        return Err(Errno::EPERM);
    }
    let (x, y) = (a.live().ok_or(Errno::ESRCH)?, b.live().ok_or(Errno::ESRCH)?);
    let fd = |index: u64| i32::try_from(index).map_err(|_| Errno::EBADF);
    Ok(match kind {
        0 => compare(&x.fds.get_any(fd(index1)?)?, &y.fds.get_any(fd(index2)?)?),
        1 => compare(&x.mm, &y.mm),
        2 => compare(&x.fds, &y.fds),
        3 => compare(&x.fs, &y.fs),
        // Signal actions belong to the process here; I/O contexts to nobody.
        4 => compare(a.group(), b.group()),
        5 => 0,
        6 => compare_some(a.undo_if_any().as_ref(), b.undo_if_any().as_ref()),
        7 => {
            let slot = UserPtr::<EpollSlot>::new(UserAddr(index2)).read(&**task.mm())?;
            compare(&x.fds.get_any(fd(index1)?)?, &watched(&y.fds, slot)?)
        }
        _ => return Err(Errno::EINVAL),
    })
}
