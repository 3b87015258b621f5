//! `wait4(2)`, `waitid(2)`.

use abi::Errno;
use abi::process::Rusage;
use abi::signal::SIGCHLD;
use abi::wait::{P_ALL, P_PGID, P_PID, P_PIDFD, WaitFlags};
use kernel::CurrentTask;
use kernel::pidfd::PidFd;
use kernel::process::Which;
use mm::UserPtr;
use sync::Fail;

/// Options of `wait4(2)`.
const WAIT4: WaitFlags = WaitFlags::NOHANG
    .union(WaitFlags::STOPPED)
    .union(WaitFlags::CONTINUED)
    .union(WaitFlags::NOTHREAD)
    .union(WaitFlags::CLONE)
    .union(WaitFlags::ALL);
/// Options of `waitid(2)`.
const WAITID: WaitFlags = WAIT4.union(WaitFlags::EXITED).union(WaitFlags::NOWAIT);
/// What can be waited for.
const EVENTS: WaitFlags = WaitFlags::EXITED.union(WaitFlags::STOPPED).union(WaitFlags::CONTINUED);

/// The children in the caller's own process group.
fn own_group(task: &CurrentTask) -> Which {
    Which::Group(task.group().process_group().map_or(0, |group| group.id().root()))
}

/// The process or, as a tracee, the thread.
fn process(task: &CurrentTask, pid: i32) -> Which {
    let namespace = task.group().pid().namespace();
    Which::Process(task.kernel().tree().task(namespace, pid).map_or(0, |found| found.tid()))
}

fn process_group(task: &CurrentTask, id: i32) -> Which {
    let namespace = task.group().pid().namespace();
    Which::Group(task.kernel().tree().process_group(namespace, id).map_or(0, |group| group.id().root()))
}

/// `wait4(2)`.
pub(crate) fn wait4(
    task: &mut CurrentTask,
    pid: i32,
    status: UserPtr<i32>,
    options: u32,
    rusage: UserPtr<Rusage>,
) -> Result<i32, Fail> {
    let flags = WaitFlags::from_bits_retain(options);
    if !WAIT4.contains(flags) {
        return Err(Errno::EINVAL.into());
    }
    if pid == i32::MIN {
        return Err(Errno::ESRCH.into());
    }
    let which = match pid {
        -1 => Which::Any,
        0 => own_group(task),
        ..-1 => process_group(task, -pid),
        1.. => process(task, pid),
    };
    let Some(event) = task.wait(&which, flags | WaitFlags::EXITED)? else { return Ok(0) };
    if let Some(status) = status.optional() {
        status.give(&**task.mm(), &event.what.to_wait())?;
    }
    if let Some(rusage) = rusage.optional() {
        rusage.give(&**task.mm(), &event.rusage())?;
    }
    Ok(event.pid)
}

/// `waitid(2)`.
pub(crate) fn waitid(
    task: &mut CurrentTask,
    kind: i32,
    id: i32,
    info: UserPtr<[i32; 7]>,
    options: u32,
    rusage: UserPtr<Rusage>,
) -> Result<(), Fail> {
    let mut flags = WaitFlags::from_bits_retain(options);
    if !WAITID.contains(flags) || !flags.intersects(EVENTS) {
        return Err(Errno::EINVAL.into());
    }
    let mut is_nonblock = false;
    let which = match (kind, id) {
        (P_ALL, _) => Which::Any,
        (P_PID, 1..) => process(task, id),
        (P_PGID, 0) => own_group(task),
        (P_PGID, 1..) => process_group(task, id),
        (P_PIDFD, 0..) => {
            let file = task.fds().get(id)?;
            is_nonblock = file.flags().contains(abi::fs::OpenFlags::NONBLOCK);
            let pidfd = file.downcast::<PidFd>().ok_or(Errno::EBADF)?;
            Which::Process(pidfd.group().pid().root())
        }
        _ => return Err(Errno::EINVAL.into()),
    };
    let is_polling = flags.contains(WaitFlags::NOHANG);
    if is_nonblock {
        flags |= WaitFlags::NOHANG;
    }
    let event = task.wait(&which, flags)?;
    if event.is_none() && is_nonblock && !is_polling {
        return Err(Errno::EAGAIN.into());
    }
    if let (Some(rusage), Some(event)) = (rusage.optional(), &event) {
        rusage.give(&**task.mm(), &event.rusage())?;
    }
    if let Some(info) = info.optional() {
        // signo, errno, code, padding, pid, uid, status
        let words = event.map_or([0; 7], |event| {
            let (code, status) = event.what.to_info();
            [SIGCHLD.into(), 0, code, 0, event.pid, event.uid as i32, status]
        });
        info.give(&**task.mm(), &words)?;
    }
    Ok(())
}
