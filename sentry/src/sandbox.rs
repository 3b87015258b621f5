//! A sandbox as its control sees it: its containers.

use crate::boot::{Container, Machine, Running};
use crate::control::{Link, Outfit, Report, unpack};
use crate::failure::Failure;
use crate::life::{Ending, Life};
use crate::plan::{Plan, Share, Shares, Streams};
use abi::Errno;
use kernel::Namespaces;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, PoisonError};
use std::thread;
use std::time::Duration;
use sync::{Mutex, Rank};

/// Containers besides the first at a time.
const CONTAINERS: usize = 256;

/// A sandbox as its control sees it.
pub(crate) struct Sandbox {
    machine: Arc<Machine>,
    first: Arc<Life>,
    others: Mutex<BTreeMap<String, Arc<Life>>>,
    link: Link,
    visitors: Visitors,
}

/// Programs beside the first whose ends are still to be told, and orders that are still to be answered.
#[derive(Default)]
struct Visitors {
    count: std::sync::Mutex<usize>,
    left: Condvar,
}

impl Visitors {
    /// Longest wait for those whose terminals take nothing.
    const PATIENCE: Duration = Duration::from_secs(1);

    fn change(&self, change: impl FnOnce(usize) -> usize) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count = change(*count);
        self.left.notify_all();
    }

    fn await_leave(&self) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.left.wait_timeout_while(count, Self::PATIENCE, |count| *count > 0));
    }
}

impl Sandbox {
    /// A sandbox whose first container is `container`. Reports go to `link`.
    pub(crate) fn new(machine: Arc<Machine>, container: Container, link: Link) -> (Arc<Self>, Ending) {
        let (first, ending) = Life::new(container);
        let others = Mutex::new(Rank::Control, BTreeMap::new());
        (Arc::new(Self { machine, first, others, link, visitors: Visitors::default() }), ending)
    }

    /// Tells the starter, if it still listens.
    pub(crate) fn say(&self, report: &Report) {
        let _ = self.link.report(report);
    }

    /// The link to the starter.
    pub(crate) const fn link(&self) -> &Link {
        &self.link
    }

    /// The first container, which the sandbox ends with.
    pub(crate) const fn first(&self) -> &Arc<Life> {
        &self.first
    }

    /// A further container by its name.
    pub(crate) fn other(&self, name: &str) -> Option<Arc<Life>> {
        self.others.lock().get(name).cloned()
    }

    /// Makes a further container: [`crate::control::Order::Make`].
    pub(crate) fn make(
        self: &Arc<Self>,
        name: &str,
        outfit: &Outfit,
        trees: Vec<OwnedFd>,
        fds: Vec<OwnedFd>,
        link: &Link,
    ) -> Result<Arc<Life>, Failure> {
        let mut fds = fds.into_iter();
        let plan = fds.next().map(unpack::<Plan>).transpose();
        let (Ok(Some(plan)), Some(streams)) = (plan, Streams::from_outfit(outfit, fds)) else {
            return Err(Failure::nonsense());
        };
        {
            let others = self.others.lock();
            if others.len() >= CONTAINERS {
                return Err(Failure::refused(Errno::EAGAIN, "the sandbox has too many containers"));
            }
            if others.contains_key(name) {
                return Err(Failure::refused(Errno::EEXIST, "the sandbox has a container of that name"));
            }
        }
        let namespaces = self.namespaces(&plan)?;
        let container = Container::build(&self.machine, &plan, namespaces, trees, streams, link)?;
        container.look()?;
        let (life, ending) = Life::new(container);
        // The control thread alone adds and removes.
        self.others.lock().insert(name.to_owned(), life.clone());
        let ended = life.clone();
        let wait = move || {
            let status = ending.wait();
            // In a shared pid namespace the others have not gone with the first.
            ended.container().kill();
            ended.container().release();
            status
        };
        if let Err(failure) = self.tell_end(wait, link) {
            self.remove(name);
            return Err(failure);
        }
        Ok(life)
    }

    /// A container is not the sandbox's any more.
    pub(crate) fn remove(&self, name: &str) {
        let removed = self.others.lock().remove(name);
        if let Some(life) = removed {
            life.abandon();
        }
    }

    /// Namespaces of a further container.
    fn namespaces(&self, plan: &Plan) -> Result<Namespaces, Failure> {
        let Shares { pid, ipc, uts, net } = &plan.shares;
        let mut namespaces = self.first.container().namespaces().clone();
        let own = self.machine.new_namespaces(plan)?;
        namespaces.pid_for_children = self.shared(pid, own.pid_for_children, |from| &from.pid_for_children)?;
        namespaces.ipc = self.shared(ipc, own.ipc, |from| &from.ipc)?;
        namespaces.uts = self.shared(uts, own.uts, |from| &from.uts)?;
        namespaces.net = self.shared(net, own.net, |from| &from.net)?;
        Ok(namespaces)
    }

    fn shared<T>(&self, share: &Share, own: Arc<T>, of: impl Fn(&Namespaces) -> &Arc<T>) -> Result<Arc<T>, Failure> {
        match share {
            Share::Own => Ok(own),
            Share::First => Ok(of(self.first.container().namespaces()).clone()),
            Share::Of(name) => match self.other(name) {
                Some(life) => Ok(of(life.container().namespaces()).clone()),
                None => Err(Failure::refused(Errno::ESRCH, format_args!("the sandbox has no container \"{name}\""))),
            },
        }
    }

    /// Tells of the end of a further program.
    pub(crate) fn watch(self: &Arc<Self>, running: &Running, link: &Link) {
        let program = running.clone();
        let wait = move || {
            let status = program.wait();
            program.release();
            status
        };
        if self.tell_end(wait, link).is_err() {
            // Nobody would tell of it.
            running.end();
        }
    }

    /// Has a thread wait for a status and report it.
    fn tell_end(self: &Arc<Self>, wait: impl FnOnce() -> u8 + Send + 'static, link: &Link) -> Result<(), Failure> {
        self.visitors.change(|count| count + 1);
        let (sandbox, link) = (self.clone(), link.share());
        let tell = move || {
            let status = wait();
            // Who asked may be gone.
            let _ = link.and_then(|link| link.report(&Report::Exited { status }));
            sandbox.visitors.change(|count| count - 1);
        };
        let thread = thread::Builder::new().name("visitor".into()).stack_size(128 << 10);
        if thread.spawn(tell).is_err() {
            self.visitors.change(|count| count - 1);
            return Err(Failure::refused(Errno::EAGAIN, "the host has no thread left for it"));
        }
        Ok(())
    }

    /// Carries out an order and answers it; the sandbox does not end before that.
    pub(crate) fn answering<T>(&self, answer: impl FnOnce() -> T) -> T {
        self.visitors.change(|count| count + 1);
        let answered = answer();
        self.visitors.change(|count| count - 1);
        answered
    }

    /// The first container has ended: waits until the ends of all others are told, and an order that may have been the
    /// cause is answered.
    pub(crate) fn await_visitors(&self) {
        let others: Vec<_> = self.others.lock().values().cloned().collect();
        for life in others {
            life.abandon();
        }
        self.visitors.await_leave();
    }
}
