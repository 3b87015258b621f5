//! The stub's seccomp filter, as data.

use super::layout::{AUDIT_ARCH_X86_64, STUB_BASE, STUB_LEN};
use libc::{
    BPF_ABS, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W, SECCOMP_RET_ALLOW,
    SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_TRAP, sock_filter,
};

/// A condition on the low half of an argument (the high half is not looked at where the kernel does not).
#[derive(Clone, Copy)]
enum Condition {
    /// Argument `.0` is one of `.1`.
    OneOf(u8, &'static [u32]),
    /// Argument `.0` has no bit of `.1`.
    NoneOf(u8, u32),
}

/// A host call that the stub may make, and why.
struct Rule {
    nr: libc::c_long,
    condition: Option<Condition>,
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reader; a test holds that each rule has one"))]
    reason: &'static str,
}

const fn rule(nr: libc::c_long, condition: Option<Condition>, reason: &'static str) -> Rule {
    Rule { nr, condition, reason }
}

/// `CLONE_PARENT`.
const FORK_FLAGS: u32 = 0x8000;
/// As the stub starts threads: `CLONE_VM | FS | FILES | SIGHAND | THREAD | SYSVSEM | CHILD_CLEARTID`.
const THREAD_FLAGS: u32 = 0x100 | 0x200 | 0x400 | 0x800 | 0x1_0000 | 0x4_0000 | 0x20_0000;
/// `MAP_SHARED | PRIVATE | FIXED | ANONYMOUS | NORESERVE | POPULATE | STACK | FIXED_NOREPLACE`.
const MAP_FLAGS: u32 = 0x1 | 0x2 | 0x10 | 0x20 | 0x4000 | 0x8000 | 0x2_0000 | 0x10_0000;
/// `MADV_*` that concern nothing but the caller's own mappings.
const ADVICE: &[u32] = &[0, 1, 2, 3, 4, 8, 10, 11, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23];

/// `FUTEX_*` without priority inheritance, plain, private, and on the real-time clock where there is a timeout.
const FUTEX: &[u32] = &[
    0, 1, 3, 4, 5, 9, 10, //
    128, 129, 131, 132, 133, 137, 138, //
    256, 265, 384, 393,
];

/// Calls from the stub's own code; any other call from there ends the process. Sorted by how often.
const RULES: &[Rule] = &[
    rule(libc::SYS_rt_sigreturn, None, "back to the application"),
    rule(
        libc::SYS_futex,
        Some(Condition::OneOf(1, FUTEX)),
        "sleep until the sentry answers; the application's futexes",
    ),
    rule(libc::SYS_mmap, Some(Condition::NoneOf(3, !MAP_FLAGS)), "the application's mappings"),
    rule(libc::SYS_sched_yield, None, "the application gives way"),
    rule(libc::SYS_futex_waitv, None, "the application waits for several futexes"),
    rule(libc::SYS_munmap, None, "the application's mappings"),
    rule(libc::SYS_mprotect, None, "the application's mappings"),
    rule(libc::SYS_recvmsg, None, "descriptors to map, one by one"),
    rule(libc::SYS_close, None, "a descriptor once it is mapped"),
    rule(libc::SYS_madvise, Some(Condition::OneOf(2, ADVICE)), "the application's mappings"),
    rule(libc::SYS_mremap, None, "the application's mappings"),
    rule(libc::SYS_clone, Some(Condition::OneOf(0, &[FORK_FLAGS, THREAD_FLAGS])), "fork and threads"),
    rule(
        libc::SYS_prctl,
        Some(Condition::OneOf(0, &[libc::PR_SET_PDEATHSIG as u32])),
        "a forked stub dies with the sentry",
    ),
    rule(libc::SYS_exit, None, "end of a thread"),
    rule(libc::SYS_sigaltstack, None, "a new thread's own signal stack"),
    rule(libc::SYS_arch_prctl, None, "the vDSO of a new program; segment bases where the CPU lacks FSGSBASE"),
    rule(libc::SYS_rseq, None, "the application's rseq area"),
    rule(libc::SYS_membarrier, None, "barriers among the application's own threads"),
    rule(libc::SYS_mincore, None, "residency of the application's pages"),
    rule(libc::SYS_exit_group, None, "end of a stub that lost its way"),
];

const fn statement(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

const fn jump(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: (BPF_JMP | code | BPF_K) as u16, jt, jf, k }
}

const fn load(offset: u32) -> sock_filter {
    statement(BPF_LD | BPF_W | BPF_ABS, offset)
}

const fn ret(action: u32) -> sock_filter {
    statement(BPF_RET | BPF_K, action)
}

/// Offsets in `struct seccomp_data`.
const NR: u32 = 0;
const ARCH: u32 = 4;
const IP: u32 = 8;
const ARGS: u32 = 16;

/// The program: calls from outside the stub trap; calls from inside follow [`RULES`].
pub(super) fn program() -> Vec<sock_filter> {
    let mut program = vec![
        load(ARCH),
        jump(BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0),
        ret(SECCOMP_RET_TRAP),
        load(IP + 4),
        jump(BPF_JEQ, (STUB_BASE >> 32) as u32, 0, 2),
        load(IP),
        jump(BPF_JGE, STUB_LEN as u32, 0, 1),
        ret(SECCOMP_RET_TRAP),
        load(NR),
    ];
    const { assert!(STUB_BASE as u32 == 0, "the filter compares the low half with the length alone") };
    for rule in RULES {
        let body = body(rule.condition);
        program.push(jump(BPF_JEQ, rule.nr as u32, 0, body.len() as u8));
        program.extend(body);
    }
    program.push(ret(SECCOMP_RET_KILL_PROCESS));
    program
}

/// What follows when the number matches; always ends the program.
fn body(condition: Option<Condition>) -> Vec<sock_filter> {
    let (allow, kill) = (ret(SECCOMP_RET_ALLOW), ret(SECCOMP_RET_KILL_PROCESS));
    match condition {
        None => vec![allow],
        Some(Condition::NoneOf(index, bits)) => {
            vec![load(ARGS + 8 * u32::from(index)), jump(BPF_JSET, bits, 0, 1), kill, allow]
        }
        Some(Condition::OneOf(index, values)) => {
            let mut body = vec![load(ARGS + 8 * u32::from(index))];
            for (i, &value) in values.iter().enumerate() {
                body.push(jump(BPF_JEQ, value, (values.len() - i) as u8, 0));
            }
            body.extend([kill, allow]);
            body
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_twenty_calls_each_with_a_reason() {
        assert!(RULES.len() <= 20);
        assert!(RULES.iter().all(|rule| !rule.reason.is_empty()));
        assert!(program().len() < 255, "jumps fit a byte");
    }
}
