//! The run loop of a task.

use crate::futex::HostWait;
use crate::process;
use crate::signal::Attention;
use crate::task::{CurrentTask, End, Stop, restart};
use abi::Errno;
use abi::signal::{SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP, SigInfo};
use platform::{Exit, Fault};
use sync::Fail;

/// What a task does next.
enum Next {
    /// Run application code.
    App,
    /// Answer the call that it made.
    Syscall,
    /// Make the stops that the call calls for, then return its result.
    Return,
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
                Next::Return => self.run_return(),
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
        self.mm().drop_spoilt_text();
        let exit = match &wait {
            Some(wait) => self.context.run_wait(wait.wait()),
            None if self.is_stepping() => self.run_stepping(),
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
            Exit::WaitDone => self.after_call(),
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
            self.context.set_result(restart::to_return(restart));
            return self.after_call();
        }
        Next::Interrupt
    }

    fn run_fault(&mut self, fault: Fault) -> Next {
        if self.mm().handle_fault(&fault) {
            return Next::App;
        }
        if self.kernel().is_strace() {
            host::debug!("[{}] {fault:x?} at {:#x}", self.task().tid(), self.regs().rip);
        }
        self.fault = Some(fault);
        let is_known = matches!(fault.signal, SIGSEGV | SIGBUS | SIGFPE | SIGILL | SIGTRAP);
        let signal = if is_known { fault.signal } else { SIGSEGV };
        self.force_signal(SigInfo::fault(signal, fault.code, fault.addr));
        Next::Interrupt
    }

    fn run_syscall(&mut self) -> Next {
        let is_made = !self.task().is_watched() || self.stop_at_entry();
        if is_made {
            self.make_call();
        }
        match self.end.take() {
            Some(end) => Next::Exit(end),
            None if self.host_wait.is_some() => Next::App,
            None => self.after_call(),
        }
    }

    /// A call is over, but for what comes before its return.
    fn after_call(&mut self) -> Next {
        if !self.stops.is_empty() || self.task().is_watched() || self.step.is_on() {
            Next::Return
        } else if self.interrupted.is_some() || self.saved_mask.is_some() {
            Next::Interrupt
        } else {
            Next::App
        }
    }

    fn make_call(&mut self) {
        let refused = if self.task().is_filtered() { self.filter_call() } else { None };
        let call = *self.context.call();
        let dispatch = self.kernel().dispatch();
        let value = match refused.unwrap_or_else(|| dispatch(self, call.nr, &call.args)) {
            Ok(value) => value,
            Err(Fail::Errno(errno)) => errno.to_return(),
            Err(Fail::Interrupted(restart)) => {
                self.interrupted = Some(restart);
                restart::to_return(restart)
            }
        };
        self.kernel().send_file_signals();
        // Until it returns a call looks like one that does not exist.
        let shown = if self.stops.is_empty() { value } else { Errno::ENOSYS.to_return() };
        self.result = (shown != value).then_some(value);
        self.context.set_result(shown);
    }

    fn run_return(&mut self) -> Next {
        while let Some(stop) = self.stops.pop_front() {
            match stop {
                Stop::Event(event) => self.stop_for_event(event),
                stop => self.wait_stop(&stop),
            }
        }
        if let Some(value) = self.result.take() {
            self.context.regs_mut().rax = value;
        }
        self.stop_at_exit();
        Next::Interrupt
    }

    fn run_interrupt(&mut self) -> Next {
        self.task().word().clear_interrupt();
        // Whoever looks at its memory while it is stopped finds the results of its call.
        self.context.settle_memory();
        self.do_work();
        if let Some(end) = self.end.take() {
            return Next::Exit(end);
        }
        loop {
            if self.group().container().is_paused() {
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
