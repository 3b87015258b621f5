//! Running a checked program. Jumps go forward only, so it ends.

use crate::op::{Alu, Op, Operand};
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

/// Runs a program that may see the first two words of a call only, number and architecture; `None` when its result
/// depends on more.
pub(crate) fn run_known(ops: &[Op], nr: u32, arch: u32) -> Option<u32> {
    let (mut accumulator, mut index) = (Some(0u32), Some(0u32));
    let mut memory = [Some(0u32); MEMORY_WORDS];
    let mut at = 0;
    while let Some(op) = ops.get(at) {
        at += 1;
        let side = |operand| match operand {
            Operand::Constant(value) => Some(value),
            Operand::Index => index,
        };
        match *op {
            Op::Data(0) => accumulator = Some(nr),
            Op::Data(1) => accumulator = Some(arch),
            Op::Data(_) => accumulator = None,
            Op::Constant(value) => accumulator = Some(value),
            Op::Memory(cell) => accumulator = memory[usize::from(cell) % MEMORY_WORDS],
            Op::IndexConstant(value) => index = Some(value),
            Op::IndexMemory(cell) => index = memory[usize::from(cell) % MEMORY_WORDS],
            Op::Store(cell) => memory[usize::from(cell) % MEMORY_WORDS] = accumulator,
            Op::StoreIndex(cell) => memory[usize::from(cell) % MEMORY_WORDS] = index,
            Op::Alu(alu, operand) => {
                let right = side(operand);
                if alu == Alu::Div && right.is_none_or(|divisor| divisor == 0) {
                    return right.map(|_| DIVIDED_BY_ZERO);
                }
                accumulator = accumulator.zip(right).and_then(|(left, right)| alu.apply(left, right));
            }
            Op::Negate => accumulator = accumulator.map(u32::wrapping_neg),
            Op::ToIndex => index = accumulator,
            Op::FromIndex => accumulator = index,
            Op::Jump(distance) => at += usize::from(distance),
            Op::Branch { test, operand, yes, no } => {
                let holds = test.holds(accumulator?, side(operand)?);
                at += usize::from(if holds { yes } else { no });
            }
            Op::Return(value) => return Some(value),
            Op::ReturnAccumulator => return accumulator,
        }
    }
    None
}
