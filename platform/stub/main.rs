//! The stub: the only code of ours in an application's address space.
//!
//! Trusted by nobody: the application can jump into it and scribble over its slot. It carries out what
//! the sentry asks: runs the application, maps memory, forks, copies. It has no heap, no statics that
//! change, and makes the host calls of `filter.rs` only.
#![no_std]
#![no_main]
#![allow(dead_code, reason = "the layout is shared with the sentry")]

mod call;
mod copy;
mod failures;
mod fork;
mod frame;
mod inbox;
#[path = "../src/systrap/layout.rs"]
mod layout;
mod local;

use copy::{stub_copy, stub_copy_string, stub_exchange, stub_zero};
use core::arch::{asm, global_asm, naked_asm};
use core::sync::atomic::{AtomicU32, Ordering::{Acquire, Relaxed, Release, SeqCst}};
use frame::{Context, TrapInfo};
use layout::*;

const SYS_MMAP: u64 = 9;
const SYS_MUNMAP: u64 = 11;
const SYS_RT_SIGACTION: u64 = 13;
const SYS_RT_SIGPROCMASK: u64 = 14;
const SYS_RT_SIGRETURN: u64 = 15;
const SYS_CLOSE: u64 = 3;
const SYS_SCHED_YIELD: u64 = 24;
const SYS_RECVMSG: u64 = 47;
const SYS_CLONE: u64 = 56;
const SYS_EXIT: u64 = 60;
const SYS_CAPSET: u64 = 126;
const SYS_PRCTL: u64 = 157;
const SYS_ARCH_PRCTL: u64 = 158;
const SYS_SIGALTSTACK: u64 = 131;
const SYS_FUTEX: u64 = 202;
const SYS_EXIT_GROUP: u64 = 231;
const SYS_SECCOMP: u64 = 317;

/// `EEXIST`, as a result.
const EEXIST: i64 = -17;

const SIGSEGV: u32 = 11;
const SIGBUS: u32 = 7;
const SIGTRAP: u32 = 5;
const SIGSYS: u32 = 31;
const SIGUSR1: u32 = 10;
const SIGILL: u32 = 4;
const SIGFPE: u32 = 8;

/// TF.
const TRAP_FLAG: u64 = 0x100;

/// `CLONE_PARENT`; the exit signal is the parent's.
const FORK_FLAGS: u64 = 0x8000;
/// `CLONE_VM | FS | FILES | SIGHAND | THREAD | SYSVSEM | CHILD_CLEARTID`.
const THREAD_FLAGS: u64 = 0x100 | 0x200 | 0x400 | 0x800 | 0x1_0000 | 0x4_0000 | 0x20_0000;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    die()
}

fn die() -> ! {
    loop {
        syscall(SYS_EXIT_GROUP, [127, 0, 0, 0, 0, 0]);
        // SAFETY: an instruction that faults ends the process should the call not.
        unsafe { asm!("ud2") }
    }
}

// Inlined: an array that is passed by its address may be filled by vector registers, which are the application's.
#[inline(always)]
fn syscall(nr: u64, a: [u64; 6]) -> i64 {
    let result;
    // SAFETY: the calls made here touch only the slot and what the sentry named.
    unsafe {
        asm!("syscall", inlateout("rax") nr as i64 => result, in("rdi") a[0], in("rsi") a[1], in("rdx") a[2],
            in("r10") a[3], in("r8") a[4], in("r9") a[5], lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call {start}",
    "ud2",
    start = sym start,
);

/// Entry of the first stub process; `stack` is what exec left: argc, argv, envp, auxv.
extern "C" fn start(stack: *const u64) -> ! {
    // SAFETY: the layout that the kernel gives a new program.
    let vdso = unsafe {
        let mut at = stack.add(1 + *stack as usize + 1);
        while *at != 0 {
            at = at.add(1);
        }
        at = at.add(1);
        let mut vdso = 0;
        while *at != 0 {
            if *at == 33 {
                vdso = *at.add(1);
            }
            at = at.add(2);
        }
        vdso
    };
    let slots = syscall(SYS_MMAP, [SLOTS_BASE, SLOTS_LEN, 3, 0x11, START_SLOTS_FD as u64, 0]);
    if slots != SLOTS_BASE as i64 {
        die();
    }
    syscall(SYS_CLOSE, [START_SLOTS_FD as u64, 0, 0, 0, 0, 0]);
    let slot = SLOTS_BASE as *const Slot;
    // SAFETY: the slot was mapped just now.
    unsafe { (*slot).result.store(vdso, Relaxed) };
    // SAFETY: the new stack lies in the slot; nothing of the old one is used again.
    unsafe {
        asm!("mov rsp, {stack}", "xor ebp, ebp", "call {main}", "ud2", stack = in(reg) SLOTS_BASE + SLOT_LEN - 64,
            in("rdi") slot, main = sym first_main, options(noreturn));
    }
}

/// The first stub: signal handlers, filter, then the common loop.
extern "C" fn first_main(slot: *const Slot) -> ! {
    // SAFETY: the slot is mapped for the life of the process.
    let slot = unsafe { &*slot };
    // Faults of the stub's own copying get through always.
    let mask = !(1u64 << (SIGSEGV - 1) | 1 << (SIGBUS - 1));
    syscall(SYS_RT_SIGPROCMASK, [2, &raw const mask as u64, 0, 8, 0, 0]);
    alternate_stack(slot);
    for signal in [SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGUSR1, SIGSEGV, SIGSYS] {
        // SA_SIGINFO | SA_ONSTACK | SA_RESTORER | SA_NODEFER
        let action: [u64; 4] =
            [on_signal as *const () as u64, 0x4 | 0x0800_0000 | 0x0400_0000 | 0x4000_0000, restore as *const () as u64, mask];
        syscall(SYS_RT_SIGACTION, [signal as u64, action.as_ptr() as u64, 0, 8, 0, 0]);
    }
    // Capabilities that exec gave: none stay. _LINUX_CAPABILITY_VERSION_3.
    let header: [u32; 2] = [0x2008_0522, 0];
    // Of the copy buffer, which is still empty.
    let none = copy_buffer(slot);
    if syscall(SYS_CAPSET, [header.as_ptr() as u64, none, 0, 0, 0, 0]) != 0 {
        die();
    }
    die_with_the_sentry();
    let entries = [call::stub_call as *const (), call::stub_ids as *const (), call::stub_ask as *const ()];
    for (word, entry) in slot.args.iter().zip(entries) {
        word.store(entry as u64, Relaxed);
    }
    // A host that maps another vDSO says that there is one.
    let can_map = syscall(SYS_ARCH_PRCTL, [ARCH_MAP_VDSO_64, 0, 0, 0, 0, 0]) == EEXIST;
    slot.args[3].store(can_map.into(), Relaxed);
    post(slot, EVENT_READY);
    wait(slot);
    // What exec mapped beside the image: the sentry named two ranges.
    for range in slot.args.chunks_exact(2) {
        if range[1].load(Relaxed) > 0 {
            syscall(SYS_MUNMAP, [range[0].load(Relaxed), range[1].load(Relaxed), 0, 0, 0, 0]);
        }
    }
    // The filter's sock_fprog stands in the copy buffer.
    let fprog = slot as *const Slot as u64 + COPY;
    if syscall(SYS_SECCOMP, [1, 0, fprog, 0, 0, 0]) != 0 {
        die();
    }
    serve(slot, EVENT_READY)
}

/// The sentry may end without a word, and there is not always a namespace that ends with it. Neither a fork nor an exec
/// that gives capabilities passes this on.
fn die_with_the_sentry() {
    // PR_SET_PDEATHSIG, SIGKILL.
    syscall(SYS_PRCTL, [1, 9, 0, 0, 0, 0]);
}

fn alternate_stack(slot: &Slot) {
    let base = slot as *const Slot as u64 + STACK;
    let stack: [u64; 3] = [base, 0, STACK_LEN];
    if syscall(SYS_SIGALTSTACK, [stack.as_ptr() as u64, 0, 0, 0, 0, 0]) != 0 {
        die();
    }
}

/// Returned to from a fix-up only: the way back to the application is the frame that the sentry names.
#[unsafe(naked)]
extern "C" fn restore() -> ! {
    naked_asm!("mov eax, 15", "syscall", "ud2")
}

/// Handler of every host signal; the frame lies on the alternate stack in the slot.
extern "C" fn on_signal(signal: u32, info: *const TrapInfo, context: *mut Context) {
    let slot_addr = context as u64 & !(SLOT_LEN - 1);
    if slot_addr < SLOTS_BASE || slot_addr >= SLOTS_BASE + SLOTS_LEN {
        die();
    }
    // SAFETY: the kernel's frame, which lies in the slot; the slot is mapped as long as the process lives.
    let (context, slot) = unsafe { (&mut *context, &*(slot_addr as *const Slot)) };
    if context.rip >= STUB_BASE && context.rip < STUB_BASE + STUB_LEN {
        match signal {
            SIGUSR1 => match call::kick(slot, context) {
                call::Kick::Later => return,
                call::Kick::Frame => {
                    slot.signal.store(signal, Relaxed);
                    report_bases(slot);
                    serve(slot, EVENT_SIGNAL)
                }
                call::Kick::Now => {}
            },
            // The application single-steps itself; the step ends behind the call.
            SIGTRAP => {
                context.flags &= !TRAP_FLAG;
                return;
            }
            _ => {
                context.rip = copy::fixup(context.rip);
                return;
            }
        }
    }
    // SAFETY: the kernel's, beside the frame.
    if signal == SIGSYS && unsafe { (*info).is_64_bit() } {
        local::before_trap(slot, context.rax);
    }
    slot.signal.store(signal, Relaxed);
    slot.frame.store(context as *mut Context as u64, Relaxed);
    report_bases(slot);
    serve(slot, EVENT_SIGNAL)
}

fn report_bases(slot: &Slot) {
    if slot.features.load(Relaxed) & FEATURE_FSGSBASE != 0 {
        let (fs, gs): (u64, u64);
        // SAFETY: the host has the instructions.
        unsafe { asm!("rdfsbase {}", "rdgsbase {}", out(reg) fs, out(reg) gs, options(nomem, nostack)) };
        slot.fs_base.store(fs, Relaxed);
        slot.gs_base.store(gs, Relaxed);
    }
}

/// Tells the sentry `event` and does what it asks until it says to go on.
extern "C" fn serve(slot: &Slot, mut event: u32) -> ! {
    loop {
        post(slot, event);
        wait(slot);
        event = EVENT_DONE;
        match slot.op.load(Relaxed) {
            OP_RETURN if inbox::empty(slot) => {
                load_bases(slot);
                call::give_back(slot)
            }
            OP_RETURN => event = EVENT_OUTBOX_FAULT,
            OP_CALLS_RETURN => event = calls_and(slot, call::give_back),
            OP_CALLS_RESUME => event = calls_and(slot, call::resume_frame),
            OP_EMPTY_OUTBOX => slot.result.store(u64::from(!inbox::empty(slot)), Relaxed),
            OP_RESUME => {
                load_bases(slot);
                call::resume_frame(slot)
            }
            OP_CALLS => {
                make_calls(slot);
            }
            OP_SPAWN => spawn(slot),
            OP_FORK => fork::fork(slot),
            OP_EXIT => end(slot),
            OP_COPY_IN => {
                let (addr, len) = copy_range(slot);
                slot.result.store(stub_copy(copy_buffer(slot), addr, len), Relaxed);
            }
            OP_COPY_OUT => {
                let (addr, len) = copy_range(slot);
                slot.result.store(stub_copy(addr, copy_buffer(slot), len), Relaxed);
            }
            OP_CMPXCHG => {
                let [addr, old, new, _] = &slot.args;
                let result = stub_exchange(addr.load(Relaxed), old.load(Relaxed), new.load(Relaxed));
                slot.result.store(result, Relaxed);
            }
            OP_WAIT => event = sleep(slot),
            OP_SAVE_XSTATE => call::save_xstate(slot),
            _ => die(),
        }
    }
}

/// Ends the thread; a word of the application is cleared, and one who waits for it woken.
fn end(slot: &Slot) -> ! {
    let word = slot.args[0].load(Relaxed);
    let zero = 0u32;
    if word != 0 && stub_copy(word, &raw const zero as u64, 4) == 0 {
        syscall(SYS_FUTEX, [word, 1, 1, 0, 0, 0]);
    }
    syscall(SYS_EXIT, [0; 6]);
    die()
}

/// Makes a call that may sleep: what there is to tell of it, unless the application goes on at once.
fn sleep(slot: &Slot) -> u32 {
    let result = call::sleep(slot, slot.calls[0].get());
    if result == call::EINTR {
        return EVENT_WAIT_KICKED;
    }
    slot.returned.store(result as u64, Relaxed);
    if slot.asks_always.load(Relaxed) == 0 {
        load_bases(slot);
        call::give_back(slot)
    }
    EVENT_WAIT_DONE
}

fn copy_buffer(slot: &Slot) -> u64 {
    slot as *const Slot as u64 + OUTBOX
}

fn copy_range(slot: &Slot) -> (u64, u64) {
    (slot.args[0].load(Relaxed), slot.args[1].load(Relaxed).min(OUTBOX_LEN))
}

fn post(slot: &Slot, event: u32) {
    slot.event.store(event, Relaxed);
    slot.cpu.store(cpu(slot), Relaxed);
    if slot.spin.load(Relaxed) <= GIVE_WAY {
        slot.ran.store(ticks().wrapping_sub(slot.resumed_at.load(Relaxed)), Relaxed);
    }
    if slot.to_sentry.swap(FULL, SeqCst) == ASLEEP {
        syscall(SYS_FUTEX, [slot.to_sentry.as_ptr() as u64, 1, 1, 0, 0, 0]);
    }
}

fn wait(slot: &Slot) {
    let word = &slot.to_stub;
    match slot.spin.load(Relaxed) {
        0 => {}
        GIVE_WAY if word.load(Acquire) == FULL => {}
        GIVE_WAY => {
            syscall(SYS_SCHED_YIELD, [0; 6]);
        }
        ticks => spin(word, ticks.into()),
    }
    while word.load(Acquire) != FULL {
        if word.compare_exchange(EMPTY, ASLEEP, SeqCst, SeqCst) != Err(FULL) {
            syscall(SYS_FUTEX, [word.as_ptr() as u64, 0, ASLEEP as u64, 0, 0, 0]);
        }
    }
    word.store(EMPTY, Release);
    // As the sentry has it now: the message came with it.
    if slot.spin.load(Relaxed) <= GIVE_WAY {
        slot.resumed_at.store(ticks(), Relaxed);
    }
}

/// Watches the word for `budget` ticks. Reading the clock may be slow: not each time.
fn spin(word: &AtomicU32, budget: u64) {
    let start = ticks();
    while word.load(Acquire) != FULL && ticks().wrapping_sub(start) < budget {
        let mut looks = 32;
        while word.load(Acquire) != FULL && looks > 0 {
            core::hint::spin_loop();
            looks -= 1;
        }
    }
}

/// The processor that runs this: the low 12 bits of what the kernel keeps in IA32_TSC_AUX.
fn cpu(slot: &Slot) -> u32 {
    let aux: u64;
    // SAFETY: reads a register; RDPID where the host has it.
    unsafe {
        if slot.features.load(Relaxed) & FEATURE_RDPID != 0 {
            asm!("rdpid {}", out(reg) aux, options(nomem, nostack));
        } else {
            asm!("rdtscp", out("rax") _, out("rdx") _, out("rcx") aux, options(nomem, nostack));
        }
    }
    aux as u32 & 0xfff
}

fn ticks() -> u64 {
    // SAFETY: reads the time-stamp counter.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Loads the segment bases that the sentry set. It sets the flags only where the host has the instructions.
fn load_bases(slot: &Slot) {
    let flags = slot.resume_flags.load(Relaxed);
    if flags == 0 {
        return;
    }
    slot.resume_flags.store(0, Relaxed);
    // SAFETY: bases of the application; the stub itself uses neither register.
    unsafe {
        if flags & SET_FS != 0 {
            asm!("wrfsbase {}", in(reg) slot.fs_base.load(Relaxed), options(nomem, nostack));
        }
        if flags & SET_GS != 0 {
            asm!("wrgsbase {}", in(reg) slot.gs_base.load(Relaxed), options(nomem, nostack));
        }
    }
}

/// Makes the calls of the batch, empties the outbox, and goes on with the application; what there is to tell if that
/// cannot be.
fn calls_and(slot: &Slot, go_on: fn(&Slot) -> !) -> u32 {
    if !make_calls(slot) {
        return EVENT_CALLS_FAILED;
    }
    if !inbox::empty(slot) {
        return EVENT_OUTBOX_FAULT;
    }
    load_bases(slot);
    go_on(slot)
}

/// False: one failed, and those after it are not made.
fn make_calls(slot: &Slot) -> bool {
    let count = (slot.call_count.load(Relaxed) as usize).min(CALLS);
    let mut done = 0;
    let mut is_fine = true;
    while is_fine && done < count {
        // SAFETY: inside the slot; the sentry does not touch the batch while the stub has the turn.
        let call = unsafe { &mut *slot.calls[done].get() };
        call.result = syscall(call.nr, call.args);
        done += 1;
        is_fine = !(-4095..0).contains(&call.result);
    }
    slot.calls_done.store(done as u32, Relaxed);
    is_fine
}

/// Starts a thread on the slot at `args[0]`; result: its host tid.
fn spawn(slot: &Slot) {
    let child = slot.args[0].load(Relaxed);
    // SAFETY: the address of another slot of this process, as the sentry says.
    let child_slot = unsafe { &*(child as *const Slot) };
    // Its stack of calls: nothing is served there before it runs.
    let stack = child + CALL_STACK_TOP;
    let tid_word = child_slot.tid.as_ptr() as u64;
    let result: i64;
    // SAFETY: the child runs on its own slot's stack and never returns here.
    unsafe {
        asm!("syscall", "test rax, rax", "jnz 2f", "mov rdi, r12", "xor ebp, ebp", "call {main}", "ud2", "2:",
            main = sym thread_main,
            inlateout("rax") SYS_CLONE as i64 => result, in("rdi") THREAD_FLAGS, in("rsi") stack, in("rdx") 0,
            in("r10") tid_word, in("r8") 0, in("r12") child, lateout("rcx") _, lateout("r11") _);
    }
    slot.result.store(result as u64, Relaxed);
}

extern "C" fn thread_main(slot: *const Slot) -> ! {
    // SAFETY: the thread's slot.
    let slot = unsafe { &*slot };
    alternate_stack(slot);
    serve(slot, EVENT_READY)
}
