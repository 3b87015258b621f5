//! Containers: processes that are paused, signalled and limited as one from outside.
//!
//! A task of a paused container stops where it holds nothing: at the next turn of its run loop. That needs no rights
//! on the host, unlike the freezer of control groups, and leaves the sentry's own threads free to carry out orders.

use crate::kernel::Kernel;
use crate::sched::CpuSet;
use crate::task::{Task, ThreadGroup};
use crate::tree::Tree;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

/// How often one who pauses looks whether tasks have left application code, and how long that takes each time.
const LOOKS: u32 = 5000;
const PERIOD: Duration = Duration::from_millis(1);

/// Processes that are paused, signalled and limited as one from outside: one that came from outside, and its descendants.
#[derive(Debug)]
pub struct Container {
    is_paused: AtomicBool,
    /// Threads that are not gone.
    threads: AtomicUsize,
    pids_limit: AtomicU64,
    memory: AtomicU64,
    cpus: Option<CpuSet>,
    shown_cpus: CpuSet,
}

/// What a container may have at most.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Threads at a time.
    pub tasks: u64,
    /// Bytes of memory: as they are shown, nobody counts them here. `u64::MAX` is no limit.
    pub memory: u64,
    /// Processors; `None`: those of the sandbox.
    pub cpus: Option<CpuSet>,
    /// So many of them are shown: as many as its processor time could keep busy.
    pub cpu_count: usize,
}

impl Container {
    /// Its tasks are to stop.
    pub fn is_paused(&self) -> bool {
        self.is_paused.load(SeqCst)
    }

    /// It may have another thread.
    pub(crate) fn has_room(&self) -> bool {
        (self.threads.load(SeqCst) as u64) < self.pids_limit.load(SeqCst)
    }

    /// Bytes of memory that it may have; `u64::MAX` is no limit.
    pub fn memory(&self) -> u64 {
        self.memory.load(SeqCst)
    }

    /// Other bytes are shown from now on.
    pub fn set_memory(&self, bytes: u64) {
        self.memory.store(bytes, SeqCst);
    }

    /// Processors that its tasks see, and may choose from.
    pub const fn cpus(&self) -> CpuSet {
        self.shown_cpus
    }

    /// What its tasks may run on where they have not chosen, if that is not all. It may be more than they see: a
    /// container that may use one processor's time is not bound to one, which others may keep busy.
    pub const fn affinity(&self) -> Option<CpuSet> {
        self.cpus
    }

    /// It may have so many threads from now on. Those that there are stay.
    pub fn set_pids_limit(&self, threads: u64) {
        self.pids_limit.store(threads, SeqCst);
    }

    /// Threads have come; under the tree's lock.
    pub(crate) fn count(&self, threads: usize) {
        self.threads.fetch_add(threads, SeqCst);
    }

    /// Threads are gone; under the tree's lock.
    pub(crate) fn discount(&self, threads: usize) {
        self.threads.fetch_sub(threads, SeqCst);
    }
}

impl Tree {
    /// The processes of a container, zombies included.
    pub(crate) fn groups_of(&self, container: &Arc<Container>) -> Vec<Arc<ThreadGroup>> {
        let mut groups = self.groups();
        groups.retain(|group| Arc::ptr_eq(group.container(), container));
        groups
    }
}

impl Kernel {
    /// A container without processes.
    pub fn new_container(&self, bounds: Bounds) -> Arc<Container> {
        let (pids_limit, memory) = (AtomicU64::new(bounds.tasks), AtomicU64::new(bounds.memory));
        let all = crate::sched::cpus();
        // Processors that the sandbox does not have are no bound.
        let cpus = bounds.cpus.map(|cpus| cpus.and(all)).filter(|cpus| !cpus.is_empty() && *cpus != all);
        let shown_cpus = CpuSet::of(cpus.unwrap_or(all).iter().take(bounds.cpu_count.max(1)));
        let (is_paused, threads) = (AtomicBool::new(false), AtomicUsize::new(0));
        let container = Arc::new(Container { is_paused, threads, pids_limit, memory, cpus, shown_cpus });
        let mut containers = self.containers.lock();
        containers.retain(|container| container.strong_count() != 0);
        containers.push(Arc::downgrade(&container));
        drop(containers);
        self.hold_timers();
        container
    }

    fn tasks_of(&self, container: &Arc<Container>) -> impl Iterator<Item = Arc<Task>> {
        let groups = self.tree().groups_of(container);
        groups.into_iter().flat_map(|group| group.tasks())
    }

    /// Stops every task of a container until [`Self::resume`]: when this returns none runs application code, and
    /// timers wait once all containers are paused. False: a task does not leave application code, and the others go
    /// on.
    #[must_use]
    pub fn pause(&self, container: &Arc<Container>) -> bool {
        container.is_paused.store(true, SeqCst);
        self.tasks_of(container).for_each(|task| task.interrupt());
        for _ in 0..LOOKS {
            if !self.tasks_of(container).any(|task| task.word().is_in_app()) {
                self.hold_timers();
                return true;
            }
            thread::sleep(PERIOD);
        }
        self.resume(container);
        false
    }

    /// Ends [`Self::pause`].
    pub fn resume(&self, container: &Arc<Container>) {
        container.is_paused.store(false, SeqCst);
        self.tasks_of(container).for_each(|task| task.word().wake());
        self.hold_timers();
    }

    /// Timers run while there is one whom they may concern.
    fn hold_timers(&self) {
        let containers: Vec<_> = self.containers.lock().iter().filter_map(Weak::upgrade).collect();
        self.timers().hold(containers.iter().all(|container| container.is_paused()));
    }
}
