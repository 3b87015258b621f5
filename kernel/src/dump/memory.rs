//! Which memory goes into a core dump: core(5), "Controlling which mappings are written to the core dump".

use abi::mm::{PAGE_SIZE, Prot};
use mm::{Mapping, MappingSource, Mm};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Bits of the filter.
const ANONYMOUS_PRIVATE: u32 = 1;
const ANONYMOUS_SHARED: u32 = 1 << 1;
const FILE_PRIVATE: u32 = 1 << 2;
const FILE_SHARED: u32 = 1 << 3;
const ELF_HEADERS: u32 = 1 << 4;
/// Bits of an entry of the host's pagemap.
const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
const FILE_OR_SHARED: u64 = 1 << 61;
/// Pages that are looked up at a time.
const STEP: u64 = 512;

/// What the host knows of the pages.
pub(super) struct Pages(Option<File>);

impl Pages {
    pub(super) fn of(mm: &Mm) -> Self {
        Self(mm.space().proc_file("pagemap", false).ok())
    }

    /// Entries of pages from `addr` on; `None` where the host does not tell.
    fn entries(&self, addr: u64, count: u64) -> Option<Vec<u64>> {
        let mut bytes = vec![0; count as usize * 8];
        self.0.as_ref()?.read_exact_at(&mut bytes, addr / PAGE_SIZE * 8).ok()?;
        Some(bytes.chunks_exact(8).map(|entry| entry.try_into().map_or(0, u64::from_ne_bytes)).collect())
    }

    /// A page of the mapping is the process's own: written, or never of a file.
    fn has_own(&self, mapping: &Mapping) -> bool {
        let is_own = |entry: u64| entry & (PRESENT | SWAPPED) != 0 && entry & FILE_OR_SHARED == 0;
        chunks(mapping.start, mapping.end).any(|(start, end)| {
            self.entries(start, (end - start) / PAGE_SIZE).is_none_or(|entries| entries.into_iter().any(is_own))
        })
    }

    /// Ranges below `end` that hold something. Private memory that nothing was written to holds nothing.
    pub(super) fn filled(&self, mapping: &Mapping, end: u64) -> impl Iterator<Item = (u64, u64)> {
        let is_sparse = matches!(mapping.source, MappingSource::Anonymous) && !mapping.is_shared;
        chunks(mapping.start, end).flat_map(move |(start, end)| {
            let entries = if is_sparse { self.entries(start, (end - start) / PAGE_SIZE) } else { None };
            let Some(entries) = entries else { return vec![(start, end)] };
            let mut ranges: Vec<(u64, u64)> = Vec::new();
            for (at, entry) in (start..).step_by(PAGE_SIZE as usize).zip(entries) {
                if entry & (PRESENT | SWAPPED) == 0 {
                    continue;
                }
                match ranges.last_mut() {
                    Some(last) if last.1 == at => last.1 += PAGE_SIZE,
                    _ => ranges.push((at, at + PAGE_SIZE)),
                }
            }
            ranges
        })
    }
}

fn chunks(start: u64, end: u64) -> impl Iterator<Item = (u64, u64)> {
    let step = STEP * PAGE_SIZE;
    (start..end).step_by(step as usize).map(move |at| (at, (at + step).min(end)))
}

/// Bytes of a mapping that are dumped, from its start on.
pub(super) fn dumped(mm: &Mm, pages: &Pages, mapping: &Mapping) -> u64 {
    let filter = mm.dump_filter();
    let has = |bit: u32| filter & bit != 0;
    let all = |is_wanted: bool| if is_wanted { mapping.len() } else { 0 };
    if mapping.dont_dump {
        return 0;
    }
    let offset = match &mapping.source {
        MappingSource::Special(name) => return all(*name == "[vdso]"),
        MappingSource::Anonymous if mapping.is_shared => return all(has(ANONYMOUS_SHARED)),
        MappingSource::Anonymous => return all(has(ANONYMOUS_PRIVATE)),
        MappingSource::File(_, offset) => *offset,
    };
    if mapping.is_shared {
        let is_unlinked = mm.mapping_name(mapping).ends_with(b" (deleted)");
        return all(has(if is_unlinked { ANONYMOUS_SHARED } else { FILE_SHARED }));
    }
    if has(FILE_PRIVATE) || has(ANONYMOUS_PRIVATE) && pages.has_own(mapping) {
        return mapping.len();
    }
    let is_head = has(ELF_HEADERS) && offset == 0 && mapping.prot.contains(Prot::READ);
    let mut magic = [0; 4];
    let is_elf = is_head && mm.read_forced(mapping.start, &mut magic) == Ok(4) && magic == *b"\x7fELF";
    if is_elf { PAGE_SIZE } else { 0 }
}
