//! What becomes of a call under filters.

use super::filter::Filter;
use super::slot::State;
use crate::ptrace::SeccompStop;
use crate::status::Status;
use crate::task::{CurrentTask, End};
use abi::Errno;
use abi::nr;
use abi::seccomp::{
    AUDIT_ARCH_X86_64, Data, MODE_STRICT, RET_ACTION_FULL, RET_ALLOW, RET_DATA, RET_ERRNO, RET_KILL_PROCESS,
    RET_KILL_THREAD, RET_LOG, RET_TRACE, RET_TRAP, RET_USER_NOTIF,
};
use abi::signal::{SIGKILL, SIGSYS, SigInfo};
use platform::Call;
use std::sync::Arc;
use sync::Fail;

/// Highest errno.
const MAX_ERRNO: u32 = 4095;

impl CurrentTask {
    /// Asks the filters about the call just made. `None`: it is made. Else what it comes to without being made; the
    /// thread may have been ended, or have got a signal.
    pub(crate) fn filter_call(&mut self) -> Option<Result<u64, Fail>> {
        if self.is_seccomp_suspended() {
            return None;
        }
        self.ask_filters(true)
    }

    /// As [`Self::filter_call`]. `may_ask`: the tracer has not been asked about this call yet.
    fn ask_filters(&mut self, may_ask: bool) -> Option<Result<u64, Fail>> {
        let Call { nr, args, .. } = *self.context.call();
        let state = self.seccomp.current(&self.task.seccomp);
        if state.filter.as_ref().is_some_and(|filter| filter.allows_always(nr)) {
            return None;
        }
        // All of the registers are looked at only here.
        let instruction_pointer = self.context.regs().rip;
        let data = Data { nr: nr.cast_signed(), arch: AUDIT_ARCH_X86_64, instruction_pointer, args };
        match state {
            State { mode: MODE_STRICT, .. } => self.filter_strictly(&data),
            State { filter: Some(filter), .. } => {
                let (result, by) = filter.evaluate(&data);
                let by = by.map_or_else(Wishes::default, Wishes::of);
                self.act_on(result, &data, &by, may_ask)
            }
            // There is no such state while a thread makes calls: nothing is let through.
            State { filter: None, .. } => self.act_on(RET_KILL_PROCESS, &data, &Wishes::default(), may_ask),
        }
    }

    /// Strict mode: four calls, any other ends the thread.
    fn filter_strictly(&mut self, data: &Data) -> Option<Result<u64, Fail>> {
        if matches!(data.nr.cast_unsigned(), nr::READ | nr::WRITE | nr::EXIT | nr::RT_SIGRETURN) {
            return None;
        }
        self.log_action(RET_KILL_THREAD, data, true);
        self.end = Some(End::Thread(Status::Signaled { signal: SIGKILL, core: false }));
        Some(Ok(0))
    }

    fn act_on(&mut self, result: u32, data: &Data, by: &Wishes, may_ask: bool) -> Option<Result<u64, Fail>> {
        let value = result & RET_DATA;
        let answer = match result & RET_ACTION_FULL {
            RET_ERRNO => Some(Ok(u64::from(value.min(MAX_ERRNO)).wrapping_neg())),
            RET_TRAP => Some(Ok(self.raise_sigsys(data, value))),
            RET_USER_NOTIF => self.ask_listener(by, data),
            RET_TRACE if may_ask => self.ask_tracer(value),
            RET_TRACE | RET_LOG | RET_ALLOW => None,
            action => Some(Ok(self.end_by_filter(action))),
        };
        self.log_action(result, data, by.is_logged);
        answer
    }

    /// `SIGSYS`; the handler sees the registers as they were when the call was made.
    fn raise_sigsys(&mut self, data: &Data, value: u32) -> u64 {
        let mut info = SigInfo::call(data.instruction_pointer, data.nr, AUDIT_ARCH_X86_64);
        info.errno = value.cast_signed();
        self.force_signal(info);
        self.regs().orig_rax
    }

    /// `SECCOMP_RET_TRACE`: a tracer that asked for `PTRACE_EVENT_SECCOMP` stops the thread here, with `message` for it,
    /// and may change the call, which the filters are then asked about once more. Without one the call does not exist.
    fn ask_tracer(&mut self, message: u32) -> Option<Result<u64, Fail>> {
        match self.stop_for_seccomp(message) {
            SeccompStop::Unwanted => Some(Err(Errno::ENOSYS.into())),
            SeccompStop::Skipped => Some(Ok(self.regs().rax)),
            SeccompStop::Goes => self.ask_filters(false),
        }
    }

    /// Ends the thread, or the process when it is its last or when the filter says so; no handler runs.
    fn end_by_filter(&mut self, action: u32) -> u64 {
        let group = self.group().clone();
        let others = group.signals.lock().threads.values().filter(|thread| !thread.is_exiting).count();
        if action == RET_KILL_THREAD && others > 1 {
            self.end = Some(End::Thread(Status::Signaled { signal: SIGSYS, core: false }));
        } else {
            group.end(Status::Signaled { signal: SIGSYS, core: group.dumps_core() });
            self.end = Some(End::Group);
        }
        self.regs().orig_rax
    }
}

/// What the filter that decided has beside its program.
#[derive(Default)]
pub(super) struct Wishes {
    is_logged: bool,
    pub(super) notifier: Option<Arc<super::notifier::Notifier>>,
}

impl Wishes {
    fn of(filter: &Filter) -> Self {
        Self { is_logged: filter.is_logged(), notifier: filter.notifier().cloned() }
    }
}
