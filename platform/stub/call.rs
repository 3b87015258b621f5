//! Calls from patched text: how they come in, and every way back to the application.
//!
//! A trampoline jumps to `stub_call` with the slot in r11 and the place to go on in rcx; both are lost in a real
//! system call too. Nothing here touches vector registers: they stay the application's over a call.
//!
//! A kick can come at any instruction. It is heeded at once where the application's registers are all known again
//! ([`Kick::Now`], [`Kick::Frame`]); elsewhere it is noted in `Slot::kicked`, which the ways back look at last.

use crate::layout::*;
use crate::{Context, serve};
use core::arch::global_asm;
use core::mem::offset_of;
use core::sync::atomic::Ordering::Relaxed;

macro_rules! saved {
    ($field:ident) => {
        offset_of!(Slot, saved) + offset_of!(Saved, $field)
    };
}

/// Flags that are not the arithmetic ones, nor those that always are set in application code (IF and bit 1).
const RARE_FLAGS: u64 = !0xad7;

global_asm!(
    ".globl stub_call",
    "stub_call:",
    "mov [r11 + {rsp}], rsp",
    "lea rsp, [r11 + {stack}]",
    "pushfq",
    "pop [r11 + {flags}]",
    "cld",
    "mov [r11 + {nr}], eax",
    "mov [r11 + {call}], rdi",
    "mov [r11 + {call} + 8], rsi",
    "mov [r11 + {call} + 16], rdx",
    "mov [r11 + {call} + 24], r10",
    "mov [r11 + {call} + 32], r8",
    "mov [r11 + {call} + 40], r9",
    "mov [r11 + {rip}], rcx",
    "mov [r11 + {rbx}], rbx",
    "mov [r11 + {rbp}], rbp",
    "mov [r11 + {r12}], r12",
    "mov [r11 + {r13}], r13",
    "mov [r11 + {r14}], r14",
    "mov [r11 + {r15}], r15",
    "rdfsbase rcx",
    "mov [r11 + {fs_base}], rcx",
    "mov rdi, r11",
    "mov esi, {event_call}",
    "xor ebp, ebp",
    "call {serve}",
    "ud2",
    // Back to the application: slot in rdi. From the look at `kicked` on, a kick is heeded by its handler.
    ".globl stub_return",
    "stub_return:",
    "cmp dword ptr [rdi + {kicked}], 0",
    "jne 3f",
    "mov r11, rdi",
    "mov rax, [r11 + {flags}]",
    "test rax, {rare}",
    "jnz 2f",
    // The overflow flag comes of an addition, the others of AH.
    "mov ecx, eax",
    "shr ecx, 11",
    "and cl, 1",
    "add cl, 127",
    "mov ah, al",
    "sahf",
    "1:",
    "mov rdi, [r11 + {call}]",
    "mov rsi, [r11 + {call} + 8]",
    "mov rdx, [r11 + {call} + 16]",
    "mov r10, [r11 + {call} + 24]",
    "mov r8, [r11 + {call} + 32]",
    "mov r9, [r11 + {call} + 40]",
    "mov rcx, [r11 + {rip}]",
    "mov rbx, [r11 + {rbx}]",
    "mov rbp, [r11 + {rbp}]",
    "mov r12, [r11 + {r12}]",
    "mov r13, [r11 + {r13}]",
    "mov r14, [r11 + {r14}]",
    "mov r15, [r11 + {r15}]",
    "mov rax, [r11 + {returned}]",
    "mov rsp, [r11 + {rsp}]",
    "mov r11, [r11 + {flags}]",
    "jmp rcx",
    "2:",
    "push rax",
    "popfq",
    "jmp 1b",
    "3:",
    "mov dword ptr [rdi + {kicked}], 0",
    "lea rsp, [rdi + {stack}]",
    "mov esi, {event_kicked}",
    ".globl stub_return_end",
    "stub_return_end:",
    "call {serve}",
    "ud2",
    // Back to the application by a signal frame: slot in rdi, frame in rsi.
    ".globl stub_resume",
    "stub_resume:",
    "cmp dword ptr [rdi + {kicked}], 0",
    "jne 4f",
    "mov rsp, rsi",
    "mov eax, 15",
    "syscall",
    "4:",
    "mov dword ptr [rdi + {kicked}], 0",
    "mov dword ptr [rdi + {signal}], {sigusr1}",
    "lea rsp, [rdi + {stack}]",
    "mov esi, {event_signal}",
    ".globl stub_resume_end",
    "stub_resume_end:",
    "call {serve}",
    "ud2",
    // Saves the components in edx:eax at rdi.
    "stub_xsave:",
    "mov eax, esi",
    "mov rdx, rsi",
    "shr rdx, 32",
    "xsave64 [rdi]",
    "ret",
    serve = sym serve,
    stack = const CALL_STACK_TOP,
    rare = const RARE_FLAGS as i32,
    event_call = const EVENT_CALL,
    event_kicked = const EVENT_KICKED,
    event_signal = const EVENT_SIGNAL,
    sigusr1 = const crate::SIGUSR1,
    nr = const offset_of!(Slot, nr),
    call = const offset_of!(Slot, call),
    returned = const offset_of!(Slot, returned),
    kicked = const offset_of!(Slot, kicked),
    signal = const offset_of!(Slot, signal),
    rip = const saved!(rip),
    rsp = const saved!(rsp),
    flags = const saved!(flags),
    fs_base = const saved!(fs_base),
    rbx = const saved!(rbx),
    rbp = const saved!(rbp),
    r12 = const saved!(r12),
    r13 = const saved!(r13),
    r14 = const saved!(r14),
    r15 = const saved!(r15),
);

unsafe extern "C" {
    pub(crate) safe fn stub_call();
    safe fn stub_return(slot: &Slot) -> !;
    safe fn stub_return_end();
    safe fn stub_resume(slot: &Slot, frame: u64) -> !;
    safe fn stub_resume_end();
    safe fn stub_xsave(to: u64, components: u64);
}

/// Back to the application, with its registers from `Slot::saved`.
pub(crate) fn give_back(slot: &Slot) -> ! {
    stub_return(slot)
}

/// Back to the application by the frame at `Slot::frame`.
pub(crate) fn resume_frame(slot: &Slot) -> ! {
    stub_resume(slot, slot.frame.load(Relaxed))
}

/// Saves the extended state, which is the application's own all the while.
pub(crate) fn save_xstate(slot: &Slot) {
    let at = slot.args[0].load(Relaxed) & !63;
    let slot_addr = slot as *const Slot as u64;
    if at >= slot_addr + FRAME && at < slot_addr + FRAME_END {
        stub_xsave(at, slot.args[1].load(Relaxed));
    }
}

/// What becomes of a kick that came in the stub's own code.
pub(crate) enum Kick {
    /// The frame was made to show the application behind its call: report it.
    Now,
    /// The frame to resume with stands where it stood: report that.
    Frame,
    /// Noted; go on.
    Later,
}

/// A kick came at `context`.
pub(crate) fn kick(slot: &Slot, context: &mut Context) -> Kick {
    let within = |from: *const (), to: *const ()| (from as u64..to as u64).contains(&context.rip);
    if within(stub_resume as *const (), stub_resume_end as *const ()) {
        return Kick::Frame;
    }
    if !within(stub_return as *const (), stub_return_end as *const ()) {
        slot.kicked.store(1, Relaxed);
        return Kick::Later;
    }
    slot.kicked.store(0, Relaxed);
    let [rdi, rsi, rdx, r10, r8, r9] = &slot.call;
    let saved = &slot.saved;
    context.rdi = rdi.load(Relaxed);
    context.rsi = rsi.load(Relaxed);
    context.rdx = rdx.load(Relaxed);
    context.r10 = r10.load(Relaxed);
    context.r8 = r8.load(Relaxed);
    context.r9 = r9.load(Relaxed);
    context.rbx = saved.rbx.load(Relaxed);
    context.rbp = saved.rbp.load(Relaxed);
    context.r12 = saved.r12.load(Relaxed);
    context.r13 = saved.r13.load(Relaxed);
    context.r14 = saved.r14.load(Relaxed);
    context.r15 = saved.r15.load(Relaxed);
    context.rax = slot.returned.load(Relaxed);
    context.rip = saved.rip.load(Relaxed);
    context.rcx = context.rip;
    context.rsp = saved.rsp.load(Relaxed);
    context.flags = saved.flags.load(Relaxed);
    context.r11 = context.flags;
    Kick::Now
}
