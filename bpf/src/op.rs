//! Checked instructions.

/// Where the right side of an operation comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    Constant(u32),
    Index,
}

/// Arithmetic on 32 bits without signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alu {
    Add,
    Sub,
    Mul,
    Div,
    Or,
    And,
    Xor,
    Left,
    Right,
}

impl Alu {
    /// The value; `None` for a division by zero. Only the low five bits of a distance count.
    pub(crate) const fn apply(self, left: u32, right: u32) -> Option<u32> {
        Some(match self {
            Self::Add => left.wrapping_add(right),
            Self::Sub => left.wrapping_sub(right),
            Self::Mul => left.wrapping_mul(right),
            Self::Div => return left.checked_div(right),
            Self::Or => left | right,
            Self::And => left & right,
            Self::Xor => left ^ right,
            Self::Left => left.wrapping_shl(right),
            Self::Right => left.wrapping_shr(right),
        })
    }
}

/// A comparison without signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    Equal,
    Greater,
    GreaterOrEqual,
    AnyBit,
}

impl Test {
    /// Whether it holds.
    pub(crate) const fn holds(self, left: u32, right: u32) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::AnyBit => left & right != 0,
        }
    }
}

/// A checked instruction: places in data and memory exist, jumps stay inside the program, memory was written before
/// it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Accumulator from a word of the data.
    Data(u8),
    /// Accumulator from a constant.
    Constant(u32),
    /// Accumulator from memory.
    Memory(u8),
    /// Index register from a constant.
    IndexConstant(u32),
    /// Index register from memory.
    IndexMemory(u8),
    /// Accumulator to memory.
    Store(u8),
    /// Index register to memory.
    StoreIndex(u8),
    /// Accumulator and operand to accumulator.
    Alu(Alu, Operand),
    /// Accumulator to its negative.
    Negate,
    /// Accumulator to index register.
    ToIndex,
    /// Index register to accumulator.
    FromIndex,
    /// Leaves instructions out.
    Jump(u16),
    /// Leaves one or the other number of instructions out.
    Branch { test: Test, operand: Operand, yes: u8, no: u8 },
    /// Ends with a constant.
    Return(u32),
    /// Ends with the accumulator.
    ReturnAccumulator,
}
