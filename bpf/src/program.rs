//! A program.

use crate::op::Op;
use crate::{decode, run};
use abi::Errno;
use abi::bpf::Instruction;
use abi::seccomp::Data;

/// A program that passed the checks of Linux.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program(Box<[Op]>);

impl Program {
    /// Checks a program: length, instructions, places, jumps, memory. `EINVAL`.
    pub fn new(instructions: &[Instruction]) -> Result<Self, Errno> {
        decode::decode(instructions).map(Self)
    }

    /// Instructions.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Never: an empty program does not pass the checks.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its result for a call.
    pub fn run(&self, data: &Data) -> u32 {
        run::run(&self.0, &zerocopy::transmute!(*data))
    }

    /// Its result for every call with this number and architecture; `None` when arguments or the place of the call
    /// may matter.
    pub fn run_known(&self, nr: u32, arch: u32) -> Option<u32> {
        run::run_known(&self.0, nr, arch)
    }
}

#[cfg(test)]
mod tests;
