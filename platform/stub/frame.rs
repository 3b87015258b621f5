//! What the kernel leaves on the alternate stack for a handler: `signal(7)`, `sigaction(2)`.

use crate::layout::AUDIT_ARCH_X86_64;

/// `siginfo` of SIGSYS: signal, error, code, padding; address of the call; its number and architecture.
#[repr(C)]
pub(crate) struct TrapInfo {
    header: [u32; 4],
    address: u64,
    nr: u32,
    arch: u32,
}

impl TrapInfo {
    /// The call was none of the 32-bit ones, whose numbers are others.
    pub(crate) fn is_64_bit(&self) -> bool {
        self.arch == AUDIT_ARCH_X86_64
    }
}

/// `gregs` of a `ucontext`: r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, flags.
#[repr(C)]
pub(crate) struct Context {
    header: [u64; 5],
    pub(crate) r8: u64,
    pub(crate) r9: u64,
    pub(crate) r10: u64,
    pub(crate) r11: u64,
    pub(crate) r12: u64,
    pub(crate) r13: u64,
    pub(crate) r14: u64,
    pub(crate) r15: u64,
    pub(crate) rdi: u64,
    pub(crate) rsi: u64,
    pub(crate) rbp: u64,
    pub(crate) rbx: u64,
    pub(crate) rdx: u64,
    pub(crate) rax: u64,
    pub(crate) rcx: u64,
    pub(crate) rsp: u64,
    pub(crate) rip: u64,
    pub(crate) flags: u64,
}
