//! A stub thread, and what others than its owner may do to it.

use super::process::Process;
use super::slot::SlotRef;
use super::times::Times;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicI32,
    Ordering::{Relaxed, Release, SeqCst},
};
use std::time::Duration;
use sync::{Mutex, Rank};

/// Host signal that gets a thread out of application code.
pub(super) const KICK: i32 = libc::SIGUSR1;
/// A stub thread in its slot.
#[derive(Debug)]
pub(super) struct Thread {
    pub(super) process: Arc<Process>,
    pub(super) index: u32,
    pub(super) tid: AtomicI32,
    /// It runs application code, or is about to.
    in_app: AtomicBool,
    /// The application chose its processors. Locked while its host thread's are changed.
    is_confined: Mutex<bool>,
    times: Times,
}

impl Thread {
    pub(super) fn new(process: Arc<Process>, index: u32, tid: i32) -> Arc<Self> {
        let (tid, in_app) = (AtomicI32::new(tid), AtomicBool::new(false));
        let is_confined = Mutex::new(Rank::Leaf, false);
        let thread = Arc::new(Self { process, index, tid, in_app, is_confined, times: Times::new() });
        thread.process.add_thread(&thread);
        thread
    }

    /// Its host thread was made by that of `parent`.
    pub(super) fn inherit(&self, parent: &Self) {
        let is_confined = *parent.is_confined.lock();
        *self.is_confined.lock() = is_confined;
    }

    /// Wakes its host thread, which sleeps, by `wake`: on `cpu`, the caller's own, if it may run there.
    pub(super) fn rouse_on(&self, cpu: usize, wake: &dyn Fn()) {
        let is_confined = self.is_confined.lock();
        if *is_confined {
            wake();
        } else {
            self.process.shared.cores.wake_here(self.tid.load(Relaxed), cpu, wake);
        }
    }

    pub(super) fn slot(&self) -> SlotRef<'_> {
        self.process.slots.slot(self.index)
    }

    /// It runs application code, or is about to.
    pub(super) fn is_in_app(&self) -> bool {
        self.in_app.load(SeqCst)
    }

    /// It is in application code, and does not sleep in a host call.
    pub(super) fn is_running(&self) -> bool {
        self.is_in_app() && self.slot().sleeps.load(SeqCst) == 0
    }

    /// It goes to application code, as soon as the gate is open.
    pub(super) fn enter_app(&self) {
        loop {
            self.in_app.store(true, SeqCst);
            if !self.process.is_gate_closed() {
                return;
            }
            self.in_app.store(false, SeqCst);
            std::thread::yield_now();
        }
    }

    /// It is back with the sentry.
    pub(super) fn leave_app(&self) {
        self.in_app.store(false, Release);
    }

    /// Gets it out of application code.
    pub(super) fn kick(&self) {
        let tid = self.tid.load(Relaxed);
        if tid != 0 && !self.process.is_gone() {
            // SAFETY: sends a signal; a number that has no thread any more is an error without effect.
            unsafe { libc::syscall(libc::SYS_tgkill, self.process.pid, tid, KICK) };
        }
    }
}

/// Gets a guest thread out of application code, and tells of its use of the processor.
#[derive(Clone, Debug)]
pub struct Kicker(pub(super) Arc<Thread>);

impl Kicker {
    /// [`crate::Context::run`] returns soon (at the latest with a spurious [`crate::Exit::Interrupt`]).
    pub fn kick(&self) {
        self.0.kick();
    }

    /// From now on its stub answers nothing itself: [`crate::Context::set_local`], from another thread.
    pub fn ask_always(&self) {
        self.0.slot().asks_always.store(1, Relaxed);
    }

    /// Head of the application's list of robust futexes, or 0: any value is possible.
    pub fn robust_list(&self) -> u64 {
        self.0.slot().robust_list.load(Relaxed)
    }

    /// Signals that the application blocks, which its stub changes too: any value is possible.
    pub fn signal_mask(&self) -> u64 {
        self.0.slot().signal_mask.load(SeqCst)
    }

    /// Sets what it blocks.
    pub fn set_signal_mask(&self, mask: u64) {
        self.0.slot().signal_mask.store(mask, SeqCst);
    }

    /// While signals wait, it changes what it blocks by a call that the sentry sees. Who queues a signal sets this
    /// before it looks at the mask: then either the mask is the new one, or the call that makes it so comes.
    pub fn set_signals_wait(&self, wait: bool) {
        self.0.slot().signals_wait.store(wait.into(), SeqCst);
    }

    /// It sleeps in a host call that the application made.
    pub fn is_asleep(&self) -> bool {
        let process = &self.0.process;
        self.0.is_in_app()
            && self.0.slot().sleeps.load(Relaxed) != 0
            && super::times::is_asleep(process.shared.reaper.proc(), process.pid, self.0.tid.load(Relaxed))
    }

    /// How often it has slept so.
    pub fn sleeps(&self) -> u64 {
        self.0.slot().sleep_count.load(Relaxed).into()
    }

    /// Lets the host thread run on these processors of the sandbox alone: bit n of the words for processor n.
    pub fn set_affinity(&self, words: &[u64]) {
        let tid = self.0.tid.load(Relaxed);
        if tid != 0 && !self.0.process.is_gone() {
            let mut is_confined = self.0.is_confined.lock();
            *is_confined = self.0.process.shared.cores.confine(tid, words);
        }
    }

    /// Processor time that the host thread has used: in application code, in the host on its behalf.
    pub fn cpu_time(&self) -> (Duration, Duration) {
        let tid = self.0.tid.load(Relaxed);
        self.0.times.read(&self.0.process, tid)
    }
}
