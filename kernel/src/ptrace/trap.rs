//! Stops of a tracee.

use crate::ptrace::{Image, Resume, Trap};
use crate::signal::{Notice, ThreadStop};
use crate::task::{CurrentTask, Stop, Task, restart};
use abi::poll::Events;
use abi::signal::{ActionFlags, CLD_STOPPED, CLD_TRAPPED, SIG_IGN, SIGCHLD, SIGTRAP, SigInfo};

/// How a stop ended.
pub(crate) struct Ended {
    /// The signal that the task goes on with; 0 is none.
    pub(crate) signal: i32,
    /// What the tracer made of the signal's information.
    pub(crate) info: Option<SigInfo>,
}

impl CurrentTask {
    /// Stops for the tracer as `ptrace_notify` of Linux does: a SIGTRAP with `code` for its information. The signal
    /// that the task goes on with; 0 is none, also when it did not stop.
    pub(crate) fn trap_with(&mut self, code: i32, message: u64) -> i32 {
        let info = self.trap_info(SIGTRAP, code);
        self.trap(Trap::new(code, Some(info), message), CLD_TRAPPED).map_or(0, |ended| ended.signal)
    }

    /// A signal's information as stops that are no signals show it.
    pub(crate) fn trap_info(&self, signal: u8, code: i32) -> SigInfo {
        SigInfo::sent(signal, code, self.task().pid().own(), self.creds().uid)
    }

    /// Stops for the tracer; `why` is the code of its SIGCHLD. `None`: there is no tracer, or the task dies.
    pub(crate) fn trap(&mut self, mut trap: Trap, why: i32) -> Option<Ended> {
        let serial = self.task().serial();
        // What a tracer sees and steps through is the program's own text.
        self.mm().show_text();
        self.context.settle_memory();
        trap.image = self.lend();
        let status = trap.code;
        let (tracer, completed, status) = {
            let mut signals = self.group().signals.lock();
            let thread = signals.threads.get_mut(&serial)?;
            let trace = thread.trace.as_mut().filter(|_| !self.task().word().is_killed())?;
            trace.wants_stop = false;
            trace.is_moving = false;
            trace.wants_notice &= !trap.is_event_stop();
            let tracer = trace.tracer.clone();
            thread.trap = Some(trap);
            let takes_part = why == CLD_STOPPED && thread.stop == ThreadStop::Pending;
            if takes_part {
                thread.stop = ThreadStop::Running;
            }
            let completed = takes_part && signals.finish_stop();
            (tracer, completed, if why == CLD_STOPPED { signals.stop_signal().into() } else { status & 0x7f })
        };
        self.tell_tracer(&tracer, why, status);
        if completed && !self.group().is_child_of(tracer.group()) {
            self.group().tell_parent(Notice::Stopped);
        }
        self.wait_stop(&Stop::Ptrace);
        let trap = {
            let mut signals = self.group().signals.lock();
            let trap = signals.threads.get_mut(&serial).and_then(|thread| thread.trap.take());
            if signals.wants_attention(serial) {
                self.task().interrupt();
            }
            trap?
        };
        self.take_back(&trap.image, trap.over.map_or(Resume::Cont, |(_, how)| how));
        Some(Ended { signal: trap.over.map_or(trap.code, |(signal, _)| signal), info: trap.info })
    }

    /// What the tracer may look at and change.
    fn lend(&self) -> Image {
        Image { regs: *self.regs(), debug: self.debug, saved_mask: self.saved_mask, rseq: self.context.rseq() }
    }

    /// Goes on with what the tracer left.
    fn take_back(&mut self, image: &Image, how: Resume) {
        *self.regs_mut() = image.regs;
        self.saved_mask = image.saved_mask;
        self.debug.adopt(&image.debug);
        self.step.set(how);
        self.tell_stub();
        self.interrupted = restart::pending(self.regs());
    }

    /// SIGCHLD for a stop, and the end of its wait call.
    fn tell_tracer(&self, tracer: &Task, code: i32, status: i32) {
        let group = tracer.group();
        let action = group.action(SIGCHLD);
        if action.handler != SIG_IGN && !action.flags().contains(ActionFlags::NOCLDSTOP) {
            let pid = self.task().pid().within(group.pid().namespace());
            group.send(SigInfo::child(SIGCHLD, code, pid, self.creds().uid, status, 0, 0));
        }
        group.child_events.notify(Events::IN);
    }

    /// Does what the tracer asks of a stopped tracee.
    pub(crate) fn answer_tracer(&mut self) {
        let serial = self.task().serial();
        let visit = {
            let mut signals = self.group().signals.lock();
            let trap = signals.threads.get_mut(&serial).and_then(|thread| thread.trap.as_mut());
            trap.and_then(|trap| trap.visit.take())
        };
        if let Some(visit) = visit {
            visit(self);
        }
    }

    /// It is stopped for its tracer.
    pub(crate) fn is_trapped(&self) -> bool {
        let signals = self.group().signals.lock();
        let Some(thread) = signals.threads.get(&self.task().serial()) else { return false };
        let is_called = thread.trace.as_ref().is_some_and(crate::ptrace::Trace::wants_trap);
        thread.trap.as_ref().is_some_and(|trap| trap.over.is_none() && !(trap.is_listening && is_called))
    }
}
