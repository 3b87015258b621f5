//! The alternate signal stack: `sigaltstack(2)`.

use crate::task::CurrentTask;
use abi::Errno;
use abi::signal::{MINSIGSTKSZ, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK, SigStack};

/// `sp` lies on the stack, whether or not it is armed.
pub(crate) const fn contains(stack: &SigStack, sp: u64) -> bool {
    sp > stack.sp && sp - stack.sp <= stack.size
}

/// The program runs on the stack. A stack that disarms itself never counts.
pub(crate) const fn is_on(stack: &SigStack, sp: u64) -> bool {
    stack.flags & SS_AUTODISARM == 0 && contains(stack, sp)
}

/// `SS_DISABLE`, `SS_ONSTACK` or 0.
pub(crate) const fn state(stack: &SigStack, sp: u64) -> i32 {
    if stack.size == 0 {
        SS_DISABLE
    } else if is_on(stack, sp) {
        SS_ONSTACK
    } else {
        0
    }
}

impl CurrentTask {
    /// The alternate stack as `sigaltstack(2)` reports it.
    pub fn signal_stack(&self) -> SigStack {
        let stack = self.alt_stack;
        SigStack { flags: state(&stack, self.regs().rsp) | stack.flags & SS_AUTODISARM, pad: 0, ..stack }
    }

    /// Sets the alternate stack. `EPERM` while it is in use, `EINVAL`, `ENOMEM` when it is too small.
    pub fn set_signal_stack(&mut self, new: SigStack) -> Result<(), Errno> {
        if is_on(&self.alt_stack, self.regs().rsp) {
            return Err(Errno::EPERM);
        }
        self.alt_stack = match new.flags & !SS_AUTODISARM {
            SS_DISABLE => SigStack { sp: 0, size: 0, flags: new.flags, pad: 0 },
            0 | SS_ONSTACK if new.size < MINSIGSTKSZ => return Err(Errno::ENOMEM),
            0 | SS_ONSTACK => SigStack { pad: 0, ..new },
            _ => return Err(Errno::EINVAL),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges() {
        let stack = SigStack { sp: 0x1000, flags: 0, pad: 0, size: 0x2000 };
        assert_eq!(state(&stack, 0x1000), 0);
        assert_eq!(state(&stack, 0x1001), SS_ONSTACK);
        assert_eq!(state(&stack, 0x3000), SS_ONSTACK);
        assert_eq!(state(&stack, 0x3001), 0);
        assert_eq!(state(&SigStack { flags: SS_AUTODISARM, ..stack }, 0x2000), 0);
        assert_eq!(state(&SigStack::default(), 0), SS_DISABLE);
    }
}
