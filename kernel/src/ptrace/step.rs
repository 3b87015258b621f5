//! Stepping: the trap flag, and what Linux makes of it.
//!
//! The flag is set only while the platform runs the program, so registers never show it unless the program or a
//! tracer has set it itself. The program sees it where the processor shows it: `pushf`, and r11 after `syscall`.

use crate::ptrace::Resume;
use crate::task::CurrentTask;
use abi::signal::{SIGTRAP, TRAP_HWBKPT, TRAP_TRACE};
use mm::{UserAddr, UserMemory};
use platform::{Exit, Fault};

/// The trap flag of rflags.
const TF: u64 = 0x100;
/// Most bytes of an instruction.
const INSTRUCTION_MAX: usize = 15;

/// How a task steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Step {
    #[default]
    Off,
    /// It stops after each instruction.
    Single,
    /// It stops after each branch that is taken.
    Block,
}

impl Step {
    pub(crate) const fn set(&mut self, how: Resume) {
        *self = match how {
            Resume::Step | Resume::EmulateStep => Self::Single,
            Resume::Block => Self::Block,
            Resume::Cont | Resume::Syscall | Resume::Emulate => Self::Off,
        };
    }

    pub(crate) fn is_on(self) -> bool {
        self != Self::Off
    }
}

/// An instruction about to be executed.
struct Instruction {
    bytes: [u8; INSTRUCTION_MAX],
    len: usize,
    at: u64,
}

impl Instruction {
    /// Without its prefixes, and how many there are.
    fn opcode(&self) -> (&[u8], usize) {
        let is_prefix =
            |byte: &u8| matches!(byte, 0x26 | 0x2e | 0x36 | 0x3e | 0x40..=0x4f | 0x64..=0x67 | 0xf0 | 0xf2 | 0xf3);
        let bytes = &self.bytes[..self.len];
        let prefixes = bytes.iter().take_while(|byte| is_prefix(byte)).count();
        (&bytes[prefixes..], prefixes)
    }

    /// It loads the trap flag itself: `popf`, `iret`.
    fn loads_flags(&self) -> bool {
        matches!(self.opcode().0, [0x9d | 0xcf, ..])
    }

    /// It went elsewhere, given where the program stands after it: the branch trap of the processor.
    fn has_branched(&self, rip: u64) -> bool {
        let (opcode, prefixes) = self.opcode();
        let next = |len: u64| self.at.wrapping_add(prefixes as u64 + len);
        match opcode {
            // Jumps and loops by a condition, short and near.
            [0x70..=0x7f | 0xe0..=0xe3, ..] => rip != next(2),
            [0x0f, 0x80..=0x8f, ..] => rip != next(6),
            // call, jmp, ret, iret.
            [0xe8 | 0xe9 | 0xeb | 0xc2 | 0xc3 | 0xca | 0xcb | 0xcf, ..] => true,
            // The same, by register or memory.
            [0xff, modrm, ..] => matches!(modrm >> 3 & 7, 2..=5),
            _ => false,
        }
    }
}

impl CurrentTask {
    /// It steps, or has something in its debug registers.
    pub(crate) fn is_stepping(&self) -> bool {
        self.step.is_on() || self.debug.is_armed()
    }

    /// Runs application code to the next exit that counts: steps that nobody wants to know of do not.
    pub(crate) fn run_stepping(&mut self) -> Exit {
        let mut watched = self.watched_values();
        loop {
            if let Some(fault) = self.meet_breakpoint() {
                return Exit::Fault(fault);
            }
            let instruction = self.instruction();
            let own = self.regs().eflags & TF;
            self.regs_mut().eflags |= TF;
            let exit = self.context.run();
            let regs = self.regs_mut();
            let has_loaded = instruction.loads_flags() && regs.rip != instruction.at;
            if !has_loaded {
                regs.eflags = regs.eflags & !TF | own;
            }
            let Exit::Fault(fault @ Fault { signal: SIGTRAP, code: TRAP_TRACE, .. }) = exit else { return exit };
            let rip = self.regs().rip;
            let is_step = match self.step {
                Step::Single => true,
                Step::Block => instruction.has_branched(rip),
                Step::Off => false,
            };
            let is_hit = self.meet_watchpoints(&mut watched);
            if is_step || own != 0 {
                self.debug.note_step();
                return exit;
            }
            if is_hit {
                return Exit::Fault(Fault { code: TRAP_HWBKPT, ..fault });
            }
        }
    }

    fn instruction(&self) -> Instruction {
        let at = self.regs().rip;
        let mut bytes = [0; INSTRUCTION_MAX];
        let len = self.mm().read_some(UserAddr(at), &mut bytes).unwrap_or(0);
        Instruction { bytes, len, at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instruction(code: &[u8]) -> Instruction {
        let mut bytes = [0; INSTRUCTION_MAX];
        bytes[..code.len()].copy_from_slice(code);
        Instruction { bytes, len: INSTRUCTION_MAX, at: 0x1000 }
    }

    #[test]
    fn flags_loaded() {
        assert!(instruction(&[0x9d]).loads_flags());
        assert!(instruction(&[0x66, 0x9d]).loads_flags());
        assert!(instruction(&[0x48, 0xcf]).loads_flags());
        assert!(!instruction(&[0x9c]).loads_flags());
    }

    #[test]
    fn branches() {
        assert!(!instruction(&[0x74, 0x10]).has_branched(0x1002));
        assert!(instruction(&[0x74, 0x10]).has_branched(0x1012));
        assert!(!instruction(&[0x2e, 0x0f, 0x85, 0, 1, 0, 0]).has_branched(0x1007));
        assert!(instruction(&[0x0f, 0x85, 0, 1, 0, 0]).has_branched(0x1106));
        assert!(instruction(&[0xf3, 0xc3]).has_branched(0x1002));
        assert!(instruction(&[0x41, 0xff, 0xd0]).has_branched(0x2000));
        assert!(!instruction(&[0xff, 0xc0]).has_branched(0x1002));
        assert!(!instruction(&[0x90]).has_branched(0x1001));
    }
}
