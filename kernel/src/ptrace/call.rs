//! Stops at calls: before, after, and for what happens in them.

use crate::pid::Pid;
use crate::ptrace::Trap;
use crate::ptrace::trace::Calls;
use crate::status::Status;
use crate::task::{CurrentTask, End, Stop};
use abi::Errno;
use abi::ptrace::{
    EVENT_CLONE, EVENT_EXEC, EVENT_EXIT, EVENT_FORK, EVENT_SECCOMP, EVENT_VFORK, EVENT_VFORK_DONE,
    EVENTMSG_SYSCALL_ENTRY, EVENTMSG_SYSCALL_EXIT, Options, event_code,
};
use abi::sched::CloneFlags;
use abi::signal::{CLD_TRAPPED, NSIG, SI_USER, SIGCHLD, SIGTRAP, SigInfo, TRAP_BRKPT};
use platform::Call;

/// Number of no call at all: -1 of an `int`.
const NO_CALL: u32 = u32::MAX;
/// Highest number that is not negative as an `int`.
const MAX_CALL: u32 = u32::MAX >> 1;

/// Something that a tracer may want to stop at: `PTRACE_EVENT_*` and its message.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    number: i32,
    message: u64,
}

/// What becomes of a call for which a seccomp program asks the tracer: `SECCOMP_RET_TRACE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SeccompStop {
    /// Nobody wants to know: the call is `ENOSYS`.
    Unwanted,
    /// The tracer has it skipped; `rax` is the result.
    Skipped,
    /// It is made, as registers say now; other seccomp actions apply to what the tracer made of it.
    Goes,
}

impl CurrentTask {
    /// Before a call of a task whose calls are watched. False: it is not made, and `rax` is the result.
    pub(crate) fn stop_at_entry(&mut self) -> bool {
        let Some((calls, is_marked)) = self.watched_calls() else { return true };
        self.regs_mut().rax = Errno::ENOSYS.to_return();
        self.stop_at_call(is_marked, EVENTMSG_SYSCALL_ENTRY);
        let nr = self.take_call();
        calls != Calls::Skip && nr != NO_CALL && !self.task().word().is_killed()
    }

    /// The call is what registers say after its tracer may have changed them; its number.
    fn take_call(&mut self) -> u32 {
        let regs = self.regs();
        let args = [regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9];
        let call = Call { nr: regs.orig_rax as u32, args, is_trapped: true };
        self.context.set_call(call);
        self.interrupted = None;
        call.nr
    }

    /// After a call: the step over it ends here, or its result is shown.
    pub(crate) fn stop_at_exit(&mut self) {
        let calls = self.watched_calls();
        if self.step.is_on() && calls.is_none_or(|(calls, _)| calls != Calls::Skip) {
            let rip = self.regs().rip;
            self.force_signal(SigInfo::fault(SIGTRAP, TRAP_BRKPT, rip));
        } else if let Some((Calls::Stop, is_marked)) = calls {
            self.stop_at_call(is_marked, EVENTMSG_SYSCALL_EXIT);
        }
    }

    /// What the tracer wants of calls, and that stops at them are to be marked; `None` when it wants nothing.
    fn watched_calls(&self) -> Option<(Calls, bool)> {
        let signals = self.group().signals.lock();
        let trace = signals.threads.get(&self.task().serial())?.trace.as_ref()?;
        (trace.calls != Calls::Run).then(|| (trace.calls, trace.options.contains(Options::TRACESYSGOOD)))
    }

    fn stop_at_call(&mut self, is_marked: bool, message: u64) {
        let signal = self.trap_with(i32::from(SIGTRAP) | if is_marked { 0x80 } else { 0 }, message);
        // The signal that the tracer goes on with is sent as any other.
        if let Ok(signal @ 1..=NSIG) = u8::try_from(signal) {
            self.task().send(SigInfo::kernel(signal));
        }
    }

    /// A seccomp program asks the tracer about the call that registers hold. `rax` is what a skipped call gives.
    pub(crate) fn stop_for_seccomp(&mut self, data: u32) -> SeccompStop {
        if !self.wants_event(EVENT_SECCOMP) {
            return SeccompStop::Unwanted;
        }
        self.regs_mut().rax = Errno::ENOSYS.to_return();
        self.stop_for_event(Event { number: EVENT_SECCOMP, message: data.into() });
        let is_skipped = self.take_call() > MAX_CALL || self.task().word().is_killed();
        if is_skipped { SeccompStop::Skipped } else { SeccompStop::Goes }
    }

    /// Its tracer has seccomp programs suspended: `PTRACE_O_SUSPEND_SECCOMP`.
    pub(crate) fn is_seccomp_suspended(&self) -> bool {
        self.task().is_traced() && self.trace_options().contains(Options::SUSPEND_SECCOMP)
    }

    /// Options of its tracer; none without.
    pub(crate) fn trace_options(&self) -> Options {
        let signals = self.group().signals.lock();
        let trace = signals.threads.get(&self.task().serial()).and_then(|thread| thread.trace.as_ref());
        trace.map_or(Options::empty(), |trace| trace.options)
    }

    /// The tracer wants to stop it for this event.
    pub(crate) fn wants_event(&self, number: i32) -> bool {
        self.task().is_traced() && self.trace_options().contains(Options::from_bits_retain(1 << number))
    }

    /// Stops for an event, when the tracer still wants to know.
    pub(crate) fn stop_for_event(&mut self, event: Event) {
        if self.wants_event(event.number) {
            let code = event_code(event.number);
            let info = self.trap_info(SIGTRAP, code);
            let _ = self.trap(Trap::new(code, Some(info), event.message), CLD_TRAPPED);
        }
    }

    /// The event that the making of a child is, when the tracer wants to know and so traces the child too.
    pub(crate) fn clone_event(&self, flags: CloneFlags, exit_signal: u8) -> Option<i32> {
        if flags.contains(CloneFlags::UNTRACED) {
            return None;
        }
        let number = if flags.contains(CloneFlags::VFORK) {
            EVENT_VFORK
        } else if exit_signal != SIGCHLD {
            EVENT_CLONE
        } else {
            EVENT_FORK
        };
        self.wants_event(number).then_some(number)
    }

    /// A child was made: stops that are due, with the wait for a vfork child between them.
    pub(crate) fn owe_clone_stops(&mut self, event: Option<i32>, child: &Pid, vfork: Option<Stop>) {
        let message = self.id_for_tracer(child);
        let event = event.map(|number| Stop::Event(Event { number, message }));
        let done = (vfork.is_some() && self.task().is_traced())
            .then_some(Stop::Event(Event { number: EVENT_VFORK_DONE, message }));
        self.stops.extend(event.into_iter().chain(vfork).chain(done));
    }

    /// A program was executed, by the thread that had the id `old`.
    pub(crate) fn owe_exec_stop(&mut self, old: &Pid) {
        if self.wants_event(EVENT_EXEC) {
            let message = self.id_for_tracer(old);
            self.stops.push_back(Stop::Event(Event { number: EVENT_EXEC, message }));
        } else if self.task().is_traced() && !self.is_seized() {
            // How tracers were told before there were events.
            self.task().send(self.trap_info(SIGTRAP, SI_USER));
        }
    }

    /// The task is about to end: `PTRACE_EVENT_EXIT`.
    pub(crate) fn stop_at_end(&mut self, end: End) {
        if !self.wants_event(EVENT_EXIT) {
            return;
        }
        let ending = self.group().signals.lock().ending;
        let status = match end {
            End::Thread(status) => status,
            End::Group => ending.unwrap_or(Status::Exited(0)),
        };
        // What kills it has been noticed. As Linux: no further SIGKILL gets through.
        self.task().word().survive();
        self.stop_for_event(Event { number: EVENT_EXIT, message: status.to_wait() as u64 });
    }

    fn is_seized(&self) -> bool {
        let signals = self.group().signals.lock();
        let trace = signals.threads.get(&self.task().serial()).and_then(|thread| thread.trace.as_ref());
        trace.is_some_and(|trace| trace.is_seized)
    }

    /// An id as the tracer sees it; 0 when it does not.
    fn id_for_tracer(&self, pid: &Pid) -> u64 {
        let tracer = self.task().tracer();
        tracer.map_or(0, |tracer| pid.within(tracer.group().pid().namespace())) as u64
    }
}
