//! Hooks: programs of the host that run at moments of a container's life.

use super::record::{Record, Status};
use crate::error::{Result, Try, bail};
use oci_spec::runtime::{Hook, Hooks};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::io;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The sandbox's namespaces are there: `prestart`, then `createRuntime`, then `createContainer`. (The
    /// last of them runs in the runtime's namespaces, too: no program of the host runs in the sandbox's.)
    Create,
    /// The program has been started: `poststart`.
    Started,
    /// The container has been deleted: `poststop`.
    Deleted,
}

/// Runs the hooks of a moment, in order, each with the container's state on its standard input. The first
/// one that fails ends it with an error.
pub(crate) fn run_hooks(record: &Record, moment: Moment) -> Result<()> {
    let Some(hooks) = &record.hooks else { return Ok(()) };
    let status = match moment {
        Moment::Create => Status::Creating,
        Moment::Started => Status::Running,
        Moment::Deleted => Status::Stopped,
    };
    let state = record.state(status).to_string();
    for (name, list) in lists(hooks, moment) {
        for (index, hook) in list.iter().flatten().enumerate() {
            run(hook, &format!("hooks.{name}[{index}]"), record, &state)?;
        }
    }
    Ok(())
}

/// There is a hook at this moment.
pub(super) fn has_hooks(record: &Record, moment: Moment) -> bool {
    let is_used = |(_, list): List<'_>| list.as_ref().is_some_and(|list| !list.is_empty());
    record.hooks.as_ref().is_some_and(|hooks| lists(hooks, moment).into_iter().any(is_used))
}

/// Name and hooks of a moment.
type List<'a> = (&'static str, &'a Option<Vec<Hook>>);

fn lists(hooks: &Hooks, moment: Moment) -> Vec<List<'_>> {
    match moment {
        Moment::Create => vec![
            ("prestart", hooks.prestart()),
            ("createRuntime", hooks.create_runtime()),
            ("createContainer", hooks.create_container()),
        ],
        Moment::Started => vec![("poststart", hooks.poststart())],
        Moment::Deleted => vec![("poststop", hooks.poststop())],
    }
}

fn run(hook: &Hook, key: &str, record: &Record, state: &str) -> Result<()> {
    let path = hook.path();
    if !path.is_absolute() {
        bail!("{key}: the path {} must begin with a slash", path.display());
    }
    let what = format!("run {key}, {}", path.display());
    let mut command = Command::new(path);
    if let Some((name, arguments)) = hook.args().as_ref().and_then(|args| args.split_first()) {
        command.arg0(name).args(arguments);
    }
    command.process_group(0).env_clear().current_dir(&record.bundle).stdin(Stdio::piped()).stdout(Stdio::null());
    for variable in hook.env().iter().flatten() {
        let Some((name, value)) = variable.split_once('=') else { bail!("{key}: \"{variable}\" is no NAME=VALUE") };
        command.env(name, value);
    }
    let mut child = command.spawn().to(&what)?;
    if let Some(mut input) = child.stdin.take() {
        // A hook need not read.
        let _ = input.write_all(state.as_bytes());
    }
    let timeout = hook.timeout().map(|seconds| Duration::from_secs(seconds.unsigned_abs()));
    match wait(&mut child, timeout).to(&what)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => bail!("{key}, {}, failed: {status}", path.display()),
        None => bail!("{key}, {}, took longer than its timeout", path.display()),
    }
}

/// Waits for its end; `None`: it took too long and was killed.
fn wait(child: &mut Child, timeout: Option<Duration>) -> io::Result<Option<ExitStatus>> {
    let Some(end) = timeout.and_then(|timeout| Instant::now().checked_add(timeout)) else {
        return child.wait().map(Some);
    };
    let Some(pid) = Pid::from_raw(child.id() as i32) else { return child.wait().map(Some) };
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        match poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&left)) {
            Ok(0) => break,
            Ok(_) => return child.wait().map(Some),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    kill_process_group(pid, Signal::KILL)?;
    child.wait()?;
    Ok(None)
}
