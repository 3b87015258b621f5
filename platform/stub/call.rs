//! Calls from patched text: how they come in, and every way back to the application.
//!
//! A trampoline jumps to `stub_call` with the slot in r11 and the place to go on in rcx; both are lost in a real
//! system call too. Nothing here touches vector registers: they stay the application's over a call.
//!
//! A kick can come at any instruction. It is heeded at once where the application's registers are all known again
//! ([`Kick::Now`], [`Kick::Frame`]); elsewhere it is noted in `Slot::kicked`, which the ways back look at last.

use crate::layout::*;
use crate::frame::Context;
use crate::serve;
use core::arch::global_asm;
use core::mem::offset_of;
use core::sync::atomic::{
    AtomicU32,
    Ordering::{Relaxed, SeqCst},
};

macro_rules! saved {
    ($field:ident) => {
        offset_of!(Slot, saved) + offset_of!(Saved, $field)
    };
}

/// Flags that are not the arithmetic ones, nor those that always are set in application code (IF and bit 1).
const RARE_FLAGS: u64 = !0xad7;

/// Saves the application's registers in the slot, and goes to the stack of calls.
macro_rules! save {
    () => {
        "
        mov [r11 + {rsp}], rsp
        lea rsp, [r11 + {stack}]
        pushfq
        pop [r11 + {flags}]
        cld
        mov [r11 + {nr}], eax
        mov [r11 + {call}], rdi
        mov [r11 + {call} + 8], rsi
        mov [r11 + {call} + 16], rdx
        mov [r11 + {call} + 24], r10
        mov [r11 + {call} + 32], r8
        mov [r11 + {call} + 40], r9
        mov [r11 + {rip}], rcx
        mov [r11 + {rbx}], rbx
        mov [r11 + {rbp}], rbp
        mov [r11 + {r12}], r12
        mov [r11 + {r13}], r13
        mov [r11 + {r14}], r14
        mov [r11 + {r15}], r15
        test dword ptr [r11 + {features}], {fsgsbase}
        jz 1f
        rdfsbase rcx
        mov [r11 + {fs_base}], rcx
        1:
        mov rdi, r11
        xor ebp, ebp
        "
    };
}

/// One entry of `ID_CALLS`: touches no flags, and needs no register but the two that a call loses.
macro_rules! id_entry {
    ($index:literal) => {
        concat!(
            ".balign 128\n",
            "mov [r11 + {id_back}], rcx\n",
            "mov ecx, [r11 + {asks_always}]\n",
            "jrcxz 1f\n",
            "mov rcx, [r11 + {id_back}]\n",
            "mov eax, {id_nr",
            $index,
            "}\n",
            "jmp stub_call\n",
            "1:\n",
            "mov eax, [r11 + {ids} + 4 * ",
            $index,
            "]\n",
            "mov [r11 + {rsp}], rsp\n",
            "lea rsp, [r11 + {stack}]\n",
            "pushfq\n",
            "mov rsp, [r11 + {rsp}]\n",
            "mov rcx, [r11 + {id_back}]\n",
            "mov r11, [r11 + {stack} - 8]\n",
            "jmp rcx\n",
        )
    };
}

global_asm!(
    ".balign 128",
    "stub_ids:",
    id_entry!("0"),
    id_entry!("1"),
    id_entry!("2"),
    id_entry!("3"),
    id_entry!("4"),
    id_entry!("5"),
    "stub_ids_end:",
    ids = const offset_of!(Slot, ids),
    id_back = const offset_of!(Slot, id_back),
    asks_always = const offset_of!(Slot, asks_always),
    stack = const CALL_STACK_TOP,
    rsp = const saved!(rsp),
    id_nr0 = const ID_CALLS[0],
    id_nr1 = const ID_CALLS[1],
    id_nr2 = const ID_CALLS[2],
    id_nr3 = const ID_CALLS[3],
    id_nr4 = const ID_CALLS[4],
    id_nr5 = const ID_CALLS[5],
);

global_asm!(
    "stub_call:",
    save!(),
    "call {local}",
    "ud2",
    // A call that the sentry means to see whatever it is.
    "stub_ask:",
    save!(),
    "call {ask}",
    "ud2",
    // A host call that may sleep: its arguments at rdi, kicks noted at rsi. A kick before the call is made ends it too.
    "stub_wait:",
    "push rbx",
    "mov rbx, rdi",
    "mov rax, [rbx]",
    "mov rdi, [rbx + 8]",
    "mov rdx, [rbx + 24]",
    "mov r10, [rbx + 32]",
    "mov r8, [rbx + 40]",
    "mov r9, [rbx + 48]",
    "cmp dword ptr [rsi], 0",
    "jne stub_wait_kicked",
    "mov rsi, [rbx + 16]",
    "syscall",
    "stub_wait_made:",
    "pop rbx",
    "ret",
    "stub_wait_kicked:",
    "mov rax, -4",
    "pop rbx",
    "ret",
    // Back to the application: slot in rdi. From the look at `kicked` on, a kick is heeded by its handler.
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
    "stub_return_end:",
    "call {serve}",
    "ud2",
    // Back to the application by a signal frame: slot in rdi, frame in rsi.
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
    local = sym crate::local::local,
    ask = sym crate::local::ask,
    features = const offset_of!(Slot, features),
    fsgsbase = const FEATURE_FSGSBASE,
    stack = const CALL_STACK_TOP,
    rare = const RARE_FLAGS as i32,
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
    pub(crate) safe fn stub_ask();
    pub(crate) safe fn stub_ids();
    safe fn stub_ids_end();
    safe fn stub_wait(call: *const Call, kicked: &AtomicU32) -> i64;
    safe fn stub_wait_made();
    safe fn stub_wait_kicked();
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

/// Makes a host call that may sleep. `EINTR`: a kick ended it.
pub(crate) fn sleep(slot: &Slot, call: *const Call) -> i64 {
    slot.sleep_count.store(slot.sleep_count.load(Relaxed).wrapping_add(1), Relaxed);
    slot.sleeps.store(1, Relaxed);
    let result = stub_wait(call, &slot.kicked);
    // Before the place to go on at is looked up: the sentry may have moved it while this slept.
    slot.sleeps.swap(0, SeqCst);
    if result == EINTR {
        // The sentry hears of it by the message that follows.
        slot.kicked.store(0, Relaxed);
    }
    result
}

/// `EINTR`, as a result.
pub(crate) const EINTR: i64 = -4;

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

/// The call that is being answered from `Slot::ids` is made by trap instead: the sentry sees it, and so the kick.
fn make_by_trap(slot: &Slot, context: &mut Context) -> Kick {
    let at = context.rip - stub_ids as *const () as u64;
    let back = if at % ID_ENTRY_LEN == 0 { context.rcx } else { slot.id_back.load(Relaxed) };
    if context.rsp.wrapping_sub(slot as *const Slot as u64) < SLOT_LEN {
        context.rsp = slot.saved.rsp.load(Relaxed);
    }
    context.rax = ID_CALLS[(at / ID_ENTRY_LEN) as usize % ID_CALLS.len()].into();
    // Before each place to come back to stands a `syscall`.
    context.rip = back - 2;
    Kick::Later
}

/// Where a wait goes on whose call is not made: past the pop of what was pushed, if it was.
fn wait_kicked(context: &mut Context) -> u64 {
    if context.rip == stub_wait as *const () as u64 {
        // SAFETY: as the push would have done; the stack is the stub's own.
        unsafe {
            context.rsp -= 8;
            *(context.rsp as *mut u64) = context.rbx;
        }
    }
    stub_wait_kicked as *const () as u64
}

/// A kick came at `context`.
pub(crate) fn kick(slot: &Slot, context: &mut Context) -> Kick {
    let rip = context.rip;
    let within = |from: *const (), to: *const ()| (from as u64..to as u64).contains(&rip);
    if within(stub_resume as *const (), stub_resume_end as *const ()) {
        return Kick::Frame;
    }
    if within(stub_ids as *const (), stub_ids_end as *const ()) {
        return make_by_trap(slot, context);
    }
    if within(stub_wait as *const (), stub_wait_made as *const ()) {
        context.rip = wait_kicked(context);
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
