//! Making and moving mappings: `mmap(2)`, `munmap(2)`, `mremap(2)`, `brk(2)`.

use crate::addr::UserAddr;
use crate::anonymous::SharedAnonymous;
use crate::backing::Backing;
use crate::mapping::{Mapping, Policy, Source};
use crate::patch;
use crate::space::{MAX_MAPPINGS, MIN_ADDR, Mm, State};
use abi::Errno;
use abi::mm::{MapFlags, PAGE_SIZE, Prot};
use platform::GUEST_END;
use std::cmp::Ordering;
use std::os::fd::AsFd;
use std::sync::Arc;

/// Limits that a caller brings: soft values, `u64::MAX` for none.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `RLIMIT_AS`.
    pub address_space: u64,
    /// `RLIMIT_DATA`.
    pub data: u64,
    /// `RLIMIT_MEMLOCK`; `u64::MAX` with `CAP_IPC_LOCK`.
    pub locked: u64,
}

impl Limits {
    /// No limits.
    pub const NONE: Self = Self { address_space: u64::MAX, data: u64::MAX, locked: u64::MAX };
}

/// A call of `mmap(2)`.
pub struct Map {
    /// The hint, or the place with `MAP_FIXED`.
    pub addr: UserAddr,
    /// Bytes.
    pub len: u64,
    /// Protection.
    pub prot: Prot,
    /// Flags.
    pub flags: MapFlags,
    /// The file and the offset in it; `None` with `MAP_ANONYMOUS`.
    pub file: Option<(Arc<dyn Backing>, u64)>,
}

/// `MREMAP_MAYMOVE`.
const MAY_MOVE: u32 = 1;
/// `MREMAP_FIXED`.
const FIXED: u32 = 2;
/// `MREMAP_DONTUNMAP`.
const DONT_UNMAP: u32 = 4;

/// Anonymous memory that a host without strict accounting always gives: bytes.
const SMALL: u64 = 256 << 20;

/// Rounds a length up to pages; `None` when it is no length of an address range.
pub(crate) fn pages(len: u64) -> Option<u64> {
    len.checked_next_multiple_of(PAGE_SIZE).filter(|&len| len <= GUEST_END)
}

pub(crate) const fn is_aligned(addr: u64) -> bool {
    addr.is_multiple_of(PAGE_SIZE)
}

impl Mm {
    /// `mmap(2)`: the address. Errors and their order as `do_mmap` has them; access to the file was checked.
    pub fn map(&self, map: Map, limits: &Limits) -> Result<UserAddr, Errno> {
        if map.len == 0 {
            return Err(Errno::EINVAL);
        }
        let len = pages(map.len).ok_or(Errno::ENOMEM)?;
        if let Some((_, offset)) = &map.file {
            offset.checked_add(len).filter(|&end| i64::try_from(end).is_ok()).ok_or(Errno::EOVERFLOW)?;
        }
        let mut state = self.state.lock();
        let start = state.place(&map, len)?;
        state.check_room(start, len, map.flags.contains(MapFlags::FIXED))?;
        let is_shared = map.flags.contains(MapFlags::SHARED);
        let prot = map.prot & (Prot::READ | Prot::WRITE | Prot::EXEC);
        let mut mapping = Mapping {
            start,
            end: start + len,
            prot,
            is_shared,
            grows_down: map.flags.contains(MapFlags::GROWSDOWN) && map.file.is_none(),
            no_reserve: map.flags.contains(MapFlags::NORESERVE),
            is_locked: state.lock_future || map.flags.contains(MapFlags::LOCKED),
            dont_fork: false,
            wipe_on_fork: false,
            dont_dump: false,
            is_sealed: false,
            policy: Policy::default(),
            source: match map.file {
                Some((backing, offset)) => Source::File(backing, offset),
                None if is_shared => Source::File(Arc::new(SharedAnonymous::new(len)?), 0),
                None => Source::Anonymous,
            },
            name: None,
            text: None,
        };
        mapping.text = patch::key(&mapping);
        state.check_limits(limits, &mapping)?;
        state.check_seals(start, start + len)?;
        self.unpatch(&mut state, start, start + len)?;
        if matches!(mapping.source, Source::Anonymous) && len <= SMALL {
            self.put_off(&state);
        }
        self.map_on_host(&mapping)?;
        state.unlock(start, start + len);
        state.tree.remove(start, start + len);
        if mapping.is_locked {
            state.locked += len;
            self.space().keep_memory();
        }
        let populate = mapping.is_locked || map.flags.contains(MapFlags::POPULATE);
        let is_writable = mapping.prot.contains(Prot::WRITE);
        self.patch_new(&mut state, &mapping);
        state.tree.insert(mapping);
        self.note_peak(state.tree.total);
        if populate && !prot.is_empty() && !map.flags.contains(MapFlags::NONBLOCK) {
            self.populate(start, len, is_writable);
        }
        Ok(UserAddr(start))
    }

    /// Faults pages in; what cannot be is left for later.
    pub(crate) fn populate(&self, start: u64, len: u64, is_writable: bool) {
        // MADV_POPULATE_WRITE, MADV_POPULATE_READ.
        let _ = self.space().advise(start, len, if is_writable { 23 } else { 22 });
    }

    pub(crate) fn map_on_host(&self, mapping: &Mapping) -> Result<(), Errno> {
        let (start, len, prot) = (mapping.start, mapping.len(), mapping.prot);
        match &mapping.source {
            Source::Anonymous => self.space().map_anonymous(start, len, prot, mapping.no_reserve),
            Source::File(backing, offset) => {
                let range = backing.host_range(*offset)?;
                self.space().map_file(start, len, prot, mapping.is_shared, range.fd.as_fd(), range.offset)
            }
            Source::Special(_) => Err(Errno::EINVAL),
        }
    }

    /// The host has no reason to refuse the change that comes: it counts many more mappings than there are.
    pub(crate) fn put_off(&self, state: &State) {
        if state.tree.len() < MAX_MAPPINGS / 4 {
            self.space().put_off();
        }
    }

    /// `munmap(2)`.
    pub fn unmap(&self, addr: UserAddr, len: u64) -> Result<(), Errno> {
        let start = addr.0;
        let len = pages(len).filter(|&len| len > 0 && is_aligned(start) && start <= GUEST_END - len);
        let end = start + len.ok_or(Errno::EINVAL)?;
        let mut state = self.state.lock();
        state.check_splits(start, end)?;
        state.check_seals(start, end)?;
        state.check_cuts(start, end)?;
        // Only what is mapped is asked for: the range may be huge.
        let Some(first) = state.tree.overlapping(start, end).next().map(|m| m.start.max(start)) else {
            return Ok(());
        };
        let last = state.tree.overlapping(start, end).last().map_or(first, |m| m.end.min(end));
        self.unpatch(&mut state, first, last)?;
        self.put_off(&state);
        self.space().unmap(first, last - first)?;
        state.unlock(start, end);
        state.tree.remove(start, end);
        Ok(())
    }

    /// `mremap(2)`: the new address.
    pub fn remap(
        &self,
        old: UserAddr,
        old_len: u64,
        new_len: u64,
        flags: u32,
        new: UserAddr,
        limits: &Limits,
    ) -> Result<UserAddr, Errno> {
        let fixed_without_move = flags & FIXED != 0 && flags & MAY_MOVE == 0;
        let keep_wrong = flags & DONT_UNMAP != 0 && (flags & MAY_MOVE == 0 || old_len != new_len);
        if flags & !7 != 0 || fixed_without_move || keep_wrong || !is_aligned(old.0) {
            return Err(Errno::EINVAL);
        }
        let (old_len, new_len) = (pages(old_len).ok_or(Errno::EINVAL)?, pages(new_len).ok_or(Errno::EINVAL)?);
        if new_len == 0 {
            return Err(Errno::EINVAL);
        }
        let old_end = old.0.checked_add(old_len).filter(|&end| end <= GUEST_END).ok_or(Errno::EINVAL)?;
        if flags & (FIXED | DONT_UNMAP) != 0 && flags & FIXED != 0 {
            let overlaps = old.0 < new.0.saturating_add(new_len) && new.0 < old_end;
            if !is_aligned(new.0) || new.0 < MIN_ADDR || new.0 > GUEST_END - new_len || overlaps {
                return Err(Errno::EINVAL);
            }
        }
        let mut state = self.state.lock();
        let mapping = state.tree.find(old.0).ok_or(Errno::EFAULT)?.clone();
        if mapping.is_sealed {
            return Err(Errno::EPERM);
        }
        if flags & (FIXED | DONT_UNMAP) == 0 && new_len <= old_len {
            if new_len < old_len {
                drop(state);
                self.unmap(UserAddr(old.0 + new_len), old_len - new_len)?;
            }
            return Ok(old);
        }
        state.check_seals(old.0, old_end)?;
        // Old length 0 copies a shared mapping.
        if old_len == 0 && !mapping.is_shared {
            return Err(Errno::EINVAL);
        }
        if old_end > mapping.end {
            return Err(Errno::EFAULT);
        }
        if matches!(mapping.source, Source::Special(_)) {
            let is_part = old.0 != mapping.start || old_end != mapping.end;
            return Err(if new_len <= old_len && is_part { Errno::EINVAL } else { Errno::EFAULT });
        }
        let grown = new_len.saturating_sub(old_len);
        state.check_limits(limits, &Mapping { start: old.0, end: old.0 + grown, ..mapping.clone() })?;
        let can_extend = old_len > 0
            && old_end == mapping.end
            && flags & (FIXED | DONT_UNMAP) == 0
            && old.0 + new_len <= GUEST_END
            && state.tree.overlapping(old_end, old.0 + new_len).next().is_none();
        self.restore_text(&state, old.0, old_end)?;
        if can_extend {
            self.unpatch(&mut state, old_end, old.0 + new_len)?;
            self.space().remap(old.0, old_len, old.0, new_len, false)?;
            state.move_mapping(&mapping, old.0, old_len, old.0, new_len, false);
            self.note_peak(state.tree.total);
            return Ok(old);
        }
        if flags & MAY_MOVE == 0 {
            return Err(Errno::ENOMEM);
        }
        let target = if flags & FIXED != 0 {
            new.0
        } else {
            let hint = if flags & DONT_UNMAP != 0 { new.0 } else { 0 };
            state.free_range(hint, new_len).ok_or(Errno::ENOMEM)?
        };
        if state.tree.len() + 4 > MAX_MAPPINGS {
            return Err(Errno::ENOMEM);
        }
        state.check_seals(target, target + new_len)?;
        self.unpatch(&mut state, target, target + new_len)?;
        let keep = flags & DONT_UNMAP != 0 || old_len == 0;
        if old_len == 0 {
            self.map_on_host(&mapping.moved(old.0, target, new_len))?;
        } else {
            self.space().remap(old.0, old_len, target, new_len, flags & DONT_UNMAP != 0)?;
        }
        state.unlock(target, target + new_len);
        state.tree.remove(target, target + new_len);
        state.move_mapping(&mapping, old.0, old_len, target, new_len, keep);
        self.note_peak(state.tree.total);
        Ok(UserAddr(target))
    }

    /// `brk(2)`: the new break, or the old one when it cannot be moved.
    pub fn brk(&self, addr: UserAddr, limits: &Limits) -> UserAddr {
        let state = self.state.lock();
        let (start, old) = (state.brk_start, state.brk);
        let locked = state.lock_future;
        drop(state);
        if addr.0 < start || addr.0 >= GUEST_END {
            return UserAddr(old);
        }
        let (from, to) = (old.next_multiple_of(PAGE_SIZE), addr.0.next_multiple_of(PAGE_SIZE));
        let moved = match to.cmp(&from) {
            Ordering::Equal => Ok(()),
            Ordering::Less => self.unmap(UserAddr(to), from - to),
            Ordering::Greater if addr.0 - start > limits.data => Err(Errno::ENOMEM),
            Ordering::Greater => {
                let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS | MapFlags::FIXED_NOREPLACE;
                let flags = if locked { flags | MapFlags::LOCKED } else { flags };
                let prot = Prot::READ | Prot::WRITE;
                let map = Map { addr: UserAddr(from), len: to - from, prot, flags, file: None };
                self.map(map, limits).map(|_| ())
            }
        };
        if moved.is_err() {
            return UserAddr(old);
        }
        self.state.lock().brk = addr.0;
        addr
    }

    /// `remap_file_pages(2)`: other pages of the file behind a shared mapping, from page `first` on.
    pub fn remap_pages(&self, addr: UserAddr, len: u64, first: u64, limits: &Limits) -> Result<(), Errno> {
        let (start, len) = (addr.0 & !(PAGE_SIZE - 1), len & !(PAGE_SIZE - 1));
        let end = start.checked_add(len).filter(|&end| end > start).ok_or(Errno::EINVAL)?;
        let offset = first.checked_mul(PAGE_SIZE).ok_or(Errno::EINVAL)?;
        let (backing, prot, is_locked, is_all) = {
            let state = self.state.lock();
            let mapping = state.tree.find(start).filter(|mapping| mapping.is_shared).ok_or(Errno::EINVAL)?;
            let Source::File(backing, _) = &mapping.source else { return Err(Errno::EINVAL) };
            let is_alike = |other: &Mapping| {
                matches!(&other.source, Source::File(file, _) if Arc::ptr_eq(file, backing))
                    && (other.prot, other.is_shared) == (mapping.prot, true)
            };
            if !state.tree.is_covered(start, end) || !state.tree.overlapping(start, end).all(is_alike) {
                return Err(Errno::EINVAL);
            }
            let is_all = (start, end) == (mapping.start, mapping.end);
            (backing.clone(), mapping.prot, mapping.is_locked, is_all)
        };
        // The old mapping ends before the new one begins: with the last one, the file.
        if is_all && backing.is_removed() && Arc::strong_count(&backing) == 2 {
            self.unmap(UserAddr(start), len)?;
            return Err(Errno::EINVAL);
        }
        let mut flags = MapFlags::SHARED | MapFlags::FIXED | MapFlags::POPULATE;
        flags.set(MapFlags::LOCKED, is_locked);
        self.map(Map { addr: UserAddr(start), len, prot, flags, file: Some((backing, offset)) }, limits).map(drop)
    }

    /// Every address of the range is mapped.
    pub fn is_mapped(&self, addr: UserAddr, len: u64) -> bool {
        addr.0.checked_add(len).is_some_and(|end| self.state.lock().tree.is_covered(addr.0, end))
    }
}

impl State {
    /// Where a new mapping goes (`get_unmapped_area`).
    fn place(&self, map: &Map, len: u64) -> Result<u64, Errno> {
        let hint = map.addr.0;
        if map.flags.intersects(MapFlags::FIXED | MapFlags::FIXED_NOREPLACE) {
            if !is_aligned(hint) {
                return Err(Errno::EINVAL);
            }
            if len > GUEST_END || hint > GUEST_END - len {
                return Err(Errno::ENOMEM);
            }
            if hint < MIN_ADDR {
                return Err(Errno::EPERM);
            }
            if map.flags.contains(MapFlags::FIXED_NOREPLACE) && self.tree.overlapping(hint, hint + len).next().is_some()
            {
                return Err(Errno::EEXIST);
            }
            return Ok(hint);
        }
        if map.flags.contains(MapFlags::BIT32) {
            return self.gap_above(0x4000_0000, 0x8000_0000, len).ok_or(Errno::ENOMEM);
        }
        self.free_range(hint, len).ok_or(Errno::ENOMEM)
    }

    /// `len` free bytes at `hint` where that is possible, else below the base, else above.
    pub(crate) fn free_range(&self, hint: u64, len: u64) -> Option<u64> {
        let hint = hint.checked_next_multiple_of(PAGE_SIZE).unwrap_or(0);
        if hint >= MIN_ADDR && len <= GUEST_END && hint <= GUEST_END - len {
            let guard = self.tree.find_from(hint).filter(|m| m.grows_down && m.start >= hint);
            let free = self.tree.overlapping(hint, hint + len).next().is_none() && !self.is_hidden(hint, hint + len);
            if free && guard.is_none_or(|m| m.start - hint >= len + 256 * PAGE_SIZE) {
                return Some(hint);
            }
        }
        self.gap_below(MIN_ADDR, self.mmap_base, len).or_else(|| self.gap_above(self.mmap_base, GUEST_END, len))
    }

    fn check_room(&self, start: u64, len: u64, replaces: bool) -> Result<(), Errno> {
        if self.tree.len() >= MAX_MAPPINGS {
            return Err(Errno::ENOMEM);
        }
        if !replaces {
            return Ok(());
        }
        self.check_cuts(start, start + len)?;
        self.check_splits(start, start + len)
    }

    /// What cannot be cut in two does not lie across an end: the vDSO. `EINVAL`.
    pub(crate) fn check_cuts(&self, start: u64, end: u64) -> Result<(), Errno> {
        let is_whole = |m: &Mapping, addr| m.start < addr && matches!(m.source, Source::Special(_));
        let cuts_whole = |addr| self.tree.find(addr).is_some_and(|m| is_whole(m, addr));
        if cuts_whole(start) || cuts_whole(end) { Err(Errno::EINVAL) } else { Ok(()) }
    }

    /// Cutting at both ends must not pass the limit of mappings.
    pub(crate) fn check_splits(&self, start: u64, end: u64) -> Result<(), Errno> {
        let cut = |addr| self.tree.find(addr).is_some_and(|m| m.start < addr);
        let cuts = usize::from(cut(start)) + usize::from(cut(end));
        if self.tree.len() + cuts > MAX_MAPPINGS { Err(Errno::ENOMEM) } else { Ok(()) }
    }

    /// `EPERM` when some of the range is sealed: `mseal(2)`.
    pub(crate) fn check_seals(&self, start: u64, end: u64) -> Result<(), Errno> {
        if self.tree.overlapping(start, end).any(|mapping| mapping.is_sealed) { Err(Errno::EPERM) } else { Ok(()) }
    }

    fn check_limits(&self, limits: &Limits, new: &Mapping) -> Result<(), Errno> {
        let replaced: u64 =
            self.tree.overlapping(new.start, new.end).map(|m| m.end.min(new.end) - m.start.max(new.start)).sum();
        if self.tree.total + new.len() > limits.address_space.saturating_add(replaced) {
            return Err(Errno::ENOMEM);
        }
        if new.is_locked && self.locked + new.len() > limits.locked {
            return Err(Errno::EAGAIN);
        }
        if new.is_data() { self.check_data(limits, new.len()) } else { Ok(()) }
    }

    pub(crate) fn check_data(&self, limits: &Limits, more: u64) -> Result<(), Errno> {
        if self.tree.data.saturating_add(more) > limits.data { Err(Errno::ENOMEM) } else { Ok(()) }
    }

    /// Takes locked pages of a range out of the count.
    pub(crate) fn unlock(&mut self, start: u64, end: u64) {
        let locked = self.tree.overlapping(start, end).filter(|m| m.is_locked);
        let locked: u64 = locked.map(|m| m.end.min(end) - m.start.max(start)).sum();
        self.locked -= locked;
    }

    fn move_mapping(&mut self, mapping: &Mapping, old: u64, old_len: u64, new: u64, new_len: u64, keep: bool) {
        if !keep {
            self.unlock(old, old + old_len);
            self.tree.remove(old, old + old_len);
        }
        let moved = mapping.moved(old, new, new_len);
        self.locked += if moved.is_locked { new_len } else { 0 };
        self.tree.insert(moved);
    }
}
