//! One mapping, and the tree of them.

use crate::backing::Backing;
use abi::mm::Prot;
use platform::TextKey;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What lies behind a mapping.
#[derive(Clone)]
pub enum Source {
    /// Private zeroed memory.
    Anonymous,
    /// A file, from this offset on.
    File(Arc<dyn Backing>, u64),
    /// The vDSO and its data: `[vdso]`, `[vvar]`.
    Special(&'static str),
}

/// From which nodes pages come: `mbind(2)`. Kept and shown; there is one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Mode and its flags: `MPOL_*`.
    pub mode: u32,
    /// The nodes, as a mask.
    pub nodes: u64,
}

/// A range of guest addresses mapped alike.
#[derive(Clone)]
pub struct Mapping {
    /// First address, a multiple of the page size.
    pub start: u64,
    /// Address behind the last, a multiple of the page size.
    pub end: u64,
    /// READ, WRITE, EXEC.
    pub prot: Prot,
    /// `MAP_SHARED`.
    pub is_shared: bool,
    /// `MAP_GROWSDOWN`: the main stack.
    pub grows_down: bool,
    /// `MAP_NORESERVE`.
    pub no_reserve: bool,
    /// `mlock(2)`ed.
    pub is_locked: bool,
    /// `MADV_DONTFORK`.
    pub dont_fork: bool,
    /// `MADV_WIPEONFORK`.
    pub wipe_on_fork: bool,
    /// `MADV_DONTDUMP`.
    pub dont_dump: bool,
    /// `mseal(2)`ed.
    pub is_sealed: bool,
    /// `mbind(2)`.
    pub policy: Policy,
    /// What lies behind it.
    pub source: Source,
    /// Name given by `PR_SET_VMA_ANON_NAME`.
    pub name: Option<Arc<[u8]>>,
    /// Identity of the text, of a mapping that may be patched. Parts have none.
    pub(crate) text: Option<TextKey>,
}

impl Mapping {
    /// Bytes; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    pub const fn len(&self) -> u64 {
        self.end - self.start
    }

    /// A private mapping that may be written counts as data (`RLIMIT_DATA`).
    pub const fn is_data(&self) -> bool {
        self.prot.contains(Prot::WRITE) && !self.is_shared && !self.grows_down
    }

    /// It is sealed and private, and may not be written: nothing may change it, not even by losing it.
    pub(crate) const fn keeps_content(&self) -> bool {
        self.is_sealed && matches!(self.source, Source::Anonymous) && !self.prot.contains(Prot::WRITE)
    }

    /// The part from `start` to `end`, which lie inside.
    pub(crate) fn part(&self, start: u64, end: u64) -> Self {
        let mut part = self.clone();
        if (start, end) != (self.start, self.end) {
            part.text = None;
        }
        if let Source::File(_, offset) = &mut part.source {
            *offset += start - self.start;
        }
        part.start = start;
        part.end = end;
        part
    }

    /// What lies from `from` on, mapped at `start` with another length.
    pub(crate) fn moved(&self, from: u64, start: u64, len: u64) -> Self {
        let mut moved = Self { start, end: start + len, text: None, ..self.clone() };
        if let Source::File(_, offset) = &mut moved.source {
            *offset += from - self.start;
        }
        moved
    }

    /// `next` continues this mapping: the two are one.
    fn is_continued_by(&self, next: &Self) -> bool {
        let same_source = match (&self.source, &next.source) {
            (Source::Anonymous, Source::Anonymous) => true,
            (Source::File(a, from), Source::File(b, to)) => Arc::ptr_eq(a, b) && from + self.len() == *to,
            _ => false,
        };
        same_source
            && self.end == next.start
            && self.prot == next.prot
            && self.is_shared == next.is_shared
            && self.grows_down == next.grows_down
            && self.no_reserve == next.no_reserve
            && self.is_locked == next.is_locked
            && self.dont_fork == next.dont_fork
            && self.wipe_on_fork == next.wipe_on_fork
            && self.dont_dump == next.dont_dump
            && self.is_sealed == next.is_sealed
            && self.policy == next.policy
            && self.name == next.name
            && self.text.is_none()
            && next.text.is_none()
    }
}

/// The mappings of an address space, without overlaps, neighbours merged.
#[derive(Clone, Default)]
pub(crate) struct Tree {
    by_start: BTreeMap<u64, Mapping>,
    /// Bytes of all mappings.
    pub(crate) total: u64,
    /// Bytes of those that count as data.
    pub(crate) data: u64,
}

impl Tree {
    pub(crate) fn len(&self) -> usize {
        self.by_start.len()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Mapping> {
        self.by_start.values()
    }

    /// The mapping that holds `addr`.
    pub(crate) fn find(&self, addr: u64) -> Option<&Mapping> {
        self.by_start.range(..=addr).next_back().map(|(_, mapping)| mapping).filter(|mapping| addr < mapping.end)
    }

    /// The first mapping that ends above `addr`.
    pub(crate) fn find_from(&self, addr: u64) -> Option<&Mapping> {
        self.find(addr).or_else(|| self.by_start.range(addr..).next().map(|(_, mapping)| mapping))
    }

    /// The last mapping that starts below `addr`.
    pub(crate) fn find_below(&self, addr: u64) -> Option<&Mapping> {
        self.by_start.range(..addr).next_back().map(|(_, mapping)| mapping)
    }

    /// Mappings that overlap `start..end`, in order.
    pub(crate) fn overlapping(&self, start: u64, end: u64) -> impl Iterator<Item = &Mapping> {
        let first = self.find(start).map_or(start, |mapping| mapping.start);
        self.by_start.range(first..end.max(first)).map(|(_, mapping)| mapping)
    }

    /// Every address of `start..end` is mapped.
    pub(crate) fn is_covered(&self, start: u64, end: u64) -> bool {
        let mut at = start;
        for mapping in self.overlapping(start, end) {
            if mapping.start > at {
                return false;
            }
            at = mapping.end;
        }
        at >= end
    }

    /// Takes out what lies in `start..end`, splitting at its ends.
    pub(crate) fn remove(&mut self, start: u64, end: u64) -> Vec<Mapping> {
        let starts: Vec<u64> = self.overlapping(start, end).map(|mapping| mapping.start).collect();
        let mut removed = Vec::with_capacity(starts.len());
        for first in starts {
            let Some(mapping) = self.take(first) else { continue };
            if mapping.start < start {
                self.put(mapping.part(mapping.start, start));
            }
            if mapping.end > end {
                self.put(mapping.part(end, mapping.end));
            }
            removed.push(mapping.part(mapping.start.max(start), mapping.end.min(end)));
        }
        removed
    }

    /// Adds a mapping where nothing is, and merges it with its neighbours.
    pub(crate) fn insert(&mut self, mut mapping: Mapping) {
        if let Some(before) = self.find_below(mapping.start).filter(|before| before.is_continued_by(&mapping)) {
            let start = before.start;
            if let Some(mut before) = self.take(start) {
                before.end = mapping.end;
                mapping = before;
            }
        }
        if let Some(after) = self.by_start.get(&mapping.end).filter(|after| mapping.is_continued_by(after)) {
            let (start, end) = (after.start, after.end);
            self.take(start);
            mapping.end = end;
        }
        self.put(mapping);
    }

    /// Changes all mappings in `start..end`.
    pub(crate) fn change(&mut self, start: u64, end: u64, mut change: impl FnMut(&mut Mapping)) {
        for mut mapping in self.remove(start, end) {
            change(&mut mapping);
            self.insert(mapping);
        }
    }

    fn put(&mut self, mapping: Mapping) {
        self.total += mapping.len();
        self.data += if mapping.is_data() { mapping.len() } else { 0 };
        self.by_start.insert(mapping.start, mapping);
    }

    fn take(&mut self, start: u64) -> Option<Mapping> {
        let mapping = self.by_start.remove(&start)?;
        self.total -= mapping.len();
        self.data -= if mapping.is_data() { mapping.len() } else { 0 };
        Some(mapping)
    }

    /// Start of the highest gap of `len` bytes in `low..high`, a multiple of the page size.
    pub(crate) fn gap_below(&self, low: u64, high: u64, len: u64) -> Option<u64> {
        let mut top = high;
        for mapping in self.by_start.range(..high).rev().map(|(_, mapping)| mapping) {
            if top.saturating_sub(mapping.end.max(low)) >= len {
                break;
            }
            top = top.min(mapping.start);
        }
        top.checked_sub(len).filter(|&start| start >= low)
    }

    /// Start of the lowest gap of `len` bytes in `low..high`.
    pub(crate) fn gap_above(&self, low: u64, high: u64, len: u64) -> Option<u64> {
        let mut at = low;
        for mapping in self.overlapping(low, high) {
            if mapping.start >= at && mapping.start - at >= len {
                break;
            }
            at = at.max(mapping.end);
        }
        (high.checked_sub(at)? >= len).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anonymous(start: u64, end: u64, prot: Prot) -> Mapping {
        Mapping {
            start,
            end,
            prot,
            is_shared: false,
            grows_down: false,
            no_reserve: false,
            is_locked: false,
            dont_fork: false,
            wipe_on_fork: false,
            dont_dump: false,
            is_sealed: false,
            policy: Policy::default(),
            source: Source::Anonymous,
            name: None,
            text: None,
        }
    }

    fn ranges(tree: &Tree) -> Vec<(u64, u64)> {
        tree.iter().map(|mapping| (mapping.start, mapping.end)).collect()
    }

    #[test]
    fn neighbours_merge_and_split() {
        let mut tree = Tree::default();
        tree.insert(anonymous(0x1000, 0x2000, Prot::READ));
        tree.insert(anonymous(0x3000, 0x4000, Prot::READ));
        tree.insert(anonymous(0x2000, 0x3000, Prot::READ));
        assert_eq!(ranges(&tree), [(0x1000, 0x4000)]);
        tree.change(0x2000, 0x3000, |mapping| mapping.prot = Prot::WRITE);
        assert_eq!(ranges(&tree), [(0x1000, 0x2000), (0x2000, 0x3000), (0x3000, 0x4000)]);
        assert_eq!((tree.total, tree.data), (0x3000, 0x1000));
        assert_eq!(tree.remove(0x1800, 0x2800).len(), 2);
        assert_eq!(ranges(&tree), [(0x1000, 0x1800), (0x2800, 0x3000), (0x3000, 0x4000)]);
        assert!(tree.is_covered(0x2800, 0x4000));
        assert!(!tree.is_covered(0x1000, 0x2801));
        assert!(!tree.is_covered(0x3000, 0x4001));
    }

    #[test]
    fn gaps_are_found_from_both_ends() {
        let mut tree = Tree::default();
        tree.insert(anonymous(0x5000, 0x6000, Prot::READ));
        tree.insert(anonymous(0x8000, 0x9000, Prot::READ));
        assert_eq!(tree.gap_below(0x1000, 0xa000, 0x1000), Some(0x9000));
        assert_eq!(tree.gap_below(0x1000, 0xa000, 0x2000), Some(0x6000));
        assert_eq!(tree.gap_below(0x1000, 0xa000, 0x4000), Some(0x1000));
        assert_eq!(tree.gap_below(0x1000, 0xa000, 0x5000), None);
        assert_eq!(tree.gap_below(0x1000, 0x5800, 0x1000), Some(0x4000));
        assert_eq!(tree.gap_above(0x1000, 0xa000, 0x4000), Some(0x1000));
        assert_eq!(tree.gap_above(0x2000, 0xa000, 0x1000), Some(0x2000));
        assert_eq!(tree.gap_above(0x4800, 0xa000, 0x1000), Some(0x6000));
        assert_eq!(tree.gap_above(0x4800, 0x6000, 0x1000), None);
    }
}
