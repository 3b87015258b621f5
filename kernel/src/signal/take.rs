//! Signals from the receiver's side: what a task does next about signals, stops and its end.

use crate::dump::Gathering;
use crate::kernel::RLIMIT_CORE;
use crate::ptrace::Trace;
use crate::signal::actions::{Default, default_of};
use crate::signal::state::{Notice, ThreadStop};
use crate::status::Status;
use crate::task::{CurrentTask, End, Stop, ThreadGroup};
use abi::Errno;
use abi::mm::PAGE_SIZE;
use abi::signal::{ActionFlags, SIG_DFL, SIG_IGN, SIGKILL, SIGSTOP, SigAction, SigInfo, SigSet};
use std::sync::atomic::Ordering::SeqCst;
use sync::{Deadline, Fail, Woken};

/// What a task is to do about signals before it returns to application code.
pub(crate) enum Attention {
    /// Nothing more.
    Nothing,
    /// Run a handler.
    Handler(SigInfo, SigAction),
    /// End.
    End(End),
}

impl CurrentTask {
    /// Takes signals until one has a handler or there are none; stops where it has to.
    pub(crate) fn next_signal(&mut self) -> Attention {
        let serial = self.task().serial();
        let group = self.group().clone();
        loop {
            let mut signals = group.signals.lock();
            if let Some(notice) = signals.notice.take() {
                drop(signals);
                group.tell_parent(notice);
                continue;
            }
            if signals.ending.is_some() {
                return Attention::End(End::Group);
            }
            let Some(thread) = signals.threads.get(&serial) else { return Attention::Nothing };
            if thread.is_exec_victim {
                return Attention::End(End::Thread(Status::Exited(0)));
            }
            let mask = thread.mask();
            let is_traced = thread.trace.is_some();
            if is_traced && (thread.stop != ThreadStop::Running || thread.trace.as_ref().is_some_and(Trace::wants_trap))
            {
                drop(signals);
                self.stop_for_jobs();
                continue;
            }
            if thread.stop != ThreadStop::Running {
                let is_complete = signals.park(serial);
                drop(signals);
                if is_complete {
                    group.tell_parent(Notice::Stopped);
                }
                self.wait_stop(&Stop::Group);
                continue;
            }
            let Some(taken) = signals.take(serial, SigSet::ALL.without(mask)) else {
                signals.settle(serial);
                return Attention::Nothing;
            };
            if let Some(thread) = signals.threads.get_mut(&serial) {
                thread.has_taken_stop |= is_traced || SigSet::STOPS.has(taken.info.signal());
            }
            drop(signals);
            let mut info = taken.finish();
            if is_traced && info.signal() != SIGKILL {
                let Some(wanted) = self.stop_for_signal(info) else { continue };
                info = wanted;
            }
            if let Some(attention) = self.take_action(info) {
                return attention;
            }
        }
    }

    /// Does what the action of a signal says; `None` when that is done.
    fn take_action(&self, info: SigInfo) -> Option<Attention> {
        let (signal, group) = (info.signal(), self.group());
        let mut signals = group.signals.lock();
        let action = signals.actions.of(signal);
        match action.handler {
            SIG_IGN => None,
            SIG_DFL => {
                let is_protected = signals.is_unkillable && !matches!(signal, SIGKILL | SIGSTOP);
                let is_core = match default_of(signal) {
                    _ if is_protected => return None,
                    Default::Ignore | Default::Continue => return None,
                    Default::Stop => {
                        drop(signals);
                        // SIGSTOP stops everything; the others do nothing to a group that nobody could continue.
                        if signal == SIGSTOP || !group.is_orphaned() {
                            group.signals.lock().start_stop(self.task().serial(), signal);
                        }
                        return None;
                    }
                    Default::Terminate => false,
                    Default::Core => group.dumps_core(),
                };
                if is_core && signals.ending.is_none() {
                    Gathering::call(&mut signals, self.task().serial(), info);
                }
                signals.end(Status::Signaled { signal, core: false });
                Some(Attention::End(End::Group))
            }
            _ => {
                if action.flags().contains(ActionFlags::RESETHAND) {
                    signals.actions.set(signal, SigAction { handler: SIG_DFL, ..action });
                }
                Some(Attention::Handler(info, action))
            }
        }
    }

    /// Takes a pending signal of `wanted` without a handler: `sigtimedwait(2)`, signalfd.
    pub fn take_signal(&self, wanted: SigSet) -> Option<SigInfo> {
        self.task().take_signal(wanted)
    }

    /// Waits for a signal of `wanted`, which are blocked: `rt_sigtimedwait(2)`. `EAGAIN` at the deadline, `EINTR`.
    pub fn wait_signal(&self, wanted: SigSet, deadline: Option<Deadline>) -> Result<SigInfo, Fail> {
        let wanted = wanted.without(SigSet::UNBLOCKABLE);
        let word = self.task().word();
        let result = loop {
            word.arm();
            self.set_awaited(wanted);
            if let Some(info) = self.take_signal(wanted) {
                break Ok(info);
            }
            match word.sleep(deadline) {
                Woken::Event => {}
                Woken::Interrupted => break self.take_signal(wanted).ok_or(Fail::Errno(Errno::EINTR)),
                Woken::TimedOut => break self.take_signal(wanted).ok_or(Fail::Errno(Errno::EAGAIN)),
            }
        };
        self.set_awaited(SigSet::EMPTY);
        result
    }

    fn set_awaited(&self, awaited: SigSet) {
        if let Some(thread) = self.group().signals.lock().threads.get_mut(&self.task().serial()) {
            thread.awaited = awaited;
        }
    }
}

impl ThreadGroup {
    /// A signal of that kind dumps a core.
    pub(crate) fn dumps_core(&self) -> bool {
        self.limit(RLIMIT_CORE) >= PAGE_SIZE && self.is_dumpable.load(SeqCst)
    }
}

impl crate::task::Task {
    /// Takes a pending signal of `wanted`, the thread's own or the process's, without a handler.
    pub fn take_signal(&self, wanted: SigSet) -> Option<SigInfo> {
        let taken = self.group().signals.lock().take(self.serial(), wanted)?;
        Some(taken.finish())
    }

    /// What is pending for it, its own and the process's.
    pub fn pending_signals(&self) -> SigSet {
        self.group().signals.lock().pending(self.serial())
    }

    /// Pending for it alone, and for the process: /proc/PID/status.
    pub fn pending_sets(&self) -> (SigSet, SigSet) {
        let signals = self.group().signals.lock();
        let own = signals.threads.get(&self.serial()).map_or(SigSet::EMPTY, |thread| thread.pending.set());
        (own, signals.shared.set())
    }

    /// What it blocks.
    pub fn signal_mask(&self) -> SigSet {
        self.group().signals.lock().mask(self.serial())
    }

    /// It is stopped with its process.
    pub fn is_stopped(&self) -> bool {
        let signals = self.group().signals.lock();
        signals.threads.get(&self.serial()).is_some_and(|thread| thread.stop == ThreadStop::Stopped)
    }
}
