//! The patched text of a file.

use super::scan;
use super::site::{JUMP_LEN, Site};
use super::trampoline::{self, Position, STRIDE};
use crate::systrap::process::{Entries, PATIENCE, Process};
use abi::mm::PAGE_SIZE;
use rustix::fs::{MemfdFlags, SealFlags};
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::time::Instant;
use sync::{Mutex, Rank};

/// Distance from the text to its trampolines: within reach of a jump, and far from what grows beside a program.
const DISTANCE: u64 = 0x6000_0000;
/// Pages without a site between pages with some that are taken along: fewer mappings.
const GAP: u64 = 64;
/// Most mappings over the text.
const RUNS_MAX: usize = 48;

/// Patched text: sealed, shared by all spaces that map it.
#[derive(Debug)]
pub struct Text {
    memory: OwnedFd,
    /// Bytes of the original text, a multiple of the page size.
    pub(super) len: u64,
    /// The changed pages, by offset in the text.
    pub(super) runs: Vec<Run>,
    /// Address of the text less that of the trampolines.
    pub(super) reach: i64,
    /// Offset of the trampolines in `memory`.
    trampolines: u64,
    /// In order of offsets.
    sites: Vec<Site>,
    /// The original bytes under each jump.
    originals: Vec<[u8; JUMP_LEN]>,
    /// Processes that map it or did, unless the file can't change.
    users: Option<Mutex<Vec<Weak<Process>>>>,
    /// The file has other bytes than these.
    is_spoilt: AtomicBool,
}

/// Pages of the text that come from the memory file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Offset in the text.
    pub(super) start: u64,
    pub(super) len: u64,
    /// Offset in the memory file.
    pub(super) offset: u64,
}

impl Text {
    /// Patches `code`, which lies at `addr` where it was seen; `executed`: offsets of `syscall`s that trapped; `entries`:
    /// where the stub takes calls; `can_change`: it may be [spoilt](Self::spoil). `None` when nothing can be patched, or
    /// the host makes no memory file.
    pub(in super::super) fn new(
        code: &[u8],
        addr: u64,
        executed: &[u32],
        entries: &Entries,
        can_change: bool,
    ) -> Option<Self> {
        if code.len() > scan::TEXT_MAX {
            return None;
        }
        let sites = scan::sites(code, executed);
        let runs = runs(&sites)?;
        // Below, where mappings come last; above for a program that lies low.
        let reach = if addr > 2 * DISTANCE { DISTANCE.cast_signed() } else { -DISTANCE.cast_signed() };
        let originals = sites.iter().map(|site| original(code, site)).collect();
        let trampolines = runs.iter().map(|run| run.len).sum();
        let mut text = Self {
            memory: rustix::fs::memfd_create("text", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).ok()?,
            len: (code.len() as u64).next_multiple_of(PAGE_SIZE),
            runs,
            reach,
            trampolines,
            sites,
            originals,
            users: can_change.then(|| Mutex::new(Rank::Leaf, Vec::new())),
            is_spoilt: AtomicBool::new(false),
        };
        text.write(code, entries).ok()?;
        Some(text)
    }

    /// Fills the memory file and seals it.
    fn write(&mut self, code: &[u8], entries: &Entries) -> io::Result<()> {
        let mut file = std::fs::File::from(self.memory.try_clone()?);
        for run in &self.runs {
            let end = ((run.start + run.len) as usize).min(code.len());
            let mut pages = code[run.start as usize..end].to_vec();
            pages.resize(run.len as usize, 0);
            for (index, site) in self.sites.iter().enumerate() {
                if (run.start..run.start + run.len).contains(&site.start.into()) {
                    let from = self.reach - (index as i64 + 1) * STRIDE.cast_signed() + i64::from(site.start) + 5;
                    let mut jump = [0xe9, 0, 0, 0, 0];
                    jump[1..].copy_from_slice(&(-from as i32).to_le_bytes());
                    let at = (u64::from(site.start) - run.start) as usize;
                    pages[at..at + JUMP_LEN].copy_from_slice(&jump);
                }
            }
            file.write_all(&pages)?;
        }
        let mut trampolines = vec![0xcc; self.trampolines_len() as usize];
        for (word, entry) in trampolines.chunks_exact_mut(8).zip(trampoline::targets(entries)) {
            word.copy_from_slice(&entry.to_le_bytes());
        }
        for (index, site) in self.sites.iter().enumerate() {
            let index = index as u64 + 1;
            let code = trampoline::encode(site, index, self.reach, code);
            let at = (index * STRIDE) as usize;
            trampolines[at..at + code.len()].copy_from_slice(&code);
        }
        file.write_all(&trampolines)?;
        let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&self.memory, seals)?;
        Ok(())
    }

    /// Takes note of a process that is about to map it.
    pub(in super::super) fn add_user(&self, process: &Arc<Process>) {
        let Some(users) = &self.users else { return };
        {
            let mut users = users.lock();
            users.retain(|user| user.strong_count() > 0);
            users.push(Arc::downgrade(process));
        }
        if self.is_spoilt() {
            process.spoilt_texts.fetch_add(1, SeqCst);
        }
    }

    /// The file is about to change. When this returns no application code runs with the text, except where a thread
    /// can't be got out of it for long: each space takes it out before it runs application code again.
    pub fn spoil(&self) {
        self.is_spoilt.store(true, SeqCst);
        let users = self.users.as_ref().map(|users| std::mem::take(&mut *users.lock())).unwrap_or_default();
        let users: Vec<_> = users.iter().filter_map(Weak::upgrade).collect();
        for user in &users {
            user.spoilt_texts.fetch_add(1, SeqCst);
        }
        let deadline = Instant::now() + PATIENCE;
        for user in users {
            user.interrupt_spoilt(deadline);
        }
    }

    /// The file has other bytes than these.
    pub(super) fn is_spoilt(&self) -> bool {
        self.is_spoilt.load(SeqCst)
    }

    /// Bytes of the changed pages.
    pub(super) fn bytes(&self) -> u64 {
        self.runs.iter().map(|run| run.len).sum()
    }

    /// Bytes of the trampolines, a multiple of the page size.
    pub(super) fn trampolines_len(&self) -> u64 {
        ((self.sites.len() as u64 + 1) * STRIDE).next_multiple_of(PAGE_SIZE)
    }

    /// Address range of the trampolines of the text at `at`; `None` when they would lie outside the guest's addresses.
    pub fn trampolines_at(&self, at: u64) -> Option<(u64, u64)> {
        let start = at.checked_add_signed(-self.reach)?;
        let end = start.checked_add(self.trampolines_len())?;
        (start >= 0x1_0000 && end <= crate::GUEST_END).then_some((start, end))
    }

    /// The memory file.
    pub(in super::super) fn memory(&self) -> BorrowedFd<'_> {
        self.memory.as_fd()
    }

    /// Arguments of the `mmap(2)`s that map the trampolines of the text at `at`, and then its changed pages; without the
    /// descriptor.
    pub(in super::super) fn mmaps(&self, at: u64, prot: u64) -> Option<Vec<[u64; 6]>> {
        // MAP_PRIVATE, MAP_FIXED.
        let map = |addr, len, offset| [addr, len, prot, 0x12, 0, offset];
        let (start, end) = self.trampolines_at(at)?;
        let runs = self.runs.iter().map(|run| map(at + run.start, run.len, run.offset));
        Some(std::iter::once(map(start, end - start, self.trampolines)).chain(runs).collect())
    }

    /// Bytes of the text that it stands for, a multiple of the page size.
    #[expect(clippy::len_without_is_empty, reason = "text is never empty")]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// The `syscall` at `at` is one of the patched sites.
    pub(super) fn has_site(&self, at: u32) -> bool {
        let after = at + super::site::SYSCALL_LEN as u32;
        self.sites.binary_search_by_key(&after, |site| site.after).is_ok()
    }

    /// What offset `at` in the trampolines stands for.
    pub(super) fn position(&self, at: u64) -> Option<Position> {
        let site = self.sites.get((at / STRIDE).checked_sub(1)? as usize)?;
        Some(trampoline::position(site, at % STRIDE))
    }

    /// Offset in the trampolines that stands for offset `at` in the text, where that lies in replaced bytes.
    pub(super) fn tail(&self, at: u32) -> Option<u64> {
        let index = self.sites.partition_point(|site| site.start <= at).checked_sub(1)?;
        let tail = trampoline::tail(self.sites.get(index)?, at)?;
        Some((index as u64 + 1) * STRIDE + tail)
    }

    /// The offsets of all jumps, and the bytes that stood there.
    pub(super) fn originals(&self) -> impl Iterator<Item = (u32, [u8; JUMP_LEN])> + '_ {
        self.sites.iter().zip(&self.originals).map(|(site, &bytes)| (site.start, bytes))
    }

    /// Puts the original bytes in place of the jumps in `bytes`, which were read at offset `at`.
    pub(super) fn hide(&self, at: u64, bytes: &mut [u8]) {
        let end = at + bytes.len() as u64;
        let first = self.sites.partition_point(|site| u64::from(site.start) + JUMP_LEN as u64 <= at);
        for (site, original) in self.sites[first..].iter().zip(&self.originals[first..]) {
            let start = u64::from(site.start);
            if start >= end {
                break;
            }
            for (i, &byte) in original.iter().enumerate() {
                let place = (start + i as u64).checked_sub(at).and_then(|place| bytes.get_mut(place as usize));
                if let Some(place) = place {
                    *place = byte;
                }
            }
        }
    }
}

fn original(code: &[u8], site: &Site) -> [u8; JUMP_LEN] {
    std::array::from_fn(|i| code.get(site.start as usize + i).copied().unwrap_or_default())
}

/// The pages with sites, in few runs. `None` when there are no sites, or runs are too many.
fn runs(sites: &[Site]) -> Option<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    for site in sites {
        let start = u64::from(site.start) / PAGE_SIZE * PAGE_SIZE;
        let end = (u64::from(site.start) + JUMP_LEN as u64).next_multiple_of(PAGE_SIZE);
        match runs.last_mut() {
            Some(run) if start <= run.start + run.len + GAP * PAGE_SIZE => run.len = run.len.max(end - run.start),
            _ => runs.push(Run { start, len: end - start, offset: 0 }),
        }
    }
    let mut offset = 0;
    for run in &mut runs {
        run.offset = offset;
        offset += run.len;
    }
    (!runs.is_empty() && runs.len() <= RUNS_MAX).then_some(runs)
}
