//! The checks that Linux makes before it takes a program (`bpf_check_classic`, `seccomp_check_filter`): which
//! instructions there are, and that none can do harm.

use crate::op::{Alu, Op, Operand, Test};
use abi::Errno;
use abi::bpf::{
    A, ABS, ADD, ALU, AND, DIV, IMM, Instruction, JA, JEQ, JGE, JGT, JMP, JSET, K, LD, LDX, LEN, LSH, MAX_INSTRUCTIONS,
    MEM, MEMORY_WORDS, MISC, MUL, NEG, OR, RET, RSH, ST, STX, SUB, TAX, TXA, W, X, XOR,
};
use abi::seccomp::Data;

// Codes that stand for themselves; arithmetic and jumps have an operand beside.
const LD_ABS: u16 = LD | W | ABS;
const LD_LEN: u16 = LD | W | LEN;
const LD_IMM: u16 = LD | IMM;
const LD_MEM: u16 = LD | MEM;
const LDX_LEN: u16 = LDX | W | LEN;
const LDX_IMM: u16 = LDX | IMM;
const LDX_MEM: u16 = LDX | MEM;
const NEGATE: u16 = ALU | NEG;
const TO_INDEX: u16 = MISC | TAX;
const FROM_INDEX: u16 = MISC | TXA;
const JUMP: u16 = JMP | JA;
const RET_K: u16 = RET | K;
const RET_A: u16 = RET | A;

/// Bytes of the data.
const DATA_LEN: u32 = size_of::<Data>() as u32;

/// Checks a program. `EINVAL`.
pub(crate) fn decode(program: &[Instruction]) -> Result<Box<[Op]>, Errno> {
    if program.is_empty() || program.len() > MAX_INSTRUCTIONS {
        return Err(Errno::EINVAL);
    }
    let left = |at: usize| program.len() - at - 1;
    let ops = program.iter().enumerate().map(|(at, instruction)| one(*instruction, left(at)).ok_or(Errno::EINVAL));
    let ops: Box<[Op]> = ops.collect::<Result<_, _>>()?;
    let ends = matches!(ops.last(), Some(Op::Return(_) | Op::ReturnAccumulator));
    if ends && writes_before_reads(&ops) { Ok(ops) } else { Err(Errno::EINVAL) }
}

/// One instruction, behind which `left` others stand; `None` when there is no such one.
fn one(instruction: Instruction, left: usize) -> Option<Op> {
    let Instruction { code, k, .. } = instruction;
    let cell = || u8::try_from(k).ok().filter(|&cell| usize::from(cell) < MEMORY_WORDS);
    match code {
        LD_ABS if k < DATA_LEN && k.is_multiple_of(4) => Some(Op::Data((k / 4) as u8)),
        LD_LEN => Some(Op::Constant(DATA_LEN)),
        LD_IMM => Some(Op::Constant(k)),
        LD_MEM => cell().map(Op::Memory),
        LDX_LEN => Some(Op::IndexConstant(DATA_LEN)),
        LDX_IMM => Some(Op::IndexConstant(k)),
        LDX_MEM => cell().map(Op::IndexMemory),
        ST => cell().map(Op::Store),
        STX => cell().map(Op::StoreIndex),
        NEGATE => Some(Op::Negate),
        TO_INDEX => Some(Op::ToIndex),
        FROM_INDEX => Some(Op::FromIndex),
        JUMP => usize::try_from(k).ok().filter(|&distance| distance < left).map(|distance| Op::Jump(distance as u16)),
        RET_K => Some(Op::Return(k)),
        RET_A => Some(Op::ReturnAccumulator),
        _ => with_operand(instruction, left),
    }
}

/// Arithmetic and conditional jumps.
fn with_operand(instruction: Instruction, left: usize) -> Option<Op> {
    let Instruction { code, jt, jf, k } = instruction;
    let operand = if code & X == X { Operand::Index } else { Operand::Constant(k) };
    let is_distance = operand == Operand::Index || k < u32::BITS;
    let alu = |alu: Alu| Some(Op::Alu(alu, operand));
    let branch = |test: Test| {
        let is_inside = usize::from(jt.max(jf)) < left;
        is_inside.then_some(Op::Branch { test, operand, yes: jt, no: jf })
    };
    match (code & 7, code & !(7 | X)) {
        (ALU, ADD) => alu(Alu::Add),
        (ALU, SUB) => alu(Alu::Sub),
        (ALU, MUL) => alu(Alu::Mul),
        (ALU, DIV) if operand != Operand::Constant(0) => alu(Alu::Div),
        (ALU, OR) => alu(Alu::Or),
        (ALU, AND) => alu(Alu::And),
        (ALU, XOR) => alu(Alu::Xor),
        (ALU, LSH) if is_distance => alu(Alu::Left),
        (ALU, RSH) if is_distance => alu(Alu::Right),
        (JMP, JEQ) => branch(Test::Equal),
        (JMP, JGT) => branch(Test::Greater),
        (JMP, JGE) => branch(Test::GreaterOrEqual),
        (JMP, JSET) => branch(Test::AnyBit),
        _ => None,
    }
}

/// Every word of memory was written, on every way to where it is read. What stands behind a return counts as
/// reached from it, as Linux has it.
fn writes_before_reads(ops: &[Op]) -> bool {
    const ALL: u16 = u16::MAX;
    // What is written when an instruction is reached by a jump.
    let mut reached = vec![ALL; ops.len()];
    let mut written = 0;
    for (at, op) in ops.iter().enumerate() {
        written &= reached[at];
        match *op {
            Op::Store(cell) | Op::StoreIndex(cell) => written |= 1 << cell,
            Op::Memory(cell) | Op::IndexMemory(cell) if written & 1 << cell == 0 => return false,
            Op::Jump(distance) => {
                reached[at + 1 + usize::from(distance)] &= written;
                written = ALL;
            }
            Op::Branch { yes, no, .. } => {
                reached[at + 1 + usize::from(yes)] &= written;
                reached[at + 1 + usize::from(no)] &= written;
                written = ALL;
            }
            _ => {}
        }
    }
    true
}
