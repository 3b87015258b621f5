//! Timers of a process: `proc_pid_timers(5)`, `proc_pid_timerslack_ns(5)`.

use super::process::Process;
use abi::Errno;
use abi::clock::{SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID};
use kernel::Task;
use vfs::{Caller, Capability};

type Text = Result<Vec<u8>, Errno>;

/// The POSIX timers, the newest first.
pub(super) fn timers(process: &Process, _caller: &Caller) -> Text {
    let mut out = Vec::new();
    for (id, asked) in process.task.group().timers.list_posix().into_iter().rev() {
        let how = match asked.notify & !SIGEV_THREAD_ID {
            SIGEV_NONE => "none",
            SIGEV_THREAD => "thread",
            _ => "signal",
        };
        let whom = if asked.notify & SIGEV_THREAD_ID == 0 { "pid" } else { "tid" };
        put!(out, "ID: {id}\nsignal: {}/{:016x}\n", asked.signal, asked.value);
        put!(out, "notify: {how}/{whom}.{}\nClockID: {}\n", asked.target.within(&process.root.ns), asked.clock);
    }
    Ok(out)
}

/// The slack of others is for those who may make them wait.
fn check_slack(process: &Process, caller: &Caller) -> Result<(), Errno> {
    let is_own = Task::of(caller).is_some_and(|own| own.serial() == process.task.serial());
    let user_ns = &process.task.creds().user_ns;
    if is_own || caller.creds.has_in(user_ns, Capability::SysNice) { Ok(()) } else { Err(Errno::EPERM) }
}

/// How much later than asked for a thread may be woken.
pub(super) fn slack(process: &Process, caller: &Caller) -> Text {
    check_slack(process, caller)?;
    Ok(format!("{}\n", process.task.attributes().sched.timer_slack.0).into_bytes())
}

/// Sets it; 0: to its default.
pub(super) fn set_slack(process: &Process, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    let text = std::str::from_utf8(bytes).ok().and_then(|text| text.trim_end().parse::<u64>().ok());
    let value = text.ok_or(Errno::EINVAL)?;
    check_slack(process, caller)?;
    process.task.with_attributes(|attributes| {
        let (current, default) = &mut attributes.sched.timer_slack;
        *current = if value == 0 { *default } else { value };
    });
    Ok(())
}
