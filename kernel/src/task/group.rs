//! A process.

use crate::container::Container;
use crate::kernel::Kernel;
use crate::limits::Limits;
use crate::peaks::Peaks;
use crate::pid::Pid;
use crate::ptrace::Ptracer;
use crate::session::{ProcessGroup, Session};
use crate::signal::{Actions, Signals};
use crate::status::Status;
use crate::task::Task;
use crate::timers::ProcessTimers;
use crate::usage::Usage;
use abi::poll::Events;
use mm::Mm;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use sync::{EventCount, Mutex, Rank, WaitQueue};

/// A process: threads with one id, one set of signal handlers, one place in the tree.
pub struct ThreadGroup {
    kernel: Arc<Kernel>,
    /// That of its first thread; does not change.
    pid: Arc<Pid>,
    container: Arc<Container>,
    pub(crate) signals: Mutex<Signals>,
    /// A signal was queued for it or one of its threads: for signalfd.
    pub signal_events: WaitQueue,
    /// Something happened to one of its children: for the wait calls.
    pub(crate) child_events: WaitQueue,
    /// It became a zombie, or is gone: for pidfds.
    pub exit_events: WaitQueue,
    /// A thread of it left: for execve.
    pub(crate) thread_events: WaitQueue,
    /// `setitimer(2)`, `timer_create(2)`.
    pub timers: ProcessTimers,
    /// Resource limits.
    pub limits: Mutex<Limits>,
    /// What its dead threads and its reaped children have used.
    usage: Mutex<(Usage, Usage)>,
    /// Peaks of memory that it has left behind, and those of its reaped children.
    peaks: Mutex<(Peaks, Peaks)>,
    /// `oom_score_adj` of proc(5).
    pub oom_score_adj: AtomicI32,
    /// What those who may not lower it can set it to at least.
    pub oom_score_adj_min: AtomicI32,
    /// `PR_SET_DUMPABLE`.
    pub is_dumpable: AtomicBool,
    /// `PR_SET_PTRACER`.
    pub(crate) ptracer: Mutex<Ptracer>,
    /// `PR_SET_THP_DISABLE`.
    pub is_thp_disabled: AtomicBool,
    status: OnceLock<Status>,
    /// Its end.
    ended: EventCount,
}

impl ThreadGroup {
    pub(crate) fn new(
        kernel: &Arc<Kernel>,
        container: Arc<Container>,
        pid: Arc<Pid>,
        actions: Arc<Actions>,
        limits: Limits,
    ) -> Arc<Self> {
        Arc::new(Self {
            kernel: kernel.clone(),
            pid,
            container,
            signals: Mutex::new(Rank::Signals, Signals::new(actions)),
            signal_events: WaitQueue::new(),
            child_events: WaitQueue::new(),
            exit_events: WaitQueue::new(),
            thread_events: WaitQueue::new(),
            timers: ProcessTimers::default(),
            limits: Mutex::new(Rank::Leaf, limits),
            usage: Mutex::new(Rank::Leaf, Default::default()),
            peaks: Mutex::new(Rank::Leaf, Default::default()),
            oom_score_adj: AtomicI32::new(0),
            oom_score_adj_min: AtomicI32::new(0),
            is_dumpable: AtomicBool::new(true),
            ptracer: Mutex::new(Rank::Leaf, Ptracer::default()),
            is_thp_disabled: AtomicBool::new(false),
            status: OnceLock::new(),
            ended: EventCount::default(),
        })
    }

    /// Takes over what a child has of its parent's.
    pub(crate) fn inherit(self: &Arc<Self>, parent: &Self) {
        self.oom_score_adj.store(parent.oom_score_adj.load(SeqCst), SeqCst);
        self.oom_score_adj_min.store(parent.oom_score_adj_min.load(SeqCst), SeqCst);
        self.is_dumpable.store(parent.is_dumpable.load(SeqCst), SeqCst);
        self.is_thp_disabled.store(parent.is_thp_disabled.load(SeqCst), SeqCst);
        self.timers.watch_cpu_limit(self);
    }

    /// The machine.
    pub const fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    /// Its ids.
    pub const fn pid(&self) -> &Arc<Pid> {
        &self.pid
    }

    /// Where it and its ancestors came from.
    pub const fn container(&self) -> &Arc<Container> {
        &self.container
    }

    /// Soft limit `RLIMIT_*`; `u64::MAX` is none.
    pub fn limit(&self, resource: u32) -> u64 {
        self.limits.lock().soft(resource)
    }

    /// Its threads that run, sleep or are stopped.
    pub fn tasks(&self) -> Vec<Arc<Task>> {
        self.kernel.tree().tasks_of(self).cloned().collect()
    }

    /// All its threads in the tree, a dead leader included.
    pub fn all_tasks(&self) -> Vec<Arc<Task>> {
        let tree = self.kernel.tree();
        tree.node_of(self).into_iter().flat_map(|node| &node.threads).map(|thread| thread.task.clone()).collect()
    }

    /// The thread that has the process's id.
    pub fn leader(&self) -> Option<Arc<Task>> {
        self.kernel.tree().leader_of(self).cloned()
    }

    /// Its parent; `None` for the first process and what came from outside.
    pub fn parent(&self) -> Option<Arc<Self>> {
        let tree = self.kernel.tree();
        let parent = tree.node_of(self)?.parent?;
        Some(tree.node(parent)?.group.clone())
    }

    /// The other one is its parent.
    pub(crate) fn is_child_of(&self, other: &Self) -> bool {
        self.kernel.tree().node_of(self).is_some_and(|node| node.parent == Some(other.pid.root()))
    }

    /// Its children.
    pub fn children(&self) -> Vec<Arc<Self>> {
        let tree = self.kernel.tree();
        let ids = tree.node_of(self).into_iter().flat_map(|node| &node.children);
        ids.filter_map(|&id| Some(tree.node(id)?.group.clone())).collect()
    }

    /// Those of its children that one of its threads has, by having made them or by inheriting them.
    pub fn children_of(&self, thread: &Task) -> Vec<Arc<Self>> {
        let tree = self.kernel.tree();
        let ids = tree.node_of(self).into_iter().flat_map(|node| &node.children);
        let nodes = ids.filter_map(|&id| tree.node(id)).filter(|node| node.parent_thread == thread.serial());
        nodes.map(|node| node.group.clone()).collect()
    }

    /// Its process group; `None` when it is gone.
    pub fn process_group(&self) -> Option<Arc<ProcessGroup>> {
        Some(self.kernel.tree().node_of(self)?.process_group.clone())
    }

    /// Its session; `None` when it is gone.
    pub fn session(&self) -> Option<Arc<Session>> {
        self.kernel.tree().session_of(self).cloned()
    }

    /// It made its session.
    pub fn is_session_leader(&self) -> bool {
        self.session().is_some_and(|session| session.id().root() == self.pid.root())
    }

    /// Its process group has no member whose parent is in the same session but another group.
    pub fn is_orphaned(&self) -> bool {
        let tree = self.kernel.tree();
        tree.node_of(self).is_none_or(|node| tree.is_orphaned(&node.process_group, None))
    }

    /// It has ended and waits to be reaped.
    pub fn is_zombie(&self) -> bool {
        self.kernel.tree().node_of(self).is_some_and(|node| node.zombie.is_some())
    }

    /// `PR_SET_CHILD_SUBREAPER`.
    pub fn is_subreaper(&self) -> bool {
        self.kernel.tree().node_of(self).is_some_and(|node| node.is_subreaper)
    }

    /// `PR_SET_CHILD_SUBREAPER`.
    pub fn set_subreaper(&self, set: bool) {
        if let Some(node) = self.kernel.tree().node_of_mut(self) {
            node.is_subreaper = set;
        }
    }

    /// What its threads have used, dead and alive.
    pub fn usage(&self) -> Usage {
        let tasks = self.all_tasks();
        let mut usage = self.usage.lock().0;
        for task in tasks {
            usage.add(&task.usage());
        }
        usage
    }

    /// What its children that it waited for, and theirs, have used.
    pub fn child_usage(&self) -> Usage {
        self.usage.lock().1
    }

    pub(crate) fn add_thread_usage(&self, usage: &Usage) {
        self.usage.lock().0.add(usage);
    }

    pub(crate) fn add_child_usage(&self, usage: &Usage) {
        self.usage.lock().1.add(usage);
    }

    /// It leaves its memory behind, which nobody else has.
    pub(crate) fn note_end_of(&self, mm: &Mm) {
        self.peaks.lock().0.add(mm.space().peak());
    }

    /// Peaks of memory that it has left behind.
    pub fn peaks(&self) -> Peaks {
        self.peaks.lock().0.clone()
    }

    /// Peaks of its children that it waited for, and theirs.
    pub fn child_peaks(&self) -> Peaks {
        self.peaks.lock().1.clone()
    }

    /// Peaks of a child that it waited for.
    pub(crate) fn add_child_peaks(&self, peaks: &Peaks) {
        self.peaks.lock().1.merge(peaks);
    }

    /// Dead threads' and children's use, without those that live: for those who hold the tree.
    pub(crate) fn past_usage(&self) -> (Usage, Usage) {
        *self.usage.lock()
    }

    /// How it ended; `None` while it has not.
    pub fn status(&self) -> Option<Status> {
        self.status.get().copied()
    }

    /// Blocks the calling host thread, one that is no task, until the process has ended.
    pub fn wait_exit(&self) -> Status {
        loop {
            let before = self.ended.read();
            if let Some(status) = self.status() {
                return status;
            }
            self.ended.await_more(before, None);
        }
    }

    /// Tells the world that it has ended.
    pub(crate) fn publish(&self, status: Status) {
        // A process ends once.
        let _ = self.status.set(status);
        self.ended.advance();
        self.exit_events.notify(Events::IN | Events::RDNORM);
    }
}

impl fmt::Debug for ThreadGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ThreadGroup({})", self.pid.root())
    }
}
