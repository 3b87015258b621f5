//! Running a checked program. Jumps go forward only, so it ends.

use crate::op::{Op, Operand};
use abi::bpf::MEMORY_WORDS;

/// What a program ends with when it divides by zero.
const DIVIDED_BY_ZERO: u32 = 0;
/// Words of the data.
const WORDS: usize = 16;

/// Runs a program on all words of a call; its result.
pub(crate) fn run(ops: &[Op], data: &[u32; WORDS]) -> u32 {
    let (mut accumulator, mut index) = (0u32, 0u32);
    let mut memory = [0u32; MEMORY_WORDS];
    let mut at = 0;
    // The checks let no program run over its end.
    while let Some(op) = ops.get(at) {
        at += 1;
        match *op {
            Op::Data(word) => accumulator = data[usize::from(word) % WORDS],
            Op::Constant(value) => accumulator = value,
            Op::Memory(cell) => accumulator = memory[usize::from(cell) % MEMORY_WORDS],
            Op::IndexConstant(value) => index = value,
            Op::IndexMemory(cell) => index = memory[usize::from(cell) % MEMORY_WORDS],
            Op::Store(cell) => memory[usize::from(cell) % MEMORY_WORDS] = accumulator,
            Op::StoreIndex(cell) => memory[usize::from(cell) % MEMORY_WORDS] = index,
            Op::Alu(alu, operand) => match alu.apply(accumulator, value(operand, index)) {
                Some(value) => accumulator = value,
                None => return DIVIDED_BY_ZERO,
            },
            Op::Negate => accumulator = accumulator.wrapping_neg(),
            Op::ToIndex => index = accumulator,
            Op::FromIndex => accumulator = index,
            Op::Jump(distance) => at += usize::from(distance),
            Op::Branch { test, operand, yes, no } => {
                let holds = test.holds(accumulator, value(operand, index));
                at += usize::from(if holds { yes } else { no });
            }
            Op::Return(value) => return value,
            Op::ReturnAccumulator => return accumulator,
        }
    }
    DIVIDED_BY_ZERO
}

const fn value(operand: Operand, index: u32) -> u32 {
    match operand {
        Operand::Constant(value) => value,
        Operand::Index => index,
    }
}

/// Where a program may be entered, with its registers and memory cleared, for any call with this number and
/// architecture: what stands before depends on nothing else, and is forgotten by what stands there. That loads
/// something else of the call, or ends with a constant. The start, if there is no other such place.
pub(crate) fn entry(ops: &[Op], nr: u32, arch: u32) -> usize {
    let mut accumulator = 0;
    let mut at = 0;
    while let Some(op) = ops.get(at) {
        match *op {
            Op::Data(0) => accumulator = nr,
            Op::Data(1) => accumulator = arch,
            Op::Data(_) | Op::Return(_) => return at,
            Op::Constant(value) => accumulator = value,
            Op::Alu(alu, Operand::Constant(right)) => match alu.apply(accumulator, right) {
                Some(value) => accumulator = value,
                None => return 0,
            },
            Op::Negate => accumulator = accumulator.wrapping_neg(),
            Op::Jump(distance) => at += usize::from(distance),
            Op::Branch { test, operand: Operand::Constant(right), yes, no } => {
                at += usize::from(if test.holds(accumulator, right) { yes } else { no });
            }
            _ => return 0,
        }
        at += 1;
    }
    0
}
