//! The patched texts of one space.

use super::text::Text;
use super::trampoline::Position;
use crate::systrap::process::Process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use sync::{Rank, RwLock};

/// Most texts that a space has had.
const TEXTS_MAX: usize = 128;
/// Bits of an address below those that the filter tells apart.
const GRANULE: u32 = 21;

/// The patched texts of a space.
#[derive(Debug)]
pub(in super::super) struct Texts {
    placed: RwLock<Vec<Placed>>,
    /// A bit for each granule of addresses, modulo 64, that may hold text: most reads are of none.
    filter: AtomicU64,
}

/// A text and where it lies.
#[derive(Clone, Debug)]
struct Placed {
    text: Arc<Text>,
    at: u64,
    /// The jumps are there; else only the trampolines still are.
    is_active: bool,
}

/// What an address stands for, as if nothing were patched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Place {
    /// Itself.
    Same,
    /// The address of a call site.
    Before(u64),
    /// The address of a call site, and that behind its call, at the instruction that faults when GS points nowhere: the
    /// call is to be made by trap then.
    Checking { before: u64, after: u64 },
    /// Behind a call.
    After(u64),
}

impl Place {
    /// The address where the application is, as if nothing were patched.
    pub(in super::super) const fn address(self, addr: u64) -> u64 {
        match self {
            Self::Same => addr,
            Self::Before(addr) | Self::Checking { before: addr, .. } | Self::After(addr) => addr,
        }
    }
}

impl Placed {
    fn end(&self) -> u64 {
        self.at + self.text.len
    }

    fn trampolines(&self) -> u64 {
        self.at.wrapping_add_signed(-self.text.reach)
    }
}

impl Texts {
    pub(in super::super) fn new() -> Self {
        Self { placed: RwLock::new(Rank::Leaf, Vec::new()), filter: AtomicU64::new(0) }
    }

    /// As the forked space of `process` has them.
    pub(in super::super) fn fork(&self, process: &Arc<Process>) -> Self {
        let placed = self.placed.read().clone();
        // Known before anything of it runs.
        for placed in placed.iter().filter(|placed| placed.is_active) {
            placed.text.add_user(process);
        }
        Self { placed: RwLock::new(Rank::Leaf, placed), filter: AtomicU64::new(self.filter.load(SeqCst)) }
    }

    /// Adds a text at `at`; false when there are too many.
    pub(in super::super) fn add(&self, text: &Arc<Text>, at: u64) -> bool {
        let mut texts = self.placed.write();
        if texts.len() >= TEXTS_MAX {
            return false;
        }
        let placed = Placed { text: Arc::clone(text), at, is_active: true };
        let trampolines = placed.trampolines();
        let bits = granules(at, placed.end()) | granules(trampolines, trampolines + text.trampolines_len());
        self.filter.fetch_or(bits, SeqCst);
        texts.push(placed);
        true
    }

    /// Something of a text may lie in `start..end`.
    fn may_hold(&self, start: u64, end: u64) -> bool {
        self.filter.load(SeqCst) & granules(start, end) != 0
    }

    /// The text at `at` has no jumps any more.
    pub(in super::super) fn retire(&self, at: u64) {
        for placed in self.placed.write().iter_mut().filter(|placed| placed.at == at) {
            placed.is_active = false;
        }
    }

    /// Starts and ends of texts with jumps whose files have changed.
    pub(in super::super) fn spoilt(&self) -> Vec<(u64, u64)> {
        let texts = self.placed.read();
        let spoilt = texts.iter().filter(|placed| placed.is_active && placed.text.is_spoilt());
        spoilt.map(|placed| (placed.at, placed.end())).collect()
    }

    /// No text has jumps any more.
    pub(in super::super) fn retire_all(&self) {
        for placed in self.placed.write().iter_mut() {
            placed.is_active = false;
        }
    }

    /// The text at `at` has no trampolines any more either.
    pub(in super::super) fn forget(&self, at: u64) {
        self.placed.write().retain(|placed| placed.at != at);
    }

    /// The places of all jumps, and the bytes that stood there.
    pub(in super::super) fn originals(&self) -> Vec<(u64, [u8; 5])> {
        let texts = self.placed.read();
        let active = texts.iter().filter(|placed| placed.is_active);
        active
            .flat_map(|placed| placed.text.originals().map(|(at, bytes)| (placed.at + u64::from(at), bytes)))
            .collect()
    }

    /// Starts and ends of texts with jumps that overlap `start..end`.
    pub(in super::super) fn overlapping(&self, start: u64, end: u64) -> Vec<(u64, u64)> {
        if !self.may_hold(start, end) {
            return Vec::new();
        }
        let texts = self.placed.read();
        let active = texts.iter().filter(|placed| placed.is_active && placed.at < end && start < placed.end());
        active.map(|placed| (placed.at, placed.end())).collect()
    }

    /// What `addr` stands for.
    pub(in super::super) fn place(&self, addr: u64) -> Place {
        self.place_in(addr, |_| true)
    }

    /// What `addr` stands for in the trampolines of the text at `at`.
    pub(in super::super) fn place_of(&self, at: u64, addr: u64) -> Place {
        self.place_in(addr, |placed| placed.at == at)
    }

    fn place_in(&self, addr: u64, is_meant: impl Fn(&Placed) -> bool) -> Place {
        if !self.may_hold(addr, addr.saturating_add(1)) {
            return Place::Same;
        }
        for placed in self.placed.read().iter().filter(|placed| is_meant(placed)) {
            let offset = addr.wrapping_sub(placed.trampolines());
            if offset < placed.text.trampolines_len()
                && let Some(position) = placed.text.position(offset)
            {
                let at = |offset: u32| placed.at + u64::from(offset);
                return match position {
                    Position::Before(offset) => Place::Before(at(offset)),
                    Position::Checking { start, after } => Place::Checking { before: at(start), after: at(after) },
                    Position::After(offset) => Place::After(at(offset)),
                };
            }
        }
        Place::Same
    }

    /// Where to go on for what stood at `addr`.
    pub(in super::super) fn resume_at(&self, addr: u64) -> u64 {
        if !self.may_hold(addr, addr.saturating_add(1)) {
            return addr;
        }
        let texts = self.placed.read();
        let placed = texts.iter().find(|placed| placed.is_active && (placed.at..placed.end()).contains(&addr));
        let tail = placed.and_then(|placed| {
            let tail = placed.text.tail((addr - placed.at) as u32)?;
            Some(placed.trampolines() + tail)
        });
        tail.unwrap_or(addr)
    }

    /// `text` lies at `at`, with its jumps.
    pub(in super::super) fn has(&self, text: &Arc<Text>, at: u64) -> bool {
        let texts = self.placed.read();
        texts.iter().any(|placed| placed.is_active && placed.at == at && Arc::ptr_eq(&placed.text, text))
    }

    /// A patched text lies at `addr`.
    pub(in super::super) fn holds(&self, addr: u64) -> bool {
        !self.overlapping(addr, addr.saturating_add(1)).is_empty()
    }

    /// Puts the original bytes in place of the jumps in `bytes`, which were read at `addr`.
    pub(in super::super) fn hide(&self, addr: u64, bytes: &mut [u8]) {
        let end = addr.saturating_add(bytes.len() as u64);
        if !self.may_hold(addr, end) {
            return;
        }
        let texts = self.placed.read();
        for placed in texts.iter().filter(|placed| placed.is_active && placed.at < end && addr < placed.end()) {
            let from = addr.max(placed.at);
            let to = end.min(placed.end());
            placed.text.hide(from - placed.at, &mut bytes[(from - addr) as usize..(to - addr) as usize]);
        }
    }
}

/// The filter's bits for `start..end`.
fn granules(start: u64, end: u64) -> u64 {
    let (first, last) = (start >> GRANULE, end.saturating_sub(1) >> GRANULE);
    if last.saturating_sub(first) >= 63 { u64::MAX } else { (first..=last).fold(0, |bits, i| bits | 1 << (i % 64)) }
}
