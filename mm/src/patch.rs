//! Patched text: which mappings get it, and what takes it out again.
//!
//! The guest sees the file's own bytes whatever is mapped: reads by the sentry put them back, and what would show or
//! change the text itself (`mprotect(2)` to writable, `mremap(2)`, `ptrace(2)`) restores it first. Trampolines lie in
//! addresses that the guest finds free; a mapping that it wants just there takes them out.
//!
//! A text stands for a version of its file. The host's own attributes tell it for files of the image; files that the
//! sentry keeps say it themselves ([`Backing::version`](crate::Backing::version)) and spoil the text before they change:
//! each space takes it out before its next turn of application code.

use crate::mapping::{Mapping, Source};
use crate::space::{Mm, State};
use abi::Errno;
use abi::mm::{PAGE_SIZE, Prot};
use platform::{GUEST_END, Noted, Text, TextKey};
use rustix::fs::FileType;
use rustix::io::Errno as HostErrno;
use std::os::fd::AsFd;
use std::sync::Arc;

/// Largest text that is read to be patched.
const TEXT_MAX: u64 = 128 << 20;

/// Calls by trap that an address space made from text that others have patched, after which it gets that: mapping it
/// costs as much as some ten traps, and a process may be about to end or to exec.
const LATE: u32 = 16;

/// Stands in the place of a device number in the keys of files that the sentry keeps.
const MEMORY: u64 = u64::MAX;

/// Addresses of trampolines: nothing is mapped there as far as the guest knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hidden {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// The text that they belong to.
    text: u64,
}

impl Hidden {
    fn overlaps(&self, start: u64, end: u64) -> bool {
        self.start < end && start < self.end
    }
}

/// What tells the text of a new mapping from all others; `None` when it may change or is not worth a thought.
pub(crate) fn key(mapping: &Mapping) -> Option<TextKey> {
    let is_text = !mapping.is_shared && mapping.prot.contains(Prot::EXEC) && !mapping.prot.contains(Prot::WRITE);
    let Source::File(backing, offset) = &mapping.source else { return None };
    if !is_text || mapping.len() > TEXT_MAX {
        return None;
    }
    if let Some(version) = backing.version() {
        return Some(TextKey([MEMORY, version, *offset, mapping.len(), 0, 0, 0, 0]));
    }
    let range = backing.host_range(*offset).ok()?;
    let stat = rustix::fs::fstat(&range.fd).ok()?;
    // A file without a name is the sandbox's own memory, and the guest may write to it unseen now.
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_nlink == 0 {
        return None;
    }
    let changed = [stat.st_mtime as u64, stat.st_mtime_nsec, stat.st_ctime as u64, stat.st_ctime_nsec];
    let [a, b, c, d] = changed;
    Some(TextKey([
        stat.st_dev,
        stat.st_ino,
        stat.st_size as u64,
        a ^ c.rotate_left(32),
        b,
        d,
        range.offset,
        mapping.len(),
    ]))
}

impl Mm {
    /// The call at `addr` trapped: when enough did, the text around it is patched, here and wherever it is mapped from
    /// now on.
    pub fn note_call(&self, addr: u64) {
        let mut state = self.state.lock();
        if state.shows_text {
            return;
        }
        let Some(mapping) = state.tree.find(addr).filter(|mapping| mapping.text.is_some()) else { return };
        let (Some(key), Ok(offset)) = (mapping.text, u32::try_from(addr - mapping.start)) else { return };
        let mapping = mapping.clone();
        let text = match self.space().note_call(&key, offset) {
            Noted::Nothing => return,
            Noted::Due => self.patch_file(&key, &mapping),
            // Patched after this space mapped it.
            Noted::Patched(text) if !self.space().has_text(&text, mapping.start) => {
                state.late_calls += 1;
                (state.late_calls >= LATE).then_some(text)
            }
            Noted::Patched(_) => return,
        };
        // In the place of one that was patched when less was known.
        if let Some(text) = text
            && self.take_out(&mut state, &mapping).is_ok()
        {
            state.late_calls = 0;
            self.place_text(&mut state, &mapping, &text);
        }
    }

    /// Patches the text of a mapping, of the file as `key` has it.
    fn patch_file(&self, key: &TextKey, mapping: &Mapping) -> Option<Arc<Text>> {
        let Source::File(backing, _) = &mapping.source else { return None };
        let version = (key.0[0] == MEMORY).then_some(key.0[1]);
        if version.is_some() && backing.version() != version {
            return None;
        }
        let text = self.space().patch(key, &code(mapping)?, mapping.start, version.is_some())?;
        // What was read is what the version stands for, unless it changed meanwhile.
        if version.is_some_and(|version| !backing.follow(version, &text)) {
            return None;
        }
        self.space().keep_text(key, &text);
        Some(text)
    }

    /// Takes out patched text whose file has changed: before each turn of application code, for a task of this address
    /// space. Where the host has no memory for that, the process dies.
    pub fn drop_spoilt_text(&self) {
        if self.space().has_spoilt_text() {
            let state = self.state.lock();
            let taken = self.space().take_out_spoilt(|start, end| self.restore(&state, start, end));
            if taken.is_err() {
                self.space().kill();
            }
        }
    }

    /// Takes the patched text out of a mapping, and its trampolines.
    fn take_out(&self, state: &mut State, mapping: &Mapping) -> Result<(), Errno> {
        self.restore_text(state, mapping.start, mapping.end)?;
        let hidden = state.hidden.iter().find(|hidden| hidden.text == mapping.start).copied();
        hidden.map_or(Ok(()), |hidden| self.forget(state, hidden))
    }

    /// Unmaps the trampolines of text that has no jumps any more. Where that cannot be, they stay in the way.
    fn forget(&self, state: &mut State, hidden: Hidden) -> Result<(), Errno> {
        let unmap = || self.space().unmap(hidden.start, hidden.end - hidden.start);
        self.space().forget_text(hidden.text, unmap)?;
        state.hidden.retain(|other| *other != hidden);
        Ok(())
    }

    /// Gives a new mapping its patched text, if there is one.
    pub(crate) fn patch_new(&self, state: &mut State, mapping: &Mapping) {
        if !state.shows_text
            && let Some(text) = mapping.text.and_then(|key| self.space().patched(&key))
        {
            self.place_text(state, mapping, &text);
        }
    }

    /// Maps a patched text over its original; where that can't be done, the original stays.
    fn place_text(&self, state: &mut State, mapping: &Mapping, text: &Arc<Text>) {
        let Some((start, end)) = text.trampolines_at(mapping.start) else { return };
        let is_free = state.tree.overlapping(start, end).next().is_none() && !state.is_hidden(start, end);
        if !is_free || text.len() != mapping.len() {
            return;
        }
        // Known before it is mapped: whatever comes of it, the addresses are taken.
        state.hidden.push(Hidden { start, end, text: mapping.start });
        if self.space().map_text(text, mapping.start, mapping.prot).is_err() {
            let _ = self.map_on_host(mapping);
        }
    }

    /// The range `start..end` is about to be unmapped, replaced, moved or made writable: text in it is as the file has
    /// it, and no trampolines are in the way.
    pub(crate) fn unpatch(&self, state: &mut State, start: u64, end: u64) -> Result<(), Errno> {
        for (from, to) in self.space().patched_texts(start, end) {
            if start > from || to > end {
                self.restore(state, from, to)?;
            }
            self.space().retire_text(from);
        }
        while let Some(hidden) = state.hidden.iter().find(|hidden| hidden.overlaps(start, end)).copied() {
            let to = self.space().patched_texts(hidden.text, hidden.text + PAGE_SIZE).first().map(|text| text.1);
            if let Some(to) = to {
                self.restore(state, hidden.text, to)?;
                self.space().retire_text(hidden.text);
            }
            self.forget(state, hidden)?;
        }
        Ok(())
    }

    /// From now on all text is as its files have it: somebody may look at it closely, change it, or step through it.
    /// For a task of this address space.
    pub fn show_text(&self) {
        let mut state = self.state.lock();
        if !std::mem::replace(&mut state.shows_text, true) {
            // A process that is gone shows when its tasks run.
            let _ = self.restore_text(&state, 0, GUEST_END);
        }
    }

    /// As [`Self::unpatch`], for text that stays mapped and is to be seen or changed.
    pub(crate) fn restore_text(&self, state: &State, start: u64, end: u64) -> Result<(), Errno> {
        for (from, to) in self.space().patched_texts(start, end) {
            self.restore(state, from, to)?;
            self.space().retire_text(from);
        }
        Ok(())
    }

    /// Maps anew what the tree says lies in `start..end`.
    fn restore(&self, state: &State, start: u64, end: u64) -> Result<(), Errno> {
        let parts = state.tree.overlapping(start, end).filter(|part| matches!(part.source, Source::File(..)));
        for part in parts {
            self.map_on_host(&part.part(part.start.max(start), part.end.min(end)))?;
        }
        Ok(())
    }
}

impl State {
    /// Trampolines lie in the range.
    pub(crate) fn is_hidden(&self, start: u64, end: u64) -> bool {
        self.hidden.iter().any(|hidden| hidden.overlaps(start, end))
    }

    /// Start of the highest gap of `len` bytes in `low..high` that has no trampolines.
    pub(crate) fn gap_below(&self, low: u64, high: u64, len: u64) -> Option<u64> {
        let mut high = high;
        loop {
            let start = self.tree.gap_below(low, high, len)?;
            match self.hidden.iter().filter(|hidden| hidden.overlaps(start, start + len)).map(|h| h.start).min() {
                Some(below) => high = below,
                None => return Some(start),
            }
        }
    }

    /// Start of the lowest gap of `len` bytes in `low..high` that has no trampolines.
    pub(crate) fn gap_above(&self, low: u64, high: u64, len: u64) -> Option<u64> {
        let mut low = low;
        loop {
            let start = self.tree.gap_above(low, high, len)?;
            match self.hidden.iter().filter(|hidden| hidden.overlaps(start, start + len)).map(|h| h.end).max() {
                Some(above) => low = above,
                None => return Some(start),
            }
        }
    }
}

/// The file's bytes under a mapping of text, as many as there are. `None` when they can't be read.
fn code(mapping: &Mapping) -> Option<Vec<u8>> {
    let Source::File(backing, offset) = &mapping.source else { return None };
    let range = backing.host_range(*offset).ok()?;
    let mut code = vec![0; mapping.len() as usize];
    let mut done = 0;
    while done < code.len() {
        match rustix::io::pread(range.fd.as_fd(), &mut code[done..], range.offset + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(HostErrno::INTR) => {}
            Err(_) => return None,
        }
    }
    Some(code)
}
