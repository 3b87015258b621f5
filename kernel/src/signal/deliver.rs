//! Running handlers and returning from them: `sigaction(2)`, `sigreturn(2)`.

use crate::signal::frame::{self, Frame};
use crate::task::{CurrentTask, restart};
use abi::signal::{ActionFlags, SIGTRAP, SS_AUTODISARM, SS_DISABLE, SigAction, SigInfo, SigStack};

impl CurrentTask {
    /// Lays out the frame of a handler and makes the task start it. A stack that can't take the frame means SIGSEGV.
    pub(crate) fn run_handler(&mut self, info: &SigInfo, action: &SigAction) {
        if let Some(restart) = self.interrupted.take() {
            restart::before_handler(self.context.regs_mut(), restart, action.flags());
        }
        let is_stepping = std::mem::take(&mut self.step).is_on();
        let mask = self.signal_mask();
        let fpstate = self.context.fpstate();
        let frame = Frame {
            action,
            info,
            regs: self.context.regs(),
            mask: self.saved_mask.unwrap_or(mask),
            stack: &self.alt_stack,
            fault: self.fault.as_ref(),
            fpstate: &fpstate,
        };
        let Ok(regs) = frame.write(&**self.mm()) else {
            self.force_segv(info.signal());
            return;
        };
        *self.context.regs_mut() = regs;
        self.saved_mask = None;
        if self.alt_stack.flags & SS_AUTODISARM != 0 {
            self.alt_stack = SigStack { flags: SS_DISABLE, ..SigStack::default() };
        }
        let mut blocked = mask.or(action.mask);
        if !action.flags().contains(ActionFlags::NODEFER) {
            blocked.insert(info.signal());
        }
        self.set_signal_mask(blocked);
        if is_stepping {
            // A step into the handler; what the tracer makes of the signal does not matter.
            self.trap_with(SIGTRAP.into(), 0);
        }
    }

    /// `rt_sigreturn(2)`: everything as the frame has it; the value of `rax`. A bad frame means SIGSEGV.
    pub fn return_from_handler(&mut self) -> u64 {
        if self.try_return().is_err() {
            self.force_segv(0);
        }
        self.regs().rax
    }

    fn try_return(&mut self) -> Result<(), abi::Errno> {
        let context = frame::read_context(&**self.mm(), self.regs().rsp)?;
        self.set_signal_mask(context.sigmask);
        *self.context.regs_mut() = frame::restore(&context.mcontext, self.context.regs());
        let max = self.context.fpstate_len();
        let fpstate = frame::read_fpstate(&**self.mm(), context.mcontext.fpstate, max)?;
        self.context.set_fpstate(&fpstate)?;
        // As Linux: a stack that it would refuse changes nothing.
        let _ = self.set_signal_stack(context.stack);
        Ok(())
    }
}
