//! Copying to and from the application, whose addresses may turn out bad at any byte.

use crate::die;
use core::arch::global_asm;

global_asm!(
    // Copies rdx bytes from rsi to rdi; returns how many were left when an address turned out bad.
    "stub_copy:",
    "mov rcx, rdx",
    "rep movsb",
    "stub_copy_fault:",
    "mov rax, rcx",
    "ret",
    // Writes rdx bytes of sil to rdi; returns how many were left when an address turned out bad.
    "stub_zero:",
    "mov rcx, rdx",
    "mov eax, esi",
    "rep stosb",
    "stub_zero_fault:",
    "mov rax, rcx",
    "ret",
    // Copies a string of at most rdx bytes from rsi to rdi; returns its length with the zero byte, 0 for none.
    "stub_copy_string:",
    "xor ecx, ecx",
    "2:",
    "mov al, [rsi + rcx]",
    "mov [rdi + rcx], al",
    "inc rcx",
    "test al, al",
    "jz 3f",
    "cmp rcx, rdx",
    "jb 2b",
    "stub_copy_string_fault:",
    "xor ecx, ecx",
    "3:",
    "mov rax, rcx",
    "ret",
    // Compare-and-exchange of the word at rdi, esi to edx; returns the old value, or FAULTED.
    "stub_exchange:",
    "mov eax, esi",
    "lock cmpxchg dword ptr [rdi], edx",
    "mov eax, eax",
    "ret",
    "stub_exchange_fault:",
    "mov rax, -1",
    "ret",
);

unsafe extern "C" {
    pub(crate) safe fn stub_copy(to: u64, from: u64, len: u64) -> u64;
    safe fn stub_copy_fault();
    pub(crate) safe fn stub_zero(to: u64, byte: u64, len: u64) -> u64;
    safe fn stub_zero_fault();
    pub(crate) safe fn stub_copy_string(to: u64, from: u64, max: u64) -> u64;
    safe fn stub_copy_string_fault();
    pub(crate) safe fn stub_exchange(addr: u64, old: u64, new: u64) -> u64;
    safe fn stub_exchange_fault();
}

/// Where to go on after a fault of our own copying at `rip`.
pub(crate) fn fixup(rip: u64) -> u64 {
    let copies = [
        (stub_copy as *const (), stub_copy_fault as *const ()),
        (stub_zero as *const (), stub_zero_fault as *const ()),
        (stub_copy_string as *const (), stub_copy_string_fault as *const ()),
        (stub_exchange as *const (), stub_exchange_fault as *const ()),
    ];
    for (start, fault) in copies {
        if (start as u64..fault as u64).contains(&rip) {
            return fault as u64;
        }
    }
    die()
}
