//! Changing protections: `mprotect(2)`.

use crate::addr::UserAddr;
use crate::map::{Limits, is_aligned, pages};
use crate::mapping::{Mapping, Source};
use crate::space::Mm;
use abi::Errno;
use abi::mm::Prot;

impl Mm {
    /// `mprotect(2)`: stops at the first address that is not mapped (`ENOMEM`) or not allowed (`EACCES`), what
    /// lies before is changed.
    pub fn protect(&self, addr: UserAddr, len: u64, prot: Prot, limits: &Limits) -> Result<(), Errno> {
        if prot.contains(Prot::GROWSDOWN | Prot::GROWSUP) || !is_aligned(addr.0) {
            return Err(Errno::EINVAL);
        }
        if len == 0 {
            return Ok(());
        }
        let len = pages(len).ok_or(Errno::ENOMEM)?;
        let end = addr.0.checked_add(len).ok_or(Errno::ENOMEM)?;
        let known = Prot::READ | Prot::WRITE | Prot::EXEC | Prot::GROWSDOWN | Prot::GROWSUP;
        if !known.contains(prot) {
            return Err(Errno::EINVAL);
        }
        let mut state = self.state.lock();
        let mut start = addr.0;
        if prot.contains(Prot::GROWSDOWN) {
            let stack = state.tree.find(start).filter(|m| m.grows_down).ok_or(Errno::EINVAL)?;
            start = stack.start;
        } else if prot.contains(Prot::GROWSUP) {
            return Err(Errno::EINVAL);
        }
        let prot = prot & (Prot::READ | Prot::WRITE | Prot::EXEC);
        state.check_splits(start, end)?;
        if prot.contains(Prot::WRITE) {
            self.restore_text(&state, start, end)?;
        }
        let mut at = start;
        let parts: Vec<Mapping> = state.tree.overlapping(start, end).cloned().collect();
        for part in parts {
            if part.start > at {
                return Err(Errno::ENOMEM);
            }
            let to = part.end.min(end);
            if part.is_sealed {
                return Err(Errno::EPERM);
            }
            if let Source::File(backing, _) = &part.source
                && part.is_shared
                && prot.contains(Prot::WRITE)
                && !backing.is_writable()
            {
                return Err(Errno::EACCES);
            }
            if matches!(part.source, Source::Special(_)) && prot != part.prot {
                state.check_cuts(start, end)?;
                return Err(Errno::EACCES);
            }
            if prot.contains(Prot::WRITE) && !part.is_data() && !part.is_shared && !part.grows_down {
                state.check_data(limits, to - at)?;
            }
            // Text may lie on a filesystem that has no programs.
            if !prot.contains(Prot::EXEC) {
                self.put_off(&state);
            }
            self.space().protect(at, to - at, prot)?;
            state.tree.change(at, to, |mapping| mapping.prot = prot);
            at = to;
        }
        if at < end { Err(Errno::ENOMEM) } else { Ok(()) }
    }
}
