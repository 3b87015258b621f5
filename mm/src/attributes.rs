//! What is said of memory that is mapped: advice, locks, names, seals, policies. `madvise(2)`, `mlock(2)`, `mseal(2)`,
//! `mbind(2)`, `mincore(2)`.

use crate::addr::UserAddr;
use crate::map::{Limits, is_aligned, pages};
use crate::mapping::{Mapping, Policy, Source};
use crate::space::Mm;
use abi::Errno;
use abi::mm::{PAGE_SIZE, Prot};
use platform::GUEST_END;
use std::sync::Arc;

/// `MADV_DONTNEED`, and the same of locked memory too.
const DONTNEED: u32 = 4;
const DONTNEED_LOCKED: u32 = 24;
/// Advice that may lose what is in memory: DONTNEED FREE DONTFORK WIPEONFORK DONTNEED_LOCKED.
const DISCARDS: [u32; 5] = [DONTNEED, 8, 10, 18, DONTNEED_LOCKED];
/// Advice that lets pages go, which locked ones do not: DONTNEED FREE COLD PAGEOUT.
const RELEASES: [u32; 4] = [DONTNEED, 8, 20, 21];

/// What `mlock(2)` and its kin do to a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locking {
    /// Its pages are there at once, and stay.
    Now,
    /// Those that come stay: `MLOCK_ONFAULT`.
    OnFault,
    /// They may go.
    Off,
}

/// End of a range whose length is rounded up to pages. `EINVAL` for what is no range.
fn range_end(addr: UserAddr, len: u64) -> Result<u64, Errno> {
    let len = pages(len).filter(|_| is_aligned(addr.0));
    len.and_then(|len| addr.0.checked_add(len)).ok_or(Errno::EINVAL)
}

impl Mm {
    /// `madvise(2)`, for advice that the host carries out; the caller sorted out the rest.
    pub fn advise(&self, addr: UserAddr, len: u64, advice: u32) -> Result<(), Errno> {
        let end = range_end(addr, len)?;
        if end == addr.0 {
            return Ok(());
        }
        let mut state = self.state.lock();
        if DISCARDS.contains(&advice) && state.tree.overlapping(addr.0, end).any(Mapping::keeps_content) {
            return Err(Errno::EPERM);
        }
        let is_covered = state.tree.is_covered(addr.0, end);
        let parts: Vec<_> = state
            .tree
            .overlapping(addr.0, end)
            .map(|m| (m.start.max(addr.0), m.end.min(end), m.is_locked && RELEASES.contains(&advice)))
            .collect();
        let on_host = if advice == DONTNEED_LOCKED { DONTNEED } else { advice };
        for (start, end, stays) in parts {
            if stays {
                return Err(Errno::EINVAL);
            }
            self.space().advise(start, end - start, on_host)?;
            match advice {
                10 | 11 => state.tree.change(start, end, |mapping| mapping.dont_fork = advice == 10),
                16 | 17 => state.tree.change(start, end, |mapping| mapping.dont_dump = advice == 16),
                18 | 19 => state.tree.change(start, end, |mapping| mapping.wipe_on_fork = advice == 18),
                _ => {}
            }
        }
        if is_covered { Ok(()) } else { Err(Errno::ENOMEM) }
    }

    /// `mlock(2)` and `munlock(2)` of a range; `ENOMEM` where it is not mapped or over the limit.
    pub fn lock(&self, addr: UserAddr, len: u64, how: Locking, limits: &Limits) -> Result<(), Errno> {
        let lock = how != Locking::Off;
        let start = addr.0 & !(PAGE_SIZE - 1);
        let end = addr.0.checked_add(len).and_then(|end| end.checked_next_multiple_of(PAGE_SIZE));
        let end = end.ok_or(Errno::EINVAL)?;
        if start == end {
            return Ok(());
        }
        let mut state = self.state.lock();
        if lock {
            let new = end - start;
            if state.locked.saturating_add(new) > limits.locked {
                let held = state.tree.overlapping(start, end).filter(|m| m.is_locked);
                let held: u64 = held.map(|m| m.end.min(end) - m.start.max(start)).sum();
                if state.locked + new - held > limits.locked {
                    return Err(Errno::ENOMEM);
                }
            }
        }
        let is_covered = state.tree.is_covered(start, end);
        state.unlock(start, end);
        let mut locked = 0;
        state.tree.change(start, end, |mapping| {
            mapping.is_locked = lock;
            locked += if lock { mapping.len() } else { 0 };
        });
        state.locked += locked;
        if lock {
            self.space().keep_memory();
        }
        let parts: Vec<Mapping> =
            state.tree.overlapping(start, end).filter(|m| how == Locking::Now && !m.prot.is_empty()).cloned().collect();
        for part in parts {
            let (from, to) = (part.start.max(start), part.end.min(end));
            // Shared pages that may be read are not made dirty.
            let is_written = part.prot.contains(Prot::WRITE) && !(part.is_shared && part.prot.contains(Prot::READ));
            self.populate(from, to - from, is_written);
        }
        if is_covered { Ok(()) } else { Err(Errno::ENOMEM) }
    }

    /// `mlockall(2)`: `current` locks what is mapped, `future` what will be. Neither: `munlockall(2)`.
    pub fn lock_all(&self, current: bool, future: bool, limits: &Limits) -> Result<(), Errno> {
        let mut state = self.state.lock();
        if current && state.tree.total > limits.locked {
            return Err(Errno::ENOMEM);
        }
        state.lock_future = future;
        if current || !future {
            state.tree.change(0, GUEST_END, |mapping| mapping.is_locked = current);
            state.locked = if current { state.tree.total } else { 0 };
        }
        if current {
            self.space().keep_memory();
        }
        Ok(())
    }

    /// `prctl(PR_SET_VMA_ANON_NAME)`.
    pub fn set_name(&self, addr: UserAddr, len: u64, name: Option<Arc<[u8]>>) -> Result<(), Errno> {
        let end = range_end(addr, len)?;
        let mut state = self.state.lock();
        if !state.tree.is_covered(addr.0, end) {
            return Err(Errno::ENOMEM);
        }
        if state.tree.overlapping(addr.0, end).any(|m| !matches!(m.source, Source::Anonymous)) {
            return Err(Errno::EBADF);
        }
        state.check_splits(addr.0, end)?;
        state.tree.change(addr.0, end, |mapping| mapping.name.clone_from(&name));
        Ok(())
    }

    /// `mseal(2)`; `ENOMEM` where nothing is mapped.
    pub fn seal(&self, addr: UserAddr, len: u64) -> Result<(), Errno> {
        let end = range_end(addr, len)?;
        if end == addr.0 {
            return Ok(());
        }
        let mut state = self.state.lock();
        if !state.tree.is_covered(addr.0, end) {
            return Err(Errno::ENOMEM);
        }
        state.check_splits(addr.0, end)?;
        state.tree.change(addr.0, end, |mapping| mapping.is_sealed = true);
        self.space().keep_memory();
        Ok(())
    }

    /// `mbind(2)`; `EFAULT` where nothing is mapped.
    pub fn set_policy(&self, addr: UserAddr, len: u64, policy: Policy) -> Result<(), Errno> {
        let end = range_end(addr, len)?;
        if end == addr.0 {
            return Ok(());
        }
        let mut state = self.state.lock();
        if !state.tree.is_covered(addr.0, end) {
            return Err(Errno::EFAULT);
        }
        state.check_splits(addr.0, end)?;
        state.tree.change(addr.0, end, |mapping| mapping.policy = policy);
        Ok(())
    }

    /// The policy of what is mapped at an address; `EFAULT`.
    pub fn policy(&self, addr: UserAddr) -> Result<Policy, Errno> {
        self.state.lock().tree.find(addr.0).map(|mapping| mapping.policy).ok_or(Errno::EFAULT)
    }

    /// Residency of `pages` pages from `addr` on, at most 32768: `mincore(2)`.
    pub fn residency(&self, addr: UserAddr, pages: u64) -> Result<Vec<u8>, Errno> {
        self.space()
            .residency(addr.0, pages)
            .map_err(|errno| if errno == Errno::EINVAL { Errno::ENOMEM } else { errno })
    }

    /// Some of the range is locked.
    pub fn has_locked(&self, addr: UserAddr, len: u64) -> bool {
        let end = addr.0.saturating_add(len);
        self.state.lock().tree.overlapping(addr.0, end).any(|mapping| mapping.is_locked)
    }
}
