//! A profile as a program: a tree of comparisons of the call's number, rules at its leaves.

use super::rule::{Rule, ret};
use abi::bpf::{ABS, ALU, AND, Instruction, JA, JEQ, JGE, JMP, K, LD, W};
use abi::seccomp::{AUDIT_ARCH_X86_64, Data, RET_ERRNO, RET_KILL_THREAD, X32_SYSCALL_BIT};
use std::collections::BTreeMap;

/// A profile whose calls have numbers.
pub(super) struct Profile {
    /// Rules by number; the first that holds counts.
    pub(super) calls: BTreeMap<u32, Vec<Rule>>,
    /// The verdict on all others.
    pub(super) default: u32,
    /// The first number from which on calls do not exist.
    pub(super) absent: Option<u32>,
    /// Calls of the x32 ABI are as those of the same number, else they end the thread.
    pub(super) has_x32: bool,
}

/// A program for a profile. It may be too long.
pub(super) fn compile(profile: &Profile) -> Vec<Instruction> {
    let mut code = prologue(profile.has_x32);
    code.extend(tree(&pieces(profile)));
    code
}

const fn load(k: usize) -> Instruction {
    Instruction { code: LD | W | ABS, jt: 0, jf: 0, k: k as u32 }
}

const fn jump(code: u16, k: u32, jt: u8, jf: u8) -> Instruction {
    Instruction { code: JMP | code | K, jt, jf, k }
}

/// Calls of other processors end the thread; the number of the call is loaded.
fn prologue(has_x32: bool) -> Vec<Instruction> {
    let mut code = vec![
        load(std::mem::offset_of!(Data, arch)),
        jump(JEQ, AUDIT_ARCH_X86_64, 1, 0),
        ret(RET_KILL_THREAD),
        load(std::mem::offset_of!(Data, nr)),
    ];
    // -1 is a call that a tracer has taken away.
    if has_x32 {
        code.extend([
            jump(JEQ, u32::MAX, 1, 0),
            Instruction { code: ALU | AND | K, jt: 0, jf: 0, k: !X32_SYSCALL_BIT },
        ]);
    } else {
        code.extend([jump(JGE, X32_SYSCALL_BIT, 0, 2), jump(JEQ, u32::MAX, 1, 0), ret(RET_KILL_THREAD)]);
    }
    code
}

/// The first number of a stretch, and what decides about all calls of it.
type Piece = (u32, Vec<Instruction>);

/// All numbers, in stretches that are treated alike.
fn pieces(profile: &Profile) -> Vec<Piece> {
    let default = || vec![ret(profile.default)];
    let mut pieces = vec![(0, default())];
    let mut add = |start: u32, code: Vec<Instruction>| match pieces.last_mut() {
        Some((last, old)) if *last == start => *old = code,
        Some((_, old)) if *old == code => {}
        _ => pieces.push((start, code)),
    };
    for (&nr, rules) in &profile.calls {
        let mut code: Vec<_> = rules.iter().flat_map(Rule::compile).collect();
        code.push(ret(profile.default));
        if let Some(end) = rules.iter().position(|rule| !rule.is_conditional()) {
            // Nothing behind it is ever reached.
            code = rules[..=end].iter().flat_map(Rule::compile).collect();
        }
        add(nr, code);
        add(nr + 1, default());
    }
    if let Some(first) = profile.absent {
        add(first, vec![ret(RET_ERRNO | u32::from(abi::Errno::ENOSYS.0))]);
    }
    pieces
}

/// Halves the pieces until one is left.
fn tree(pieces: &[Piece]) -> Vec<Instruction> {
    let [_, _, ..] = pieces else { return pieces.iter().flat_map(|(_, code)| code.clone()).collect() };
    let (below, above) = pieces.split_at(pieces.len() / 2);
    let start = above.first().map_or(0, |&(start, _)| start);
    let below = tree(below);
    let mut code = match u8::try_from(below.len()) {
        Ok(distance) => vec![jump(JGE, start, distance, 0)],
        Err(_) => {
            vec![jump(JGE, start, 0, 1), Instruction { code: JMP | JA, jt: 0, jf: 0, k: below.len() as u32 }]
        }
    };
    code.extend(below);
    code.extend(tree(above));
    code
}
