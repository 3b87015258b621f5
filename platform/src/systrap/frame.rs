//! The host's signal frame in a slot: registers and extended state of the application.

use super::layout::{FRAME, FRAME_END, STACK, STACK_LEN};
use super::slot::SlotRef;
use crate::Regs;
use abi::Errno;
use std::sync::atomic::Ordering::Relaxed;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// `struct ucontext` of x86-64 as the kernel writes it.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct UContext {
    flags: u64,
    link: u64,
    stack: [u64; 3],
    r8: u64,
    r9: u64,
    r10: u64,
    r11: u64,
    r12: u64,
    r13: u64,
    r14: u64,
    r15: u64,
    rdi: u64,
    rsi: u64,
    rbp: u64,
    rbx: u64,
    rdx: u64,
    rax: u64,
    rcx: u64,
    rsp: u64,
    rip: u64,
    eflags: u64,
    cs: u16,
    gs: u16,
    fs: u16,
    ss: u16,
    pub(super) err: u64,
    pub(super) trapno: u64,
    oldmask: u64,
    pub(super) cr2: u64,
    fpstate: u64,
    reserved: [u64; 8],
    sigmask: u64,
}

/// `struct siginfo`, the words that the stub's signals use.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct SigInfo {
    pub(super) signo: i32,
    pub(super) errno: i32,
    pub(super) code: i32,
    pad: i32,
    pub(super) addr: u64,
    pub(super) syscall: i32,
    pub(super) arch: u32,
}

/// `UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS`.
const UC_FLAGS: u64 = 7;
/// Bytes of the ucontext in the frame; the siginfo follows.
const UCONTEXT_LEN: u64 = size_of::<UContext>() as u64;
/// `FP_XSTATE_MAGIC1`, `FP_XSTATE_MAGIC2`.
const MAGIC: [u32; 2] = [0x4650_5853, 0x4650_5845];
/// Offset of `struct _fpx_sw_bytes` in the legacy area.
const SW_BYTES: usize = 464;
/// Flags that a program may set in rflags: CF PF AF ZF SF TF DF OF RF AC (as the kernel's `FIX_EFLAGS`).
const USER_EFLAGS: u64 = 0x0005_0dd5 | 0x100;
/// The flags that application code runs with where a program wants `flags`.
pub(super) const fn user_flags(flags: u64) -> u64 {
    flags & USER_EFLAGS | 0x202
}

/// Host signals blocked while application code runs: all but those that the stub handles (SIGILL SIGTRAP SIGBUS
/// SIGFPE SIGUSR1 SIGSEGV SIGSYS), so that nothing sent to a whole session reaches it.
const HOST_MASK: u64 = !(1 << 3 | 1 << 4 | 1 << 6 | 1 << 7 | 1 << 9 | 1 << 10 | 1 << 30);
/// Lowest place for a frame that the sentry lays out: leaves a stack for the stub's own start.
const LOWEST: u64 = FRAME + 4096;

/// Where a context's frame lies and what it says besides the registers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Offset of the ucontext in the slot.
    offset: u64,
    /// Offset of the extended state in the slot and its length; zero length is the initial state.
    fpstate: (u64, usize),
}

impl Frame {
    /// Where the sentry puts a frame of its own making.
    pub(super) fn fresh(xstate_len: usize) -> Self {
        let fpstate = (FRAME_END - 64 - xstate_len as u64) & !63;
        Self { offset: fpstate - 1024, fpstate: (fpstate, 0) }
    }

    /// The frame of a signal that the stub reports, with what it holds. `None`: forged.
    pub(super) fn report(slot: &SlotRef<'_>) -> Option<(Self, Regs, UContext, SigInfo)> {
        let offset = slot.stack_offset(slot.frame.load(Relaxed), UCONTEXT_LEN + size_of::<SigInfo>() as u64)?;
        let mut context = UContext::new_zeroed();
        slot.read_bytes(offset, context.as_mut_bytes());
        let mut info = SigInfo::new_zeroed();
        slot.read_bytes(offset + UCONTEXT_LEN, info.as_mut_bytes());
        let fpstate = if context.fpstate == 0 { (0, 0) } else { Self::fpstate_at(slot, context.fpstate)? };
        let regs = Regs {
            r15: context.r15,
            r14: context.r14,
            r13: context.r13,
            r12: context.r12,
            rbp: context.rbp,
            rbx: context.rbx,
            r11: context.r11,
            r10: context.r10,
            r9: context.r9,
            r8: context.r8,
            rax: context.rax,
            rcx: context.rcx,
            rdx: context.rdx,
            rsi: context.rsi,
            rdi: context.rdi,
            orig_rax: u64::MAX,
            rip: context.rip,
            cs: context.cs.into(),
            eflags: context.eflags,
            rsp: context.rsp,
            ss: context.ss.into(),
            fs_base: slot.fs_base.load(Relaxed),
            gs_base: slot.gs_base.load(Relaxed),
            ds: 0,
            es: 0,
            fs: context.fs.into(),
            gs: context.gs.into(),
        };
        Some((Self { offset, fpstate }, regs, context, info))
    }

    fn fpstate_at(slot: &SlotRef<'_>, addr: u64) -> Option<(u64, usize)> {
        let offset = slot.stack_offset(addr, 512)?;
        let mut sw = [0; 16];
        slot.read_bytes(offset + SW_BYTES as u64, &mut sw);
        let word = |i: usize| u32::from_ne_bytes([sw[i], sw[i + 1], sw[i + 2], sw[i + 3]]);
        // extended_size counts the second magic.
        let len = if word(0) == MAGIC[0] { word(4) as usize } else { 512 };
        slot.stack_offset(addr, len as u64)?;
        (len >= 512).then_some((offset, len))
    }

    /// Writes the registers back.
    pub(super) fn store(&self, slot: &SlotRef<'_>, regs: &Regs) {
        let context = UContext {
            flags: UC_FLAGS,
            link: 0,
            stack: [slot.stub_addr() + STACK, 0, STACK_LEN],
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
            eflags: user_flags(regs.eflags),
            cs: 0x33,
            gs: regs.gs as u16,
            fs: regs.fs as u16,
            ss: 0x2b,
            err: 0,
            trapno: 0,
            oldmask: 0,
            cr2: 0,
            fpstate: if self.fpstate.1 == 0 { 0 } else { slot.stub_addr() + self.fpstate.0 },
            reserved: [0; 8],
            sigmask: HOST_MASK,
        };
        slot.write_bytes(self.offset, context.as_bytes());
        slot.frame.store(slot.stub_addr() + self.offset, Relaxed);
    }

    /// Address in the stub where [`Self::fresh`] leaves room for extended state.
    pub(super) fn fpstate_addr(&self, slot: &SlotRef<'_>) -> u64 {
        slot.stub_addr() + self.fpstate.0
    }

    /// Prepares the room for the CPU to save to: it writes only what is not in its initial state.
    pub(super) fn clear_fpstate(&self, slot: &SlotRef<'_>, host: &XState) {
        slot.write_bytes(self.fpstate.0, &vec![0; host.len + 4]);
    }

    /// Makes what the CPU saved an image as a signal frame has it.
    pub(super) fn finish_fpstate(&mut self, slot: &SlotRef<'_>, host: &XState) {
        slot.write_bytes(self.fpstate.0 + SW_BYTES as u64, &host.software_bytes());
        slot.write_bytes(self.fpstate.0 + host.len as u64, &MAGIC[1].to_ne_bytes());
        self.fpstate.1 = host.len + 4;
    }

    /// Extended state as it lies in the frame; empty for the initial state.
    pub(super) fn fpstate(&self, slot: &SlotRef<'_>) -> Vec<u8> {
        let mut state = vec![0; self.fpstate.1];
        if !state.is_empty() {
            slot.read_bytes(self.fpstate.0, &mut state);
        }
        state
    }

    /// Puts extended state into the frame. `EINVAL`: not what the host's CPU could have saved.
    pub(super) fn set_fpstate(&mut self, slot: &SlotRef<'_>, state: &[u8], host: &XState) -> Result<(), Errno> {
        if state.is_empty() {
            self.fpstate.1 = 0;
            return Ok(());
        }
        let state = host.check(state)?;
        if self.fpstate.1 < state.len() {
            let room = (FRAME_END - 64 - state.len() as u64) & !63;
            if room < LOWEST + 1024 + UCONTEXT_LEN {
                return Err(Errno::EINVAL);
            }
            // The registers move below; they are stored again before the frame is used.
            *self = Self { offset: room - 1024, fpstate: (room, 0) };
        }
        slot.write_bytes(self.fpstate.0, &state);
        self.fpstate.1 = state.len();
        Ok(())
    }

    /// Copies the frame's extended state to the same place of another slot.
    pub(super) fn copy(&self, from: &SlotRef<'_>, to: &SlotRef<'_>) {
        let state = self.fpstate(from);
        if !state.is_empty() {
            to.write_bytes(self.fpstate.0, &state);
        }
    }
}

/// What extended state the host's CPU saves in signal frames.
#[derive(Clone, Copy, Debug)]
pub(super) struct XState {
    /// Bytes of the XSAVE image without the second magic.
    pub(super) len: usize,
    /// Components enabled: XCR0.
    pub(super) features: u64,
}

impl XState {
    /// Asks the CPU. Leaf 0xd: size for the features that are enabled in XCR0.
    pub(super) fn of_host() -> Self {
        use std::arch::x86_64::{__cpuid, __cpuid_count};
        // The kernel enables OSXSAVE on every CPU that has XSAVE.
        if __cpuid(1).ecx & 1 << 27 == 0 {
            return Self { len: 512, features: 3 };
        }
        let leaf = __cpuid_count(0xd, 0);
        let (low, high): (u32, u32);
        // SAFETY: XGETBV exists where OSXSAVE is set.
        unsafe { std::arch::asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") high, options(nomem, nostack)) };
        Self { len: leaf.ebx as usize, features: u64::from(high) << 32 | u64::from(low) }
    }

    /// `struct _fpx_sw_bytes`: sizes and components.
    fn software_bytes(&self) -> [u8; 512 - SW_BYTES] {
        let words =
            [MAGIC[0], self.len as u32 + 4, self.features as u32, (self.features >> 32) as u32, self.len as u32];
        let mut bytes = [0; 512 - SW_BYTES];
        bytes[..20].copy_from_slice(words.as_bytes());
        bytes
    }

    /// A clean image made of what a program gave: sizes, reserved bits and magics made right, so that
    /// the host's `rt_sigreturn` takes it. `EINVAL` where Linux refuses.
    fn check(&self, state: &[u8]) -> Result<Vec<u8>, Errno> {
        if state.len() < 512 {
            return Err(Errno::EINVAL);
        }
        let word32 = |at: usize| state.get(at..at + 4).map(|b| u32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
        let word64 = |at: usize| {
            state.get(at..at + 8).map(|b| u64::from_ne_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
        };
        // MXCSR: reserved bits fault on the host.
        if word32(24).is_none_or(|mxcsr| mxcsr & !0xffff != 0) {
            return Err(Errno::EINVAL);
        }
        let mut clean = vec![0; self.len + 4];
        let extended = word32(SW_BYTES) == Some(MAGIC[0]) && state.len() >= 576;
        let given = if extended { state.len().min(self.len) } else { 512 };
        clean[..given].copy_from_slice(&state[..given]);
        if extended {
            let header = word64(512).unwrap_or(0);
            if header & !self.features != 0 || word64(520) != Some(0) {
                return Err(Errno::EINVAL);
            }
            clean[520..576].fill(0);
        } else if self.len >= 576 {
            clean[512..520].copy_from_slice(&3u64.to_ne_bytes());
        }
        clean[SW_BYTES..512].copy_from_slice(&self.software_bytes());
        clean[self.len..].copy_from_slice(&MAGIC[1].to_ne_bytes());
        Ok(clean)
    }
}
