//! The signals of one process and its threads: pending, blocked, stops, the decision to end.

use crate::dump::Gathering;
use crate::ptrace::{Trace, Trap};
use crate::signal::actions::{Actions, Default, default_of};
use crate::signal::queue::{Queue, Taken};
use crate::status::Status;
use crate::task::Task;
use abi::signal::{SIG_DFL, SIGKILL, SIGSTOP, SigSet};
use platform::Kicker;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether and how far a process is stopped by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupStop {
    Running,
    /// Some threads have not stopped yet.
    Stopping(u8),
    Stopped(u8),
}

/// A thread's part in a stop of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThreadStop {
    Running,
    /// It is to stop.
    Pending,
    Stopped,
}

/// The signals of one thread.
pub(crate) struct Thread {
    pub(crate) task: Arc<Task>,
    pub(crate) pending: Queue,
    mask: SigSet,
    /// Where the mask lies instead while the thread has a stub, which changes it too.
    stub: Option<Kicker>,
    /// What `sigtimedwait(2)` waits for, though it is blocked.
    pub(crate) awaited: SigSet,
    pub(crate) stop: ThreadStop,
    /// The signal that it last stopped for with its process.
    pub(crate) stop_signal: u8,
    /// It took a stopping signal and SIGCONT has not come since.
    pub(crate) has_taken_stop: bool,
    /// It takes no more signals.
    pub(crate) is_exiting: bool,
    /// It is past the point where it takes part in a core dump.
    pub(crate) is_leaving: bool,
    /// Another thread's execve ends it.
    pub(crate) is_exec_victim: bool,
    /// What its tracer asked for.
    pub(crate) trace: Option<Trace>,
    /// It is stopped for its tracer, or about to go on.
    pub(crate) trap: Option<Trap>,
}

impl Thread {
    pub(crate) fn new(task: &Arc<Task>, mask: SigSet) -> Self {
        Self {
            task: task.clone(),
            pending: Queue::default(),
            mask,
            stub: None,
            awaited: SigSet::EMPTY,
            stop: ThreadStop::Running,
            stop_signal: SIGSTOP,
            has_taken_stop: false,
            is_exiting: false,
            is_leaving: false,
            is_exec_victim: false,
            trace: None,
            trap: None,
        }
    }
}

impl Thread {
    /// What it blocks.
    pub(crate) fn mask(&self) -> SigSet {
        match &self.stub {
            Some(stub) => SigSet(stub.signal_mask()).without(SigSet::UNBLOCKABLE),
            None => self.mask,
        }
    }

    /// Sets what it blocks.
    pub(crate) fn set_mask(&mut self, mask: SigSet) {
        self.mask = mask.without(SigSet::UNBLOCKABLE);
        if let Some(stub) = &self.stub {
            stub.set_signal_mask(self.mask.0);
        }
    }

    /// Its mask lies with this stub from now on, or with none.
    fn share_mask(&mut self, stub: Option<Kicker>) {
        let mask = self.mask();
        self.stub = stub;
        self.set_mask(mask);
        self.expect_signals(true);
    }

    /// While signals may wait for it, it changes its mask by calls that the sentry sees.
    pub(crate) fn expect_signals(&self, wait: bool) {
        if let Some(stub) = &self.stub {
            stub.set_signals_wait(wait);
        }
    }
}

impl Task {
    /// What it blocks lies with this stub from now on, or with none.
    pub(crate) fn share_signal_mask(&self, stub: Option<Kicker>) {
        if let Some(thread) = self.group().signals.lock().threads.get_mut(&self.serial()) {
            thread.share_mask(stub);
        }
    }
}

/// What the parent is to be told of a stop or continuation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    Stopped,
    Continued,
}

/// The signals of one process and its threads.
pub struct Signals {
    pub(crate) actions: Arc<Actions>,
    pub(crate) shared: Queue,
    /// By serial number.
    pub(crate) threads: BTreeMap<u64, Thread>,
    pub(crate) stop: GroupStop,
    /// It ends, with this status.
    pub(crate) ending: Option<Status>,
    /// It leaves a core dump.
    pub(crate) dump: Option<Arc<Gathering>>,
    /// The thread whose execve ends the others.
    pub(crate) exec: Option<u64>,
    /// A stop that nobody has waited for.
    pub(crate) stop_report: Option<u8>,
    /// A continuation that nobody has waited for.
    pub(crate) continue_report: bool,
    /// The parent does not know yet.
    pub(crate) notice: Option<Notice>,
    /// An init of a pid namespace: signals without a handler do nothing.
    pub(crate) is_unkillable: bool,
    /// Signals that went to several processes at once, of which this is one, under the tree's lock. A fork that one of
    /// them overtakes begins again, so that the child is not left out.
    pub(crate) sent_to_many: u64,
}

impl Signals {
    pub(crate) fn new(actions: Arc<Actions>) -> Self {
        Self {
            actions,
            shared: Queue::default(),
            threads: BTreeMap::new(),
            stop: GroupStop::Running,
            ending: None,
            dump: None,
            exec: None,
            stop_report: None,
            continue_report: false,
            notice: None,
            is_unkillable: false,
            sent_to_many: 0,
        }
    }

    /// Signals that a thread blocks.
    pub(crate) fn mask(&self, serial: u64) -> SigSet {
        self.threads.get(&serial).map_or(SigSet::EMPTY, Thread::mask)
    }

    pub(crate) fn is_blocked_or_ignored(&self, serial: u64, signal: u8) -> bool {
        self.mask(serial).has(signal) || self.actions.of(signal).handler == abi::signal::SIG_IGN
    }

    /// The thread is stopped with its process.
    pub(crate) fn is_stopped(&self, serial: u64) -> bool {
        self.ending.is_none()
            && self.threads.get(&serial).is_some_and(|t| t.stop != ThreadStop::Running && !t.is_exec_victim)
    }

    /// The process is stopped as a whole.
    pub(crate) const fn is_group_stopped(&self) -> bool {
        matches!(self.stop, GroupStop::Stopped(_))
    }

    /// Without a handler in the way the signal ends the process at once.
    pub(crate) fn is_fatal(&self, signal: u8) -> bool {
        if signal == SIGKILL {
            return true;
        }
        self.actions.of(signal).handler == SIG_DFL && !self.is_unkillable && default_of(signal) == Default::Terminate
    }

    /// The signal does nothing whatever thread gets it. `force`: it comes from outside of the namespace.
    pub(crate) fn is_ignored(&self, serial: u64, signal: u8, force: bool) -> bool {
        if self.mask(serial).has(signal) || (self.is_traced(serial) && signal != SIGKILL) {
            return false;
        }
        self.is_harmless(signal, force)
    }

    /// Another thread traces this one, and wants to know of its signals.
    pub(crate) fn is_traced(&self, serial: u64) -> bool {
        self.threads.get(&serial).is_some_and(|thread| thread.trace.is_some())
    }

    /// What is pending for one thread alone.
    pub(crate) fn pending_of(&self, serial: u64) -> Option<&Queue> {
        self.threads.get(&serial).map(|thread| &thread.pending)
    }

    /// The signal that the process stops or is stopped for; 0 while it runs.
    pub(crate) const fn stop_signal(&self) -> u8 {
        match self.stop {
            GroupStop::Stopping(signal) | GroupStop::Stopped(signal) => signal,
            GroupStop::Running => 0,
        }
    }

    /// By its action, by default, or because an init is protected.
    pub(crate) fn is_harmless(&self, signal: u8, force: bool) -> bool {
        let must_act = force && matches!(signal, SIGKILL | SIGSTOP);
        if self.is_unkillable && self.actions.of(signal).handler == SIG_DFL && !must_act {
            return true;
        }
        self.actions.ignores(signal)
    }

    /// Forgets pending signals everywhere.
    pub(crate) fn flush(&mut self, signals: SigSet) {
        self.shared.flush(signals);
        for thread in self.threads.values_mut() {
            thread.pending.flush(signals);
        }
    }

    /// Forgets signals of POSIX timers, which execve deletes.
    pub(crate) fn flush_timers(&mut self) {
        self.shared.flush_timers();
        for thread in self.threads.values_mut() {
            thread.pending.flush_timers();
        }
    }

    /// Takes the next signal of `wanted` for a thread: its own first, synchronous ones above all.
    pub(crate) fn take(&mut self, serial: u64, wanted: SigSet) -> Option<Taken> {
        let own = self.threads.get_mut(&serial)?;
        own.pending.take(wanted).or_else(|| self.shared.take(wanted))
    }

    /// What a thread could take.
    pub(crate) fn pending(&self, serial: u64) -> SigSet {
        let own = self.threads.get(&serial).map_or(SigSet::EMPTY, |thread| thread.pending.set());
        own.or(self.shared.set())
    }

    /// Something waits for the thread that its mask lets through, or a stop or its end.
    pub(crate) fn wants_attention(&self, serial: u64) -> bool {
        let Some(thread) = self.threads.get(&serial) else { return false };
        self.ending.is_some()
            || thread.is_exec_victim
            || thread.stop != ThreadStop::Running
            || thread.trace.as_ref().is_some_and(Trace::wants_trap)
            || !self.pending(serial).without(thread.mask()).is_empty()
    }

    /// A thread has seen to what its mask lets through: does something wait behind it?
    pub(crate) fn settle(&self, serial: u64) {
        if let Some(thread) = self.threads.get(&serial) {
            thread.expect_signals(!self.pending(serial).is_empty());
        }
    }

    /// Decides the end of the process: every thread is told. The first decision counts.
    pub(crate) fn end(&mut self, status: Status) {
        self.ending.get_or_insert(status);
        self.stop = GroupStop::Running;
        for thread in self.threads.values_mut() {
            thread.stop = ThreadStop::Running;
            thread.task.end_sleeps();
        }
    }
}
