//! The frame that a handler sees: layout of Linux on x86-64 (`sigreturn(2)`).

use crate::signal::stack;
use abi::Errno;
use abi::signal::{
    ActionFlags, RtSigFrame, SigAction, SigContext, SigInfo, SigSet, SigStack, UC_FP_XSTATE, UC_SIGCONTEXT_SS,
    UC_STRICT_RESTORE_SS, UContext,
};
use mm::{UserAddr, UserMemory, UserPtr};
use platform::{Fault, Regs};
use zerocopy::{FromZeros, IntoBytes};

/// Bytes below the stack pointer that a function may use without moving it (the ABI's red zone).
const RED_ZONE: u64 = 128;
/// `AT_MINSIGSTKSZ` without the extended state.
pub const MIN_STACK: u64 = size_of::<RtSigFrame>() as u64 + RED_ZONE + 64 + 16;
/// Flags that a program may set in rflags: the kernel's `FIX_EFLAGS`.
const USER_FLAGS: u64 = 0x0005_0dd5;
/// Cleared when a handler starts: trap, direction, resume.
const HANDLER_CLEARS: u64 = 0x0001_0500;
/// `FP_XSTATE_MAGIC1`, `FP_XSTATE_MAGIC2`.
const MAGIC: [u32; 2] = [0x4650_5853, 0x4650_5845];
/// Bytes of the state that FXSAVE writes; `struct _fpx_sw_bytes` lies in it.
const FXSAVE_LEN: usize = 512;
const SW_BYTES: usize = 464;

/// What a frame is made of.
pub(crate) struct Frame<'a> {
    pub(crate) action: &'a SigAction,
    pub(crate) info: &'a SigInfo,
    pub(crate) regs: &'a Regs,
    /// The mask that returns with the frame.
    pub(crate) mask: SigSet,
    pub(crate) stack: &'a SigStack,
    pub(crate) fault: Option<&'a Fault>,
    pub(crate) fpstate: &'a [u8],
}

impl Frame<'_> {
    /// Where the frame and the extended state go; `None` when they would overflow the alternate stack.
    fn place(&self) -> Option<(u64, u64)> {
        let mut top = self.regs.rsp.wrapping_sub(RED_ZONE);
        let is_nested = stack::is_on(self.stack, self.regs.rsp);
        let mut is_entering = false;
        if self.action.flags().contains(ActionFlags::ONSTACK) && stack::state(self.stack, top) == 0 {
            top = self.stack.sp.wrapping_add(self.stack.size);
            is_entering = true;
        }
        let fpstate = top.wrapping_sub(self.fpstate.len() as u64) & !63;
        let frame = (fpstate.wrapping_sub(size_of::<RtSigFrame>() as u64) & !15).wrapping_sub(8);
        let is_fine = !(is_nested || is_entering) || stack::contains(self.stack, frame);
        is_fine.then_some((frame, fpstate))
    }

    /// Writes the frame; the registers that the handler starts with. `EFAULT`.
    pub(crate) fn write(&self, memory: &dyn UserMemory) -> Result<Regs, Errno> {
        let (at, fpstate) = self.place().ok_or(Errno::EFAULT)?;
        if !self.action.flags().contains(ActionFlags::RESTORER) {
            return Err(Errno::EFAULT);
        }
        let mut info = SigInfo::new_zeroed();
        if self.action.flags().contains(ActionFlags::SIGINFO) {
            info = *self.info;
        }
        let mcontext = SigContext { fpstate: if self.fpstate.is_empty() { 0 } else { fpstate }, ..self.context() };
        let frame = RtSigFrame {
            pretcode: self.action.restorer,
            uc: UContext {
                flags: UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS,
                link: 0,
                stack: *self.stack,
                mcontext,
                sigmask: self.mask,
            },
            info,
        };
        // In one piece: the extended state follows, after a gap that alignment may leave.
        let mut bytes = frame.as_bytes().to_vec();
        if !self.fpstate.is_empty() {
            bytes.resize(usize::try_from(fpstate.wrapping_sub(at)).map_err(|_| Errno::EFAULT)?, 0);
            bytes.extend_from_slice(self.fpstate);
        }
        memory.write(UserAddr(at), &bytes)?;
        let uc = at + std::mem::offset_of!(RtSigFrame, uc) as u64;
        let siginfo = at + std::mem::offset_of!(RtSigFrame, info) as u64;
        Ok(Regs {
            rdi: self.info.signo as u64,
            rsi: siginfo,
            rdx: uc,
            rax: 0,
            rip: self.action.handler,
            rsp: at,
            eflags: self.regs.eflags & !HANDLER_CLEARS,
            ..*self.regs
        })
    }

    fn context(&self) -> SigContext {
        let regs = self.regs;
        SigContext {
            r8: regs.r8,
            r9: regs.r9,
            r10: regs.r10,
            r11: regs.r11,
            r12: regs.r12,
            r13: regs.r13,
            r14: regs.r14,
            r15: regs.r15,
            rdi: regs.rdi,
            rsi: regs.rsi,
            rbp: regs.rbp,
            rbx: regs.rbx,
            rdx: regs.rdx,
            rax: regs.rax,
            rcx: regs.rcx,
            rsp: regs.rsp,
            rip: regs.rip,
            eflags: regs.eflags,
            cs: regs.cs as u16,
            ss: regs.ss as u16,
            err: self.fault.map_or(0, |fault| fault.error),
            trapno: self.fault.map_or(0, |fault| fault.trapno),
            oldmask: self.mask.0,
            cr2: self.fault.map_or(0, |fault| fault.addr),
            ..SigContext::default()
        }
    }
}

/// Reads the context of the frame that a handler returns from, by its stack pointer. `EFAULT`.
pub(crate) fn read_context(memory: &dyn UserMemory, rsp: u64) -> Result<UContext, Errno> {
    let at = rsp.wrapping_sub(8).wrapping_add(std::mem::offset_of!(RtSigFrame, uc) as u64);
    UserPtr::<UContext>::new(UserAddr(at)).read(memory)
}

/// Reads the extended state that a frame points to, at most `max` bytes; only the part that FXSAVE writes when the
/// marks of the rest are not in order. Empty for the initial state. `EFAULT`.
pub(crate) fn read_fpstate(memory: &dyn UserMemory, addr: u64, max: usize) -> Result<Vec<u8>, Errno> {
    if addr == 0 {
        return Ok(Vec::new());
    }
    let mut state = vec![0; FXSAVE_LEN];
    memory.read(UserAddr(addr), &mut state)?;
    let word = |state: &[u8], at: usize| {
        state.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_ne_bytes)
    };
    let (magic, extended, xstate) =
        (word(&state, SW_BYTES), word(&state, SW_BYTES + 4) as usize, word(&state, SW_BYTES + 16) as usize);
    let is_sound = magic == MAGIC[0] && extended <= max && xstate > FXSAVE_LEN && xstate + 4 <= extended;
    if is_sound {
        let mut whole = vec![0; extended];
        memory.read(UserAddr(addr), &mut whole)?;
        if word(&whole, xstate) == MAGIC[1] {
            return Ok(whole);
        }
    }
    Ok(state)
}

/// Registers as a frame has them; segment bases and selectors stay.
pub(crate) const fn restore(context: &SigContext, regs: &Regs) -> Regs {
    Regs {
        r8: context.r8,
        r9: context.r9,
        r10: context.r10,
        r11: context.r11,
        r12: context.r12,
        r13: context.r13,
        r14: context.r14,
        r15: context.r15,
        rdi: context.rdi,
        rsi: context.rsi,
        rbp: context.rbp,
        rbx: context.rbx,
        rdx: context.rdx,
        rax: context.rax,
        rcx: context.rcx,
        rsp: context.rsp,
        rip: context.rip,
        eflags: regs.eflags & !USER_FLAGS | context.eflags & USER_FLAGS,
        orig_rax: u64::MAX,
        ..*regs
    }
}

#[cfg(test)]
mod tests;
