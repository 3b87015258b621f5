//! Containers that belong to a sandbox that exists: Kubernetes' pods.
//!
//! A process of the host stands for each: its id is the container's. Host directories reach the sandbox as
//! descriptors, taken by a process in namespaces of its own, as the first container's are.

use super::hooks::{Moment, run_hooks};
use super::make::{Unfinished, console_or_own, fresh_record, write_pid};
use super::process_id::ProcessId;
use super::record::Record;
use super::store::{Entry, Store};
use super::{client, janitor::Janitor};
use crate::bundle::Bundle;
use crate::cgroup::Cgroup;
use crate::cli::{Global, Making};
use crate::error::{Error, Result, Try, bail};
use crate::report::Report;
use crate::starter::{Beginning, Guest, Keys, StandIn};
use host::launch::{IdMaps, MountTrees, Tree, die_with_parent, spawn};
use sentry::control::{self, Link, Order};
use sentry::{Plan, Share, Streams};
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;

/// A container in a sandbox that exists; it ends when this is dropped before it is let go.
pub(crate) struct Member {
    /// What is kept.
    pub record: Record,
    /// Its directory. Locked.
    pub entry: Entry,
    stand_in: StandIn,
    is_kept: bool,
    // Last: it is waited for when everything else is done.
    janitor: Option<Janitor>,
}

/// Makes a container in the sandbox of this name; its program waits for `start`.
pub(crate) fn make_member(global: &Global, making: &Making, bundle: &Bundle, sandbox: &str) -> Result<Member> {
    let store = Store::new(global);
    // The lock is let go at once: the sandbox may serve others meanwhile.
    let first = store.open(sandbox).and_then(|entry| entry.read())?;
    if !first.is_alive() || first.sandbox.is_some() {
        bail!("cannot make a container in sandbox \"{sandbox}\": it is not running");
    }
    let id_maps = bundle.id_maps()?;
    let mut plan = bundle.plan(&id_maps, false)?;
    plan.shares = bundle.shares(&|pid| share(&store, &first, pid))?;
    let streams = console_or_own(bundle, making)?.into_given();
    let cgroup = Cgroup::plan(bundle.cgroup(), &making.id, bundle.resources())?;
    plan.pids_limit = cgroup.pids_limit();
    let record = Record { sandbox: Some(sandbox.to_owned()), ..fresh_record(bundle, &making.id, &cgroup) };
    let mut unfinished = Unfinished::new(record);
    unfinished.janitor = Some(Janitor::start(&store, &making.id, unfinished.record.keeper)?);
    unfinished.entry = Some(store.create(&making.id)?);
    unfinished.entry()?.write(&unfinished.record)?;
    let stand_in = {
        let (entry, record) = (unfinished.entry()?, &unfinished.record);
        StandIn::start(|beginning| begin(beginning, entry, record, &plan, &id_maps, &streams))?
    };
    drop(streams);
    unfinished.record.sentry = ProcessId::of(stand_in.pid());
    unfinished.entry()?.write(&unfinished.record)?;
    cgroup.make(stand_in.pid(), false, &Report::new(global))?;
    run_hooks(&unfinished.record, Moment::Create)?;
    if let Some(path) = &making.pid_file {
        write_pid(path, stand_in.pid())?;
    }
    let (entry, record, janitor) = unfinished.finish()?;
    Ok(Member { record, entry, stand_in, is_kept: false, janitor })
}

/// Whose namespaces are those of a process of the host.
fn share(store: &Store, first: &Record, pid: i32) -> Option<Share> {
    let is_it = |record: &Record| record.sentry.is_some_and(|process| process.pid == pid && process.is_alive());
    if is_it(first) {
        return Some(Share::First);
    }
    let records = store.records().ok()?;
    let found = records.into_iter().find(|record| record.sandbox.as_ref() == Some(&first.id) && is_it(record))?;
    Some(Share::Of(found.id))
}

/// Has the sandbox make the container, in the process that stands for it.
fn begin(
    beginning: &Beginning<'_>,
    entry: &Entry,
    record: &Record,
    plan: &Plan,
    id_maps: &IdMaps,
    streams: &Streams,
) -> Result<(Guest, Keys)> {
    // The lock of the directory is the parent's alone.
    let keys = beginning.leave(&[], streams)?;
    let link = client::open(entry, record)?;
    hand_over(beginning, &link, &plan.trees, id_maps)?;
    let what = "talk to the sandbox";
    let body = control::pack(plan).to("send the container to the sandbox")?;
    let mut fds = vec![body.as_fd()];
    fds.extend(streams.descriptors());
    let order = Order::Make { name: entry.id.clone(), outfit: streams.outfit() };
    link.order_with(&order, &fds).to(what)?;
    match link.next_report().to(what)? {
        Some(control::Report::Ready) => Ok((Guest(link), keys)),
        Some(control::Report::Failed { text, .. }) => Err(Error::new(text)),
        Some(report) => bail!("the sandbox said {report:?} before the container was ready"),
        None => bail!("the sandbox ended before the container was ready"),
    }
}

/// Descriptors that go into one message.
const AT_ONCE: usize = 200;

/// Hands the trees over to the sandbox. They are taken in namespaces of their own, by a process that then ends.
fn hand_over(beginning: &Beginning<'_>, link: &Link, trees: &[Tree], id_maps: &IdMaps) -> Result<()> {
    let (mut line, theirs) = UnixStream::pair().to("make a socket")?;
    let mut theirs = Some(theirs);
    let child = spawn(|| match theirs.take() {
        Some(theirs) => match take(beginning, link, trees, theirs.as_fd()) {
            Ok(()) => 0,
            Err(error) => {
                // Without a parent nobody wants to know.
                let _ = (&theirs).write_all(error.to_string().as_bytes());
                error.status
            }
        },
        None => 1,
    })?;
    drop(theirs);
    let written = id_maps.write(child.pid);
    if written.is_ok() {
        line.write_all(&[0]).to("let the container's directories be taken")?;
    } else {
        child.kill();
    }
    let mut text = String::new();
    // Its end is told by its status as well.
    let _ = line.read_to_string(&mut text);
    let ended = child.wait().to("wait for the container's directories")?;
    written?;
    match ended {
        host::launch::Ended::Exited(0) => Ok(()),
        _ if text.is_empty() => bail!("the process that takes the container's directories was killed"),
        _ => Err(Error::new(text)),
    }
}

fn take(beginning: &Beginning<'_>, link: &Link, trees: &[Tree], line: std::os::fd::BorrowedFd<'_>) -> Result<()> {
    die_with_parent(beginning.line())?;
    // The maps of ids are there from now on.
    let mut go = [0];
    if rustix::io::read(line, &mut go).to("hear from the parent")? != 1 {
        bail!("the parent ended early");
    }
    let taken = MountTrees::take(trees)?;
    for some in taken.trees.chunks(AT_ONCE) {
        let fds: Vec<_> = some.iter().map(|fd| fd.as_fd()).collect();
        link.order_with(&Order::Trees, &fds).to("send directories to the sandbox")?;
    }
    Ok(())
}

impl Member {
    /// The container lives on without this process.
    pub(crate) fn let_go(mut self) -> Result<()> {
        self.stand_in.let_go()?;
        self.is_kept = true;
        // Up to here the janitor would kill it.
        self.record.keeper = None;
        self.entry.write(&self.record)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if !self.is_kept {
            self.stand_in.end();
            // Told already, if it can be told at all.
            let _ = self.entry.remove(Some(&self.record));
        }
        // It goes while this process lets go of the rest.
        if let Some(janitor) = &mut self.janitor {
            janitor.dismiss();
        }
    }
}
