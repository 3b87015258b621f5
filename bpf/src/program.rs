//! A program.

use crate::entries::Entries;
use crate::op::{Alu, Op, Operand, Test};
use crate::{decode, run};
use abi::Errno;
use abi::bpf::Instruction;
use abi::seccomp::{AUDIT_ARCH_X86_64, Data};

/// Programs of fewer instructions run as fast as they are entered.
const SHORT: usize = 16;

/// A program that passed the checks of Linux.
#[derive(Clone, Debug)]
pub struct Program {
    ops: Box<[Op]>,
    entries: Entries,
    /// As it was given.
    source: Box<[Instruction]>,
}

impl Program {
    /// Checks a program: length, instructions, places, jumps, memory. `EINVAL`.
    pub fn new(instructions: &[Instruction]) -> Result<Self, Errno> {
        let ops = decode::decode(instructions)?;
        Ok(Self { ops, entries: Entries::default(), source: instructions.into() })
    }

    /// The instructions that it was made of.
    pub fn source(&self) -> &[Instruction] {
        &self.source
    }

    /// Instructions of its own that Linux makes of it, which is what its limit of a chain counts.
    pub fn translated_len(&self) -> usize {
        PROLOGUE + self.ops.iter().map(translated).sum::<usize>()
    }

    /// Its result for a call.
    pub fn run(&self, data: &Data) -> u32 {
        let ops = self.ops.get(self.entry(data)..).unwrap_or(&self.ops);
        run::run(ops, &zerocopy::transmute!(*data))
    }

    fn entry(&self, data: &Data) -> usize {
        if self.ops.len() < SHORT || data.arch != AUDIT_ARCH_X86_64 {
            return 0;
        }
        let nr = data.nr.cast_unsigned();
        self.entries.get(nr, || run::entry(&self.ops, nr, data.arch))
    }

    /// Its result for every call with this number and architecture; `None` when arguments or the place of the call
    /// may matter.
    pub fn run_known(&self, nr: u32, arch: u32) -> Option<u32> {
        match self.ops.get(run::entry(&self.ops, nr, arch)) {
            Some(Op::Return(value)) => Some(*value),
            _ => None,
        }
    }
}

/// Linux clears two registers and keeps the place of the data first.
const PROLOGUE: usize = 3;

/// Instructions that Linux makes of one (`bpf_convert_filter`).
fn translated(op: &Op) -> usize {
    match *op {
        Op::Alu(Alu::Div, Operand::Index) => 5,
        Op::Branch { test, operand, yes, no } => {
            let is_wide = matches!(operand, Operand::Constant(value) if value.cast_signed() < 0);
            // One way is the next instruction, and there is a comparison for it.
            let is_short = no == 0 || (yes == 0 && !matches!(test, Test::AnyBit));
            1 + usize::from(is_wide) + usize::from(!is_short)
        }
        Op::Return(_) => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests;
