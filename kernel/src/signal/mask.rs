//! Blocked signals: `rt_sigprocmask(2)`, `rt_sigsuspend(2)`; actions: `rt_sigaction(2)`.

use crate::signal::actions::Actions;
use crate::signal::state::{Signals, Thread};
use crate::task::{CurrentTask, Task, ThreadGroup};
use abi::Errno;
use abi::signal::{NSIG, SIGKILL, SIGSTOP, SigAction, SigSet};
use std::sync::Arc;
use sync::Fail;

impl CurrentTask {
    /// Signals that it blocks.
    pub fn signal_mask(&self) -> SigSet {
        self.task().signal_mask()
    }

    /// Blocks exactly these, but for SIGKILL and SIGSTOP.
    pub fn set_signal_mask(&mut self, mask: SigSet) {
        let serial = self.task().serial();
        let mut signals = self.group().signals.lock();
        signals.set_mask(serial, mask);
        signals.settle(serial);
        if signals.wants_attention(serial) {
            self.task().interrupt();
        }
    }

    /// Makes a call that blocks other signals while it sleeps (`ppoll`, `pselect`, `epoll_pwait`): `mask` holds
    /// until it is over. When it was interrupted, the old mask returns after the handler.
    pub fn with_signal_mask<T>(
        &mut self,
        mask: Option<SigSet>,
        call: impl FnOnce(&mut Self) -> Result<T, Fail>,
    ) -> Result<T, Fail> {
        let Some(mask) = mask else { return call(self) };
        self.suspend_with(mask);
        let result = call(self);
        let is_interrupted = matches!(result, Err(Fail::Interrupted(_) | Fail::Errno(Errno::EINTR)));
        if !is_interrupted {
            self.restore_saved_mask();
        }
        result
    }

    /// Sets a mask that holds until the next handler has run: `rt_sigsuspend(2)`. The call must end `Interrupted`
    /// or with `EINTR`.
    pub fn suspend_with(&mut self, mask: SigSet) {
        let old = self.signal_mask();
        self.saved_mask.get_or_insert(old);
        self.set_signal_mask(mask);
    }

    /// Back to the mask that was set aside, if one was.
    pub(crate) fn restore_saved_mask(&mut self) {
        if let Some(mask) = self.saved_mask.take() {
            self.set_signal_mask(mask);
        }
    }
}

impl Signals {
    /// Sets what a thread blocks. Signals of the process that it blocks from now on go to others.
    pub(crate) fn set_mask(&mut self, serial: u64, mask: SigSet) {
        let Some(thread) = self.threads.get_mut(&serial) else { return };
        let old = thread.mask();
        thread.set_mask(mask);
        let new = thread.mask();
        self.retarget(serial, new.without(old));
    }

    /// Wakes other threads for signals of the process that a thread will not take.
    pub(crate) fn retarget(&self, serial: u64, signals: SigSet) {
        let mut left = self.shared.set().and(signals);
        if left.is_empty() {
            return;
        }
        for (&other, thread) in &self.threads {
            if other != serial && !thread.is_exiting && !left.without(thread.mask()).is_empty() {
                left = left.and(thread.mask());
                thread.task.interrupt();
            }
        }
    }

    /// Adds a thread with its mask. A stop under way is its too.
    pub(crate) fn add_thread(&mut self, task: &Arc<Task>, mask: SigSet) {
        let mut thread = Thread::new(task, mask);
        if matches!(self.stop, crate::signal::state::GroupStop::Stopping(_)) {
            thread.stop_signal = self.stop_signal();
            thread.stop = crate::signal::state::ThreadStop::Pending;
            task.interrupt();
        }
        if self.ending.is_some() || self.exec.is_some() {
            thread.is_exec_victim = self.exec.is_some();
            task.end_sleeps();
        }
        self.threads.insert(task.serial(), thread);
    }
}

impl ThreadGroup {
    /// What it does with signals.
    pub(crate) fn actions(&self) -> Arc<Actions> {
        self.signals.lock().actions.clone()
    }

    /// The action of a signal.
    pub fn action(&self, signal: u8) -> SigAction {
        self.actions().of(signal)
    }

    /// Sets the action of a signal; gives the old one. `EINVAL` for what is no signal, SIGKILL, SIGSTOP. Pending
    /// signals that are ignored from now on are forgotten.
    pub fn set_action(&self, signal: u8, action: SigAction) -> Result<SigAction, Errno> {
        if signal == 0 || signal > NSIG || matches!(signal, SIGKILL | SIGSTOP) {
            return Err(Errno::EINVAL);
        }
        let mask = action.mask.without(SigSet::UNBLOCKABLE);
        let mut signals = self.signals.lock();
        let old = signals.actions.set(signal, SigAction { mask, ..action });
        if signals.actions.ignores(signal) {
            signals.flush(SigSet::of(signal));
        }
        Ok(old)
    }

    /// Sets of ignored and of caught signals: /proc/PID/status.
    pub fn action_sets(&self) -> (SigSet, SigSet) {
        let actions = self.actions();
        let (mut ignored, mut caught) = (SigSet::EMPTY, SigSet::EMPTY);
        for signal in 1..=NSIG {
            match actions.of(signal).handler {
                abi::signal::SIG_IGN => ignored.insert(signal),
                abi::signal::SIG_DFL => {}
                _ => caught.insert(signal),
            }
        }
        (ignored, caught)
    }
}
