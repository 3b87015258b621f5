//! Classic BPF: `linux/filter.h`, `linux/bpf_common.h`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Most instructions of a program: `BPF_MAXINSNS`.
pub const MAX_INSTRUCTIONS: usize = 4096;
/// Words of scratch memory: `BPF_MEMWORDS`.
pub const MEMORY_WORDS: usize = 16;

/// Class: load into the accumulator.
pub const LD: u16 = 0x00;
/// Class: load into the index register.
pub const LDX: u16 = 0x01;
/// Class: store the accumulator.
pub const ST: u16 = 0x02;
/// Class: store the index register.
pub const STX: u16 = 0x03;
/// Class: arithmetic.
pub const ALU: u16 = 0x04;
/// Class: jumps.
pub const JMP: u16 = 0x05;
/// Class: return.
pub const RET: u16 = 0x06;
/// Class: transfers between the registers.
pub const MISC: u16 = 0x07;

/// Size: 32 bits.
pub const W: u16 = 0x00;
/// Mode: the constant.
pub const IMM: u16 = 0x00;
/// Mode: the data at a fixed offset.
pub const ABS: u16 = 0x20;
/// Mode: scratch memory.
pub const MEM: u16 = 0x60;
/// Mode: the length of the data.
pub const LEN: u16 = 0x80;

/// Operand: the constant.
pub const K: u16 = 0x00;
/// Operand: the index register.
pub const X: u16 = 0x08;
/// Returned value: the accumulator.
pub const A: u16 = 0x10;

/// Arithmetic: sum.
pub const ADD: u16 = 0x00;
/// Arithmetic: difference.
pub const SUB: u16 = 0x10;
/// Arithmetic: product.
pub const MUL: u16 = 0x20;
/// Arithmetic: quotient.
pub const DIV: u16 = 0x30;
/// Arithmetic: or.
pub const OR: u16 = 0x40;
/// Arithmetic: and.
pub const AND: u16 = 0x50;
/// Arithmetic: shift to the left.
pub const LSH: u16 = 0x60;
/// Arithmetic: shift to the right.
pub const RSH: u16 = 0x70;
/// Arithmetic: negative.
pub const NEG: u16 = 0x80;
/// Arithmetic: exclusive or.
pub const XOR: u16 = 0xa0;

/// Jump: always.
pub const JA: u16 = 0x00;
/// Jump: equal.
pub const JEQ: u16 = 0x10;
/// Jump: greater, unsigned.
pub const JGT: u16 = 0x20;
/// Jump: greater or equal, unsigned.
pub const JGE: u16 = 0x30;
/// Jump: some bit in common.
pub const JSET: u16 = 0x40;

/// Transfer: accumulator to index register.
pub const TAX: u16 = 0x00;
/// Transfer: index register to accumulator.
pub const TXA: u16 = 0x80;

/// `struct sock_filter`: one instruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Instruction {
    /// Class and what it does.
    pub code: u16,
    /// Instructions to leave out when a condition is true.
    pub jt: u8,
    /// Instructions to leave out when it is false.
    pub jf: u8,
    /// The constant.
    pub k: u32,
}

/// `struct sock_fprog`: where a program is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Program {
    /// Instructions.
    pub len: u16,
    /// Unused.
    pub pad: [u16; 3],
    /// Address of the first one.
    pub filter: u64,
}
