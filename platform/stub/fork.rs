//! A copy of the process.

use super::layout::{EVENT_READY, SLOT_LEN, SLOTS_BASE, SLOTS_LEN, Slot};
use super::{FORK_FLAGS, SYS_CLONE, SYS_CLOSE, SYS_RECVMSG, die_with_the_sentry, serve, syscall};
use core::arch::asm;
use core::sync::atomic::Ordering::Relaxed;

/// Takes the child's slots and socket and forks; result: the child's host pid. `args[0..2]`: the numbers that
/// the descriptors will have; `args[2]`: the child's boot stack.
pub(super) fn fork(slot: &Slot) {
    let fds = [slot.args[0].load(Relaxed), slot.args[1].load(Relaxed)];
    let header = slot.message.as_ptr() as u64;
    let received = syscall(SYS_RECVMSG, [slot.socket.load(Relaxed) as u64, header, 0x40, 0, 0, 0]);
    if received < 0 {
        slot.result.store(received as u64, Relaxed);
        return;
    }
    let stack = slot.args[2].load(Relaxed);
    let result: i64;
    // SAFETY: the child uses no memory until it has mapped its own slots over the parent's, then its own stack
    // in them, and never returns here.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "mov eax, 9",
            "mov rdi, r12",
            "mov rsi, r13",
            "mov edx, 3",
            "mov r10d, 0x11",
            "mov r8, r14",
            "xor r9d, r9d",
            "syscall",
            "cmp rax, r12",
            "jne 3f",
            "mov rsp, r15",
            "xor ebp, ebp",
            "call {main}",
            "3: ud2",
            "2:",
            main = sym fork_main,
            inlateout("rax") SYS_CLONE as i64 => result, in("rdi") FORK_FLAGS, in("rsi") 0, in("rdx") 0,
            in("r10") 0, in("r8") 0, in("r12") SLOTS_BASE, in("r13") SLOTS_LEN, in("r14") fds[0], in("r15") stack,
            lateout("rcx") _, lateout("r11") _,
        );
    }
    for fd in fds {
        syscall(SYS_CLOSE, [fd, 0, 0, 0, 0, 0]);
    }
    slot.result.store(result as u64, Relaxed);
}

extern "C" fn fork_main() -> ! {
    let marker = 0u8;
    // SAFETY: the stack lies in the slot.
    let slot = unsafe { &*((&raw const marker as u64 & !(SLOT_LEN - 1)) as *const Slot) };
    die_with_the_sentry();
    for fd in &slot.close {
        syscall(SYS_CLOSE, [fd.load(Relaxed) as u64, 0, 0, 0, 0, 0]);
    }
    serve(slot, EVENT_READY)
}
