//! Stops of signals and of job control.

use crate::ptrace::{Resume, Trace, Trap};
use crate::signal::{GroupStop, Signals, ThreadStop};
use crate::task::{CurrentTask, Task};
use abi::ptrace::EVENT_STOP;
use abi::signal::{CLD_STOPPED, CLD_TRAPPED, SI_USER, SIGTRAP, SigInfo};
use platform::Regs;
use std::sync::Arc;

impl CurrentTask {
    /// A signal is about to be delivered: the tracer decides. `None`: it is not delivered.
    pub(crate) fn stop_for_signal(&mut self, info: SigInfo) -> Option<SigInfo> {
        let Some(ended) = self.trap(Trap::new(info.signo, Some(info), 0), CLD_TRAPPED) else { return Some(info) };
        let signal = u8::try_from(ended.signal).ok().filter(|&signal| signal != 0)?;
        let mut info = ended.info.unwrap_or(info);
        if info.signal() != signal {
            let (pid, uid) = self.task().tracer().map_or((0, 0), |tracer| {
                (tracer.group().pid().within(self.group().pid().namespace()), tracer.creds().uid)
            });
            info = SigInfo::sent(signal, SI_USER, pid, uid);
        }
        if self.signal_mask().has(signal) || self.task().word().is_killed() {
            // It waits until it is no longer blocked.
            self.task().send(info);
            return None;
        }
        Some(info)
    }

    /// The process stops, goes on, or `PTRACE_INTERRUPT` was asked for.
    pub(crate) fn stop_for_jobs(&mut self) {
        let serial = self.task().serial();
        let (is_seized, signal) = {
            let signals = self.group().signals.lock();
            let Some(thread) = signals.threads.get(&serial) else { return };
            let is_seized = thread.trace.as_ref().is_some_and(|trace| trace.is_seized);
            let is_job = signals.stop != GroupStop::Running;
            (is_seized, if is_seized && !is_job { SIGTRAP } else { thread.stop_signal })
        };
        let trap = if is_seized {
            let code = i32::from(signal) | EVENT_STOP << 8;
            Trap::new(code, Some(self.trap_info(signal, code)), 0)
        } else {
            Trap::new(signal.into(), None, 0)
        };
        let _ = self.trap(trap, CLD_STOPPED);
    }
}

impl Signals {
    /// Begins to trace a thread.
    pub(crate) fn trace(&mut self, task: &Arc<Task>, trace: Trace) {
        if let Some(thread) = self.threads.get_mut(&task.serial()) {
            thread.trace = Some(trace);
            task.set_traced(true);
        }
    }

    /// Ends the tracing of a thread, which goes on if it was stopped: with `signal`, or with what it stopped for when
    /// nobody has seen that yet. When its process is stopped it stops for that.
    pub(crate) fn untrace(&mut self, serial: u64, signal: Option<i32>) {
        let is_stopping = self.stop != GroupStop::Running && self.ending.is_none();
        let Some(thread) = self.threads.get_mut(&serial) else { return };
        let old = thread.trace.take();
        thread.task.set_traced(false);
        if let Some(trap) = &mut thread.trap {
            trap.is_listening = false;
            let signal = signal.unwrap_or(trap.code);
            trap.over.get_or_insert((signal, Resume::Cont));
            thread.task.word().wake();
        }
        if is_stopping && !thread.is_exiting {
            thread.stop = ThreadStop::Pending;
            thread.task.interrupt();
        }
        drop(old);
    }
}

impl Task {
    /// Makes it look at its signals and stops, whether it runs, sleeps or is stopped.
    pub(crate) fn rouse(&self) {
        self.interrupt();
        self.word().wake();
    }

    /// The thread that traces it.
    pub fn tracer(&self) -> Option<Arc<Self>> {
        if !self.is_traced() {
            return None;
        }
        let signals = self.group().signals.lock();
        Some(signals.threads.get(&self.serial())?.trace.as_ref()?.tracer.clone())
    }

    /// Its registers, while it is stopped for its tracer.
    pub fn trapped_regs(&self) -> Option<Regs> {
        let signals = self.group().signals.lock();
        let trap = signals.threads.get(&self.serial())?.trap.as_ref()?;
        trap.over.is_none().then_some(trap.image.regs)
    }

    /// A wait call has reported its stop.
    pub(crate) fn clear_trap_code(&self) {
        let mut signals = self.group().signals.lock();
        if let Some(trap) = signals.threads.get_mut(&self.serial()).and_then(|thread| thread.trap.as_mut()) {
            trap.code = 0;
        }
    }

    /// It is stopped for its tracer: the state `t` of proc(5).
    pub fn is_trapped(&self) -> bool {
        if !self.is_traced() {
            return false;
        }
        let signals = self.group().signals.lock();
        let trap = signals.threads.get(&self.serial()).and_then(|thread| thread.trap.as_ref());
        trap.is_some_and(|trap| trap.over.is_none())
    }
}
