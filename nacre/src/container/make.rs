//! Makes a container from a bundle.

use super::hooks::has_hooks;
use super::janitor::Janitor;
use super::process_id::ProcessId;
use super::record::{FORMAT, Record};
use super::store::{Entry, Store};
use super::{Moment, client, console, run_hooks};
use crate::bundle::Bundle;
use crate::cgroup::Cgroup;
use crate::cli::{Global, Making};
use crate::error::{Result, Try, bail};
use crate::report::{Report, timestamp};
use crate::starter::{Blueprint, Sandbox, Streams, log_of};
use sentry::control::Order;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// A container that is ready to be started, and still bound to this process.
pub(crate) struct Made {
    /// Its sandbox.
    pub sandbox: Sandbox,
    /// What is kept.
    pub record: Record,
    /// Its directory. Locked.
    pub entry: Entry,
    /// Its terminal is this process's own.
    pub has_own_terminal: bool,
    is_kept: bool,
    // Last: it is waited for when everything else is done.
    janitor: Option<Janitor>,
}

/// Makes a container. `in_foreground`: this process stays with it, and may lend it its terminal; the program starts
/// at once.
pub(crate) fn make(global: &Global, making: &Making, bundle: &Bundle, in_foreground: bool) -> Result<Made> {
    let id_maps = bundle.id_maps()?;
    let mut plan = bundle.plan(&id_maps, global.strace)?;
    let streams = streams(bundle, making, in_foreground)?;
    let has_own_terminal = streams.terminal.as_ref().is_some_and(|terminal| !terminal.is_own);
    let cgroup = Cgroup::plan(bundle.cgroup(), &making.id, bundle.resources())?;
    plan.dies_with_starter = in_foreground;
    plan.awaits_start = !in_foreground;
    plan.pids_limit = cgroup.pids_limit();
    plan.memory = cgroup.memory_limit();
    let sentry_oom_score_adj = plan.oom_score_adj;
    let listener = client::listener()?;
    let mut unfinished = Unfinished::new(fresh_record(bundle, &making.id, &cgroup));
    let copy = listener.try_clone().to("copy the control socket")?;
    let log = log_of(global)?;
    let blueprint = Blueprint { plan, id_maps, streams, listener: Some(copy), log, sentry_oom_score_adj };
    let sandbox = Sandbox::make(blueprint)?;
    // Unless something is to be done to the fresh process first, it boots while the rest is done here.
    let has_hooks = has_hooks(&unfinished.record, Moment::Create);
    let boots_at_once = cgroup.is_empty() && !has_hooks;
    if boots_at_once {
        sandbox.proceed(&[])?;
    }
    unfinished.record.sentry = ProcessId::of(sandbox.pid());
    let store = Store::new(global);
    unfinished.janitor = Some(Janitor::start(&store, &making.id, unfinished.record.keeper)?);
    unfinished.entry = Some(store.create(&making.id)?);
    unfinished.entry()?.write(&unfinished.record)?;
    client::name(&listener, unfinished.entry()?)?;
    // Hooks find the process in its groups.
    let groups = cgroup.make(sandbox.pid(), !has_hooks, &Report::new(global))?;
    run_hooks(&unfinished.record, Moment::Create)?;
    if !boots_at_once {
        sandbox.proceed(&groups)?;
    }
    sandbox.await_ready()?;
    sandbox.order(&Order::Listen)?;
    if let Some(path) = &making.pid_file {
        write_pid(path, sandbox.pid())?;
    }
    let (entry, record, janitor) = unfinished.finish()?;
    Ok(Made { sandbox, record, entry, has_own_terminal, is_kept: false, janitor })
}

/// Writes a process id to a file. Whoever waits for it never sees it empty.
pub(crate) fn write_pid(path: &Path, pid: i32) -> Result<()> {
    let fresh = path.with_extension("nacre-new");
    let write = fs::write(&fresh, pid.to_string()).and_then(|()| fs::rename(&fresh, path));
    write.to(format_args!("write the pid file {}", path.display()))
}

pub(super) fn fresh_record(bundle: &Bundle, id: &str, cgroup: &Cgroup) -> Record {
    Record {
        format: FORMAT,
        id: id.to_owned(),
        version: bundle.version().to_owned(),
        bundle: bundle.dir.clone(),
        created: timestamp(SystemTime::now()),
        annotations: bundle.annotations(),
        hooks: bundle.hooks().cloned(),
        cgroups: cgroup.missing_dirs(),
        keeper: ProcessId::own(),
        sandbox: None,
        sentry: None,
    }
}

fn streams(bundle: &Bundle, making: &Making, in_foreground: bool) -> Result<Streams> {
    if !in_foreground || !bundle.has_terminal() || making.console_socket.is_some() {
        return console_or_own(bundle, making);
    }
    let streams = Streams::own_with_terminal()?;
    if streams.terminal.is_none() {
        bail!("the bundle wants a terminal (process.terminal), but standard input and output are none");
    }
    Ok(streams)
}

/// Streams of a container whose caller does not stay with it.
pub(super) fn console_or_own(bundle: &Bundle, making: &Making) -> Result<Streams> {
    match (bundle.has_terminal(), &making.console_socket) {
        (true, Some(path)) => Streams::of_terminal(console::make(path, bundle.terminal_size())?),
        (true, None) => bail!("the bundle wants a terminal (process.terminal): give --console-socket"),
        (false, Some(_)) => bail!("--console-socket is for bundles that want a terminal (process.terminal)"),
        (false, None) => Streams::own(),
    }
}

impl Made {
    /// The container lives on without this process.
    pub(crate) fn let_go(mut self) -> Result<()> {
        self.sandbox.detach()?;
        self.is_kept = true;
        // Up to here the janitor would kill it.
        self.record.keeper = None;
        self.entry.write(&self.record)
    }

    /// Its state stays after its end.
    pub(crate) fn keep(&mut self) -> Result<()> {
        self.record.keeper = None;
        self.is_kept = true;
        self.entry.write(&self.record)
    }

    /// Removes what is kept of it, once its sandbox has ended, and tells the hooks.
    pub(crate) fn remove(mut self) -> Result<()> {
        self.entry.remove(Some(&self.record))?;
        self.is_kept = true;
        run_hooks(&self.record, Moment::Deleted)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if !self.is_kept {
            self.sandbox.end();
            // Told already, if it can be told at all.
            let _ = self.entry.remove(Some(&self.record));
        }
        // It goes while this process lets go of the rest.
        if let Some(janitor) = &mut self.janitor {
            janitor.dismiss();
        }
    }
}

/// Removes what was begun when a step fails.
pub(super) struct Unfinished {
    pub(super) entry: Option<Entry>,
    pub(super) record: Record,
    // Dropped after the rest is removed.
    pub(super) janitor: Option<Janitor>,
}

impl Unfinished {
    pub(super) const fn new(record: Record) -> Self {
        Self { entry: None, record, janitor: None }
    }

    pub(super) fn entry(&self) -> Result<&Entry> {
        let Some(entry) = &self.entry else { bail!("the container is finished already") };
        Ok(entry)
    }

    pub(super) fn finish(mut self) -> Result<(Entry, Record, Option<Janitor>)> {
        let Some(entry) = self.entry.take() else { bail!("the container is finished already") };
        Ok((entry, self.record.clone(), self.janitor.take()))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(entry) = &self.entry {
            // The error that led here is told.
            let _ = entry.remove(Some(&self.record));
        }
    }
}
