//! The run loop of a task.

use crate::futex::HostWait;
use crate::process;
use crate::signal::Attention;
use crate::task::{CurrentTask, End, Stop, restart};
use abi::signal::{SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP, SigInfo};
use platform::{Exit, Fault};
use sync::Fail;

/// What a task does next.
enum Next {
    /// Run application code.
    App,
    /// Answer the call that it made.
    Syscall,
    /// See to signals, stops and work.
    Interrupt,
    /// End.
    Exit(End),
}

impl CurrentTask {
    /// Runs the task to its end.
    pub(crate) fn run(mut self) {
        let mut next = Next::Interrupt;
        let end = loop {
            next = match next {
                Next::App => self.run_app(),
                Next::Syscall => self.run_syscall(),
                Next::Interrupt => self.run_interrupt(),
                Next::Exit(end) => break end,
            };
        };
        process::exit(self, end);
    }

    fn run_app(&mut self) -> Next {
        let wait = self.host_wait.take();
        if !self.task().word().enter_app() {
            return self.leave_wait(wait.as_ref());
        }
        let exit = match &wait {
            Some(wait) => self.context.run_wait(wait.wait()),
            None => self.context.run(),
        };
        self.task().word().leave_app();
        match exit {
            Exit::Syscall => {
                if self.context.call().is_trapped {
                    self.mm().note_call(self.context.regs().rip.wrapping_sub(restart::SYSCALL_LEN));
                }
                Next::Syscall
            }
            Exit::Interrupt => Next::Interrupt,
            Exit::WaitInterrupted if self.task().word().is_interrupted() => self.leave_wait(wait.as_ref()),
            Exit::WaitInterrupted => {
                self.host_wait = wait;
                Next::App
            }
            Exit::Fault(fault) => self.run_fault(fault),
            Exit::Dead => {
                host::debug!("[{}] its host process is gone", self.task().tid());
                self.group().kill();
                Next::Interrupt
            }
        }
    }

    /// Something must be seen to before a wait on the host, or before it goes on.
    fn leave_wait(&mut self, wait: Option<&HostWait>) -> Next {
        if let Some(wait) = wait
            && let Fail::Interrupted(restart) = self.interrupt_wait(wait)
        {
            self.interrupted = Some(restart);
        }
        Next::Interrupt
    }

    fn run_fault(&mut self, fault: Fault) -> Next {
        if self.mm().handle_fault(&fault) {
            return Next::App;
        }
        self.fault = Some(fault);
        let is_known = matches!(fault.signal, SIGSEGV | SIGBUS | SIGFPE | SIGILL | SIGTRAP);
        let signal = if is_known { fault.signal } else { SIGSEGV };
        self.force_signal(SigInfo::fault(signal, fault.code, fault.addr));
        Next::Interrupt
    }

    fn run_syscall(&mut self) -> Next {
        let refused = if self.task().is_filtered() { self.filter_call() } else { None };
        let call = *self.context.call();
        let dispatch = self.kernel().dispatch();
        let is_interrupted = match refused.unwrap_or_else(|| dispatch(self, call.nr, &call.args)) {
            Ok(value) => {
                self.context.set_result(value);
                false
            }
            Err(Fail::Errno(errno)) => {
                self.context.set_result(errno.to_return());
                false
            }
            Err(Fail::Interrupted(restart)) => {
                self.interrupted = Some(restart);
                true
            }
        };
        match self.end.take() {
            Some(end) => Next::Exit(end),
            None if is_interrupted || self.stop.is_some() || self.saved_mask.is_some() => Next::Interrupt,
            None => Next::App,
        }
    }

    fn run_interrupt(&mut self) -> Next {
        self.task().word().clear_interrupt();
        // Whoever looks at its memory while it is stopped finds the results of its call.
        self.context.settle_memory();
        self.do_work();
        if let Some(end) = self.end.take() {
            return Next::Exit(end);
        }
        if let Some(stop) = self.stop.take() {
            self.wait_stop(&stop);
        }
        loop {
            if self.kernel().is_paused() {
                self.wait_stop(&Stop::External);
            }
            match self.next_signal() {
                Attention::Handler(info, action) => self.run_handler(&info, &action),
                Attention::End(end) => return Next::Exit(end),
                Attention::Nothing => break,
            }
        }
        if let Some(restart) = self.interrupted.take() {
            restart::without_handler(self.context.regs_mut(), restart);
        }
        self.restore_saved_mask();
        Next::App
    }
}
