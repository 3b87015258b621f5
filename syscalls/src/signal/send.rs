//! `kill(2)`, `tkill(2)`, `tgkill(2)`, `rt_sigqueueinfo(2)`.

use abi::Errno;
use abi::signal::{NSIG, SI_TKILL, SigInfo};
use kernel::{CurrentTask, Task, ThreadGroup, Tree};
use mm::UserPtr;
use std::sync::Arc;

/// A signal number, 0 included; `EINVAL`.
fn number(signal: i32) -> Result<u8, Errno> {
    u8::try_from(signal).ok().filter(|&signal| signal <= NSIG).ok_or(Errno::EINVAL)
}

/// `kill(2)`.
pub(crate) fn kill(task: &mut CurrentTask, pid: i32, signal: i32) -> Result<(), Errno> {
    let namespace = task.group().pid().namespace().clone();
    if pid == i32::MIN {
        return Err(Errno::ESRCH);
    }
    let results = match pid {
        1.. => {
            let target = task.kernel().tree().group_of_any(&namespace, pid).ok_or(Errno::ESRCH)?;
            return task.task().kill(&target, number(signal)?);
        }
        -1 => return kill_all(task, signal),
        0 => {
            let own = task.group().process_group().ok_or(Errno::ESRCH)?;
            task.task().kill_each(|tree| tree.members(&own), number(signal))
        }
        ..-1 => {
            let members = |tree: &Tree| Some(tree.members(&*tree.process_group(&namespace, -pid)?));
            task.task().kill_each(|tree| members(tree).unwrap_or_default(), number(signal))
        }
    };
    one_is_enough(results)
}

/// What a signal to all of a process group comes to. `ESRCH`: there is nobody.
pub(crate) fn one_is_enough(results: Vec<Result<(), Errno>>) -> Result<(), Errno> {
    results.into_iter().reduce(Result::or).unwrap_or(Err(Errno::ESRCH))
}

/// Every process that the caller may send to, but for itself and the init of its namespace.
fn kill_all(task: &CurrentTask, signal: i32) -> Result<(), Errno> {
    let own = task.group();
    let is_target =
        |group: &Arc<ThreadGroup>| group.pid().within(own.pid().namespace()) > 1 && !Arc::ptr_eq(group, own);
    let choose = |tree: &Tree| tree.groups().into_iter().filter(is_target).collect();
    let results = task.task().kill_each(choose, number(signal));
    if results.is_empty() {
        return Err(Errno::ESRCH);
    }
    results.into_iter().rfind(|&result| result != Err(Errno::EPERM)).unwrap_or(Ok(()))
}

/// The thread with an id, of the process `tgid` unless that is `None`. `EINVAL`, `ESRCH`.
fn thread(task: &CurrentTask, tgid: Option<i32>, tid: i32) -> Result<Arc<Task>, Errno> {
    if tid <= 0 || tgid.is_some_and(|tgid| tgid <= 0) {
        return Err(Errno::EINVAL);
    }
    let namespace = task.group().pid().namespace();
    let target = task.kernel().tree().task(namespace, tid).ok_or(Errno::ESRCH)?;
    let is_of_it = tgid.is_none_or(|tgid| target.group().pid().within(namespace) == tgid);
    if is_of_it { Ok(target) } else { Err(Errno::ESRCH) }
}

fn send_to_thread(task: &CurrentTask, target: &Task, signal: u8, info: SigInfo) -> Result<(), Errno> {
    task.task().check_kill(target.group(), signal)?;
    target.send_user(info, task.task().is_outside(target.group()))
}

/// `tkill(2)`.
pub(crate) fn tkill(task: &mut CurrentTask, tid: i32, signal: i32) -> Result<(), Errno> {
    let target = thread(task, None, tid)?;
    let signal = number(signal)?;
    let info = task.task().signal_info(signal, SI_TKILL, target.group());
    send_to_thread(task, &target, signal, info)
}

/// `tgkill(2)`.
pub(crate) fn tgkill(task: &mut CurrentTask, tgid: i32, tid: i32, signal: i32) -> Result<(), Errno> {
    let target = thread(task, Some(tgid), tid)?;
    let signal = number(signal)?;
    let info = task.task().signal_info(signal, SI_TKILL, target.group());
    send_to_thread(task, &target, signal, info)
}

/// The information that a program made up. It may not look as if the kernel or kill(2) had sent it, except to the
/// process itself: `EPERM`.
fn read_info(task: &CurrentTask, info: UserPtr<SigInfo>, signal: i32, target: &ThreadGroup) -> Result<SigInfo, Errno> {
    let mut info = info.read(&**task.mm())?;
    info.signo = signal;
    let is_forged = info.code >= 0 || info.code == SI_TKILL;
    let is_own = std::ptr::eq(target, Arc::as_ptr(task.group()));
    if is_forged && !is_own { Err(Errno::EPERM) } else { Ok(info) }
}

/// `rt_sigqueueinfo(2)`.
pub(crate) fn rt_sigqueueinfo(
    task: &mut CurrentTask,
    pid: i32,
    signal: i32,
    info: UserPtr<SigInfo>,
) -> Result<(), Errno> {
    let namespace = task.group().pid().namespace().clone();
    let target = task.kernel().tree().group_of_any(&namespace, pid);
    let checked = target.clone().unwrap_or_else(|| task.group().clone());
    let info = read_info(task, info, signal, &checked)?;
    let target = target.ok_or(Errno::ESRCH)?;
    let signal = number(signal)?;
    task.task().check_kill(&target, signal)?;
    target.send_user(info, task.task().is_outside(&target))
}

/// `rt_tgsigqueueinfo(2)`.
pub(crate) fn rt_tgsigqueueinfo(
    task: &mut CurrentTask,
    tgid: i32,
    tid: i32,
    signal: i32,
    info: UserPtr<SigInfo>,
) -> Result<(), Errno> {
    let target = thread(task, Some(tgid), tid)?;
    let info = read_info(task, info, signal, target.group())?;
    send_to_thread(task, &target, number(signal)?, info)
}
