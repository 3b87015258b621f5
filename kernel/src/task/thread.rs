//! A thread as others see it.

use crate::futex::Identity;
use crate::ipc::UndoList;
use crate::kernel::Kernel;
use crate::pid::{Pid, PidNamespace};
use crate::sched::CpuSet;
use crate::seccomp::Slot;
use crate::task::{Attributes, Live, Program, ThreadGroup, Work};
use crate::timens::Offsets;
use crate::usage::{TransferCounts, Usage};
use crate::user::ProcessCharge;
use platform::Kicker;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;
use sync::{Mutex, Rank, WaitWord};
use vfs::{Caller, Credentials, FdTable, FsContext};

/// A thread as others see it.
pub struct Task {
    serial: u64,
    kernel: Arc<Kernel>,
    group: Arc<ThreadGroup>,
    word: Arc<WaitWord>,
    /// Monotonic time of the host when it was made.
    start: Duration,
    /// Id in the root namespace, for those in a hurry.
    tid: AtomicI32,
    /// Changed only under the tree's lock.
    pid: Mutex<Arc<Pid>>,
    attributes: Mutex<Attributes>,
    live: Mutex<Option<Live>>,
    kicker: Mutex<Option<Kicker>>,
    /// Processor time of address spaces that it has left, and in the end of all.
    past: Mutex<Usage>,
    pub(crate) transfers: TransferCounts,
    /// Its clocks are not the host's: it is in a time namespace with offsets.
    has_own_time: AtomicBool,
    /// What it has done to semaphores with `SEM_UNDO`.
    undo: Mutex<Option<Arc<UndoList>>>,
    /// It as an owner of futexes.
    futex_identity: Mutex<Arc<Identity>>,
    charge: Mutex<Option<ProcessCharge>>,
    /// Another thread traces it. Changes under the lock of its signals, as the next one.
    is_traced: AtomicBool,
    /// Its calls stop for its tracer.
    is_watched: AtomicBool,
    /// What decides about its calls.
    pub(crate) seccomp: Slot,
    pub(crate) work: Mutex<VecDeque<Work>>,
}

impl Task {
    /// A thread that does not run yet.
    pub(crate) fn new(group: &Arc<ThreadGroup>, pid: Arc<Pid>, attributes: Attributes, live: Live) -> Arc<Self> {
        let kernel = group.kernel().clone();
        let charge = kernel.user(attributes.creds.uid).count_process();
        let serial = kernel.new_serial();
        let identity = Identity::new(serial, pid.own());
        Arc::new(Self {
            serial: kernel.new_serial(),
            kernel,
            group: group.clone(),
            word: Arc::new(WaitWord::new()),
            start: sync::now(sync::Clock::Monotonic),
            tid: AtomicI32::new(pid.root()),
            pid: Mutex::new(Rank::Leaf, pid),
            attributes: Mutex::new(Rank::Task, attributes),
            live: Mutex::new(Rank::Task, Some(live)),
            kicker: Mutex::new(Rank::Leaf, None),
            past: Mutex::new(Rank::Leaf, Usage::default()),
            transfers: TransferCounts::default(),
            has_own_time: AtomicBool::new(false),
            undo: Mutex::new(Rank::Ipc, None),
            futex_identity: Mutex::new(Rank::Leaf, identity),
            charge: Mutex::new(Rank::Leaf, Some(charge)),
            is_traced: AtomicBool::new(false),
            is_watched: AtomicBool::new(false),
            seccomp: Slot::new(),
            work: Mutex::new(Rank::Leaf, VecDeque::new()),
        })
    }

    /// The thread behind a caller of the vfs.
    pub fn of(caller: &Caller) -> Option<&Self> {
        let process: &dyn std::any::Any = &*caller.process;
        process.downcast_ref()
    }

    /// A number that no other thread of the sandbox ever had; it does not change.
    pub const fn serial(&self) -> u64 {
        self.serial
    }

    /// The machine.
    pub const fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    /// Its process.
    pub const fn group(&self) -> &Arc<ThreadGroup> {
        &self.group
    }

    /// What it sleeps on.
    pub const fn word(&self) -> &Arc<WaitWord> {
        &self.word
    }

    /// Monotonic time of the host when it was made.
    pub const fn start_time(&self) -> Duration {
        self.start
    }

    /// Its ids. A thread that calls execve gets those of its process's first thread.
    pub fn pid(&self) -> Arc<Pid> {
        self.pid.lock().clone()
    }

    /// Id in the root namespace.
    pub fn tid(&self) -> i32 {
        self.tid.load(SeqCst)
    }

    /// Id as a namespace sees it; 0 when it does not.
    pub fn tid_in(&self, namespace: &PidNamespace) -> i32 {
        self.pid().within(namespace)
    }

    pub(crate) fn set_pid(&self, pid: Arc<Pid>) {
        self.tid.store(pid.root(), SeqCst);
        self.renew_futex_identity(pid.own());
        *self.pid.lock() = pid;
    }

    /// It as an owner of PI futexes.
    pub fn futex_identity(&self) -> Arc<Identity> {
        self.futex_identity.lock().clone()
    }

    /// It owns nothing any more, and may have another id: execve.
    pub(crate) fn renew_futex_identity(&self, tid: i32) {
        *self.futex_identity.lock() = Identity::new(self.serial, tid);
    }

    /// Its list of adjustments of semaphores, made when asked for first.
    pub fn undo(&self) -> Arc<UndoList> {
        self.undo.lock().get_or_insert_with(|| UndoList::new(self.group.pid().own())).clone()
    }

    /// Its list of adjustments of semaphores.
    pub fn undo_if_any(&self) -> Option<Arc<UndoList>> {
        self.undo.lock().clone()
    }

    /// Shares another list, or lets go of its own: the last one to do so undoes what is in it.
    pub(crate) fn set_undo(&self, undo: Option<Arc<UndoList>>) {
        let old = std::mem::replace(&mut *self.undo.lock(), undo);
        drop(old);
    }

    /// The pid namespace that it is in.
    pub fn pid_namespace(&self) -> Arc<PidNamespace> {
        self.group.pid().namespace().clone()
    }

    /// It has the id of its process.
    pub fn is_leader(&self) -> bool {
        self.tid() == self.group.pid().root()
    }

    /// Another thread traces it.
    pub fn is_traced(&self) -> bool {
        self.is_traced.load(Relaxed)
    }

    /// Its calls stop for its tracer.
    pub(crate) fn is_watched(&self) -> bool {
        self.is_watched.load(Relaxed)
    }

    /// Its calls stop from now on, or no longer.
    pub(crate) fn watch_calls(&self, watched: bool) {
        self.is_watched.store(watched, Relaxed);
    }

    /// Another thread traces it from now on, or no longer.
    pub(crate) fn set_traced(&self, traced: bool) {
        self.is_traced.store(traced, Relaxed);
        self.is_watched.store(false, Relaxed);
    }

    /// A copy of what it is.
    pub fn attributes(&self) -> Attributes {
        self.attributes.lock().clone()
    }

    /// Looks at or changes what it is. Credentials are changed by [`crate::CurrentTask::set_creds`].
    pub fn with_attributes<T>(&self, f: impl FnOnce(&mut Attributes) -> T) -> T {
        f(&mut self.attributes.lock())
    }

    /// Identity and rights.
    pub fn creds(&self) -> Arc<Credentials> {
        self.attributes.lock().creds.clone()
    }

    /// It is in a time namespace from now on, whose offsets stay.
    pub(crate) fn enter_time(&self) {
        let time = self.attributes.lock().namespaces.time.clone();
        self.has_own_time.store(time.enter() != Offsets::default(), Relaxed);
    }

    /// Its clocks are not the host's.
    pub fn has_own_time(&self) -> bool {
        self.has_own_time.load(Relaxed)
    }

    /// How far its clocks are ahead of the host's.
    pub fn clock_offsets(&self) -> Offsets {
        if self.has_own_time() { self.attributes.lock().namespaces.time.offsets() } else { Offsets::default() }
    }

    /// Counts it for another user.
    pub(crate) fn charge(&self, uid: u32) {
        let charge = self.kernel.user(uid).count_process();
        let old = self.charge.lock().replace(charge);
        drop(old);
    }

    /// Name, without its end.
    pub fn comm(&self) -> Vec<u8> {
        self.attributes.lock().comm().to_vec()
    }

    /// What it has while it lives; `None` for a zombie.
    pub fn live(&self) -> Option<Live> {
        self.live.lock().clone()
    }

    /// It still has memory and descriptors.
    pub fn is_live(&self) -> bool {
        self.live.lock().is_some()
    }

    /// Its memory, while it lives.
    pub fn mm(&self) -> Option<Arc<mm::Mm>> {
        self.live.lock().as_ref().map(|live| live.mm.clone())
    }

    /// The file whose program it runs, while it lives.
    pub fn program(&self) -> Option<Arc<Program>> {
        self.live.lock().as_ref().map(|live| live.program.clone())
    }

    /// Its descriptors, while it lives.
    pub fn fds(&self) -> Option<Arc<FdTable>> {
        self.live.lock().as_ref().map(|live| live.fds.clone())
    }

    /// Its root and working directory, while it lives.
    pub fn fs(&self) -> Option<Arc<FsContext>> {
        self.live.lock().as_ref().map(|live| live.fs.clone())
    }

    /// Shows `new` in the place of `old`, its memory, unless somebody else has that.
    pub(crate) fn replace_mm(&self, old: &Arc<mm::Mm>, new: &Arc<mm::Mm>) -> bool {
        let mut live = self.live.lock();
        let Some(live) = live.as_mut().filter(|live| Arc::ptr_eq(&live.mm, old)) else { return false };
        // The task's own, and this one: nobody can get another meanwhile.
        let is_alone = Arc::strong_count(old) == 2;
        if is_alone {
            live.mm = new.clone();
        }
        is_alone
    }

    /// Replaces what it has; gives the old one, to be dropped without locks held.
    pub(crate) fn set_live(&self, live: Option<Live>) -> Option<Live> {
        std::mem::replace(&mut *self.live.lock(), live)
    }

    /// Sets how it is got out of application code. The time used so far is kept.
    pub(crate) fn set_kicker(&self, kicker: Option<Kicker>) {
        if let (Some(kicker), Some(set)) = (&kicker, self.with_attributes(|attributes| attributes.sched.affinity)) {
            kicker.set_affinity(&set.0);
        }
        let old = std::mem::replace(&mut *self.kicker.lock(), kicker);
        if let Some(old) = old {
            let (user, system) = old.cpu_time();
            let mut past = self.past.lock();
            past.user += user;
            past.system += system;
        }
    }

    /// It sleeps, in the sentry or on the host.
    pub fn is_asleep(&self) -> bool {
        self.word.is_sleeping() || self.kicker.lock().as_ref().is_some_and(Kicker::is_asleep)
    }

    /// What it has used.
    pub fn usage(&self) -> Usage {
        let kicker = self.kicker.lock().clone();
        let mut usage = *self.past.lock();
        usage.voluntary += self.word.sleeps() + kicker.as_ref().map_or(0, Kicker::sleeps);
        usage.transfers = self.transfers.sum();
        if let Some(kicker) = kicker {
            let (user, system) = kicker.cpu_time();
            usage.user += user;
            usage.system += system;
        }
        usage
    }

    /// Adds to what it has used (time of the sentry on its behalf).
    pub fn add_usage(&self, more: &Usage) {
        self.past.lock().add(more);
    }

    /// Processors that it may run on, as it sees them: `sched_getaffinity(2)`.
    pub fn affinity(&self) -> CpuSet {
        let all = self.group().container().cpus();
        self.with_attributes(|attributes| attributes.sched.affinity).map_or(all, |set| set.and(all))
    }

    /// Sets the processors that it may run on: `sched_setaffinity(2)`. `None`: all.
    pub fn set_affinity(&self, set: Option<CpuSet>) {
        self.with_attributes(|attributes| attributes.sched.affinity = set);
        if let Some(kicker) = &*self.kicker.lock() {
            kicker.set_affinity(&set.map_or([u64::MAX; CpuSet::WORDS], |set| set.0));
        }
    }

    /// Makes it look at its signals, stops and work.
    pub fn interrupt(&self) {
        if self.word.interrupt() {
            self.kick();
        }
    }

    /// Makes it look, and ends sleeps that only death may end.
    pub(crate) fn end_sleeps(&self) {
        if self.word.kill() {
            self.kick();
        }
    }

    fn kick(&self) {
        if let Some(kicker) = &*self.kicker.lock() {
            kicker.kick();
        }
    }

    /// Head of its list of robust futexes; 0 is none.
    pub fn robust_list(&self) -> u64 {
        self.kicker.lock().as_ref().map_or(0, Kicker::robust_list)
    }

    /// Its stub asks about every call from now on.
    pub(crate) fn ask_always(&self) {
        if let Some(kicker) = &*self.kicker.lock() {
            kicker.ask_always();
        }
    }

    /// It gives up what counts for its user.
    pub(crate) fn discharge(&self) {
        let charge = self.charge.lock().take();
        drop(charge);
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Task({})", self.tid())
    }
}
