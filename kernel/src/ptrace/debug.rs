//! Debug registers: breakpoints and watchpoints without the processor's help.
//!
//! The host's debug registers belong to the host. A task that has something in its own is run step by step, and after
//! each step what it watches is compared with what was there before. That finds every change, also one by another
//! thread; it does not find a write of the same value, which a processor would report. Watching for reads is not
//! possible so, and is refused.

use crate::task::CurrentTask;
use abi::Errno;
use abi::signal::{SIGTRAP, TRAP_HWBKPT};
use platform::Fault;

/// Slots: DR0 to DR3.
const SLOTS: usize = 4;
/// DR6: a step.
const STEPPED: u64 = 1 << 14;
/// End of user addresses.
const TASK_SIZE: u64 = 0x7fff_ffff_f000;
/// Trap number of debug exceptions.
const TRAP_DEBUG: u64 = 1;

/// What a slot does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Off,
    Execute,
    /// Bytes watched.
    Write(usize),
}

/// Debug registers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Debug {
    addresses: [u64; SLOTS],
    status: u64,
    control: u64,
    /// A breakpoint here was reported; the instruction may run now.
    passed: Option<u64>,
}

/// What stood where slots watch.
pub(crate) type Values = [Option<u64>; SLOTS];

impl Debug {
    /// Some slot is in use.
    pub(crate) const fn is_armed(&self) -> bool {
        self.control & 0xff != 0
    }

    /// What DR7 says of a slot. `EINVAL`: what cannot be done.
    fn kind_in(control: u64, slot: usize) -> Result<Kind, Errno> {
        let enabled = control >> (2 * slot) & 3;
        if enabled == 0 {
            return Ok(Kind::Off);
        }
        let bits = control >> (16 + 4 * slot) & 0xf;
        let len = match bits >> 2 {
            0 => 1,
            1 => 2,
            2 => 8,
            _ => 4,
        };
        match bits & 3 {
            0 if len == 1 => Ok(Kind::Execute),
            1 => Ok(Kind::Write(len)),
            _ => Err(Errno::EINVAL),
        }
    }

    fn kind(&self, slot: usize) -> Kind {
        Self::kind_in(self.control, slot).unwrap_or(Kind::Off)
    }

    /// A register; the others are 0.
    pub(crate) fn read(&self, register: usize) -> u64 {
        match register {
            6 => self.status,
            7 => self.control,
            _ => self.addresses.get(register).copied().unwrap_or(0),
        }
    }

    /// Sets a register. `EIO`: there is none; `EINVAL`: what cannot be watched.
    pub(crate) fn write(&mut self, register: usize, value: u64) -> Result<(), Errno> {
        let mut new = *self;
        match register {
            6 => new.status = value,
            7 => new.control = value,
            _ if value >= TASK_SIZE => return Err(Errno::EINVAL),
            _ => *new.addresses.get_mut(register).ok_or(Errno::EIO)? = value,
        }
        new.check()?;
        *self = new;
        Ok(())
    }

    fn check(&self) -> Result<(), Errno> {
        for (slot, address) in self.addresses.iter().enumerate() {
            if let Kind::Write(len) = Self::kind_in(self.control, slot)?
                && !address.is_multiple_of(len as u64)
            {
                return Err(Errno::EINVAL);
            }
        }
        Ok(())
    }

    /// Takes over what a tracer set.
    pub(crate) const fn adopt(&mut self, other: &Self) {
        *self = *other;
    }

    /// A step is reported.
    pub(crate) const fn note_step(&mut self) {
        self.status |= STEPPED;
    }
}

impl CurrentTask {
    /// A breakpoint lies on the next instruction and is reported now.
    pub(crate) fn meet_breakpoint(&mut self) -> Option<Fault> {
        let rip = self.regs().rip;
        if self.debug.passed.take() == Some(rip) {
            return None;
        }
        let hit =
            (0..SLOTS).find(|&slot| self.debug.kind(slot) == Kind::Execute && self.debug.addresses[slot] == rip)?;
        self.debug.status |= 1 << hit;
        self.debug.passed = Some(rip);
        Some(Fault { signal: SIGTRAP, code: TRAP_HWBKPT, addr: rip, trapno: TRAP_DEBUG, error: 0 })
    }

    /// What stands where slots watch.
    pub(crate) fn watched_values(&self) -> Values {
        std::array::from_fn(|slot| {
            let Kind::Write(len) = self.debug.kind(slot) else { return None };
            let mut bytes = [0; 8];
            let got = self.mm().space().read(self.debug.addresses[slot], &mut bytes[..len]);
            (got == Ok(len)).then(|| u64::from_le_bytes(bytes))
        })
    }

    /// Something has changed that a slot watches; the status says which.
    pub(crate) fn meet_watchpoints(&mut self, before: &mut Values) -> bool {
        if !self.debug.is_armed() {
            return false;
        }
        let now = self.watched_values();
        let mut is_hit = false;
        for slot in (0..SLOTS).filter(|&slot| now[slot] != before[slot]) {
            self.debug.status |= 1 << slot;
            is_hit = true;
        }
        *before = now;
        is_hit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers() {
        let mut debug = Debug::default();
        assert_eq!(debug.write(0, 0x1004), Ok(()));
        assert_eq!(debug.write(4, 0), Err(Errno::EIO));
        assert_eq!(debug.write(1, u64::MAX), Err(Errno::EINVAL));
        // Slot 0: local, write, four bytes.
        assert_eq!(debug.write(7, 0xd_0001), Ok(()));
        assert!(debug.is_armed());
        assert_eq!(debug.kind(0), Kind::Write(4));
        // Eight bytes are not aligned there; reads and I/O cannot be watched.
        assert_eq!(debug.write(7, 0x9_0001), Err(Errno::EINVAL));
        assert_eq!(debug.write(7, 0xf_0001), Err(Errno::EINVAL));
        assert_eq!(debug.write(7, 0xe_0001), Err(Errno::EINVAL));
        assert_eq!((debug.read(7), debug.read(0), debug.read(5)), (0xd_0001, 0x1004, 0));
        assert_eq!(debug.write(7, 0), Ok(()));
        assert!(!debug.is_armed());
    }
}
