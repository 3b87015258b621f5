//! Instructions of a seccomp program: seccomp(2), `linux/filter.h`.

use super::table::Condition;
use seccompiler::sock_filter as Instruction;

const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP: u16 = 0x05;
const IF_EQUAL: u16 = 0x15;
const IF_NOT_BELOW: u16 = 0x35;
const RETURN: u16 = 0x06;

const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

/// What the host does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Makes it.
    Allow,
    /// Says that there is no such call.
    Absent,
    /// Raises SIGSYS.
    Trap,
    /// Kills the process.
    Kill,
}

impl Verdict {
    /// `SECCOMP_RET_*`.
    pub(super) const fn value(self) -> u32 {
        match self {
            Self::Allow => 0x7fff_0000,
            Self::Absent => 0x0005_0000 | abi::Errno::ENOSYS.0 as u32,
            Self::Trap => 0x0003_0000,
            Self::Kill => 0x8000_0000,
        }
    }
}

/// A piece of a program. Jumps stay inside, or go to its end.
#[derive(Clone, Debug, Default)]
pub(super) struct Code(Vec<Instruction>);

impl Code {
    /// The answer is `verdict`.
    pub(super) fn end(verdict: Verdict) -> Self {
        Self(vec![plain(RETURN, verdict.value())])
    }

    /// Goes to `below` or `above` by the number of the call, which must have been loaded; `above` from `first` on.
    pub(super) fn branch(first: u32, below: Self, above: Self) -> Self {
        let head = match u8::try_from(below.0.len()) {
            Ok(over) => vec![Instruction { jt: over, ..plain(IF_NOT_BELOW, first) }],
            // Too far for a branch.
            Err(_) => {
                vec![Instruction { jf: 1, ..plain(IF_NOT_BELOW, first) }, plain(JUMP, below.0.len() as u32)]
            }
        };
        Self([head, below.0, above.0].concat())
    }

    /// Goes to its end instead when the condition does not hold.
    pub(super) fn only_if(self, condition: &Condition) -> Self {
        let (argument, mask, value) = match *condition {
            Condition::Is(argument, value) => (argument, u64::MAX, value),
            Condition::Masked(argument, mask, value) => (argument, mask, value),
        };
        let offset = ARGUMENTS + 8 * u32::from(argument);
        let low = self.only_if_word(offset, mask as u32, value as u32);
        low.only_if_word(offset + 4, (mask >> 32) as u32, (value >> 32) as u32)
    }

    fn only_if_word(self, offset: u32, mask: u32, value: u32) -> Self {
        if mask == 0 {
            return self;
        }
        let mut head = vec![plain(LOAD, offset)];
        if mask != u32::MAX {
            head.push(plain(AND, mask));
        }
        // Conditions of one entry are few: their code is far shorter than the longest branch.
        head.push(Instruction { jf: self.0.len() as u8, ..plain(IF_EQUAL, value) });
        Self([head, self.0].concat())
    }

    /// With `otherwise` at its end.
    pub(super) fn or(self, otherwise: Self) -> Self {
        Self([self.0, otherwise.0].concat())
    }

    /// A whole program from code that expects the number of the call. Calls of other machines' kind are fatal.
    pub(super) fn for_this_machine(code: Self) -> Self {
        let head = vec![
            plain(LOAD, ARCHITECTURE),
            Instruction { jt: 1, ..plain(IF_EQUAL, AUDIT_ARCH_X86_64) },
            plain(RETURN, Verdict::Kill.value()),
            plain(LOAD, NUMBER),
        ];
        Self([head, code.0].concat())
    }

    /// As the host takes it.
    pub(super) fn instructions(&self) -> &[Instruction] {
        &self.0
    }
}

const fn plain(code: u16, k: u32) -> Instruction {
    Instruction { code, jt: 0, jf: 0, k }
}

/// What the host would answer to a call.
#[cfg(test)]
pub(super) fn simulate(code: &Code, architecture: u32, number: u32, arguments: [u64; 6]) -> u32 {
    let word = |offset: u32| match offset {
        NUMBER => number,
        ARCHITECTURE => architecture,
        _ => {
            let argument = arguments[((offset - ARGUMENTS) / 8) as usize];
            (argument >> (8 * (offset % 8))) as u32
        }
    };
    let (mut at, mut register) = (0, 0);
    loop {
        let Instruction { code, jt, jf, k } = code.0[at];
        at += 1;
        match code {
            LOAD => register = word(k),
            AND => register &= k,
            JUMP => at += k as usize,
            IF_EQUAL => at += usize::from(if register == k { jt } else { jf }),
            IF_NOT_BELOW => at += usize::from(if register >= k { jt } else { jf }),
            RETURN => return k,
            other => panic!("instruction {other:#x}"),
        }
    }
}
