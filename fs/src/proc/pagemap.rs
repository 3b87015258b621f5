//! /proc/PID/pagemap and clear_refs: the state of pages, `proc_pid_pagemap(5)`, `proc_pid_clear_refs(5)`.

use super::access::may_read;
use super::process::Process;
use crate::pseudo::seek;
use abi::Errno;
use abi::fs::OpenFlags;
use abi::mm::PAGE_SIZE;
use mm::{Mm, Sink};
use std::fs::File as HostFile;
use std::io::Write as _;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use sync::Fail;
use vfs::{Caller, File, Io};

/// End of the addresses that entries stand for: there the file ends.
const ADDRESSES: u64 = 1 << 47;
/// Bytes of an entry.
const ENTRY: u64 = 8;
/// Entries that one step moves.
const STEP: usize = 4096;
/// Present, swapped, file or shared, guarded, write-protected, mapped once, soft-dirty. Frame numbers are the
/// host's business.
const SHOWN: u64 = 1 << 63 | 1 << 62 | 1 << 61 | 1 << 58 | 1 << 57 | 1 << 56 | 1 << 55;

/// Opens it for one who may look into the process.
pub(super) fn open(process: &Process, caller: &Caller, _flags: OpenFlags) -> Result<Box<dyn File>, Fail> {
    if !may_read(caller, &process.task) {
        return Err(Errno::EACCES.into());
    }
    let pages = match process.task.mm() {
        None => None,
        Some(mm) => Some((mm.space().proc_file("pagemap", false)?, mm)),
    };
    Ok(Box::new(Pagemap { pages }))
}

/// The host's entries, and whose they are; nothing for a process that had no memory.
struct Pagemap {
    pages: Option<(HostFile, Arc<Mm>)>,
}

/// Entries from `offset` on, those of ranges that the application has not mapped being zero.
fn entries(host: &HostFile, mm: &Mm, offset: u64, count: usize) -> Result<Vec<u8>, Errno> {
    let mut bytes = vec![0; count * ENTRY as usize];
    // Where the host has no more, nothing is mapped.
    host.read_at(&mut bytes, offset).map_err(|_| Errno::EIO)?;
    let first = offset / ENTRY * PAGE_SIZE;
    let mappings = mm.mappings();
    let mut at = mappings.partition_point(|mapping| mapping.end <= first);
    for (page, entry) in (first..).step_by(PAGE_SIZE as usize).zip(bytes.chunks_exact_mut(ENTRY as usize)) {
        while mappings.get(at).is_some_and(|mapping| mapping.end <= page) {
            at += 1;
        }
        let is_mapped = mappings.get(at).is_some_and(|mapping| mapping.start <= page);
        let value = entry.first_chunk().map_or(0, |value| u64::from_ne_bytes(*value));
        entry.copy_from_slice(&if is_mapped { value & SHOWN } else { 0 }.to_ne_bytes());
    }
    Ok(bytes)
}

impl File for Pagemap {
    fn read(&self, _io: &Io<'_>, dst: &mut dyn Sink, offset: &mut u64) -> Result<usize, Fail> {
        let Some((host, mm)) = &self.pages else { return Ok(0) };
        if !offset.is_multiple_of(ENTRY) || !(dst.room() as u64).is_multiple_of(ENTRY) {
            return Err(Errno::EINVAL.into());
        }
        let end = ADDRESSES / PAGE_SIZE * ENTRY;
        let mut done = 0;
        while dst.room() > 0 && *offset < end {
            let count = STEP.min(dst.room() / ENTRY as usize).min(((end - *offset) / ENTRY) as usize);
            let bytes = entries(host, mm, *offset, count)?;
            match dst.put(&bytes) {
                Ok(n) => {
                    done += n;
                    *offset += n as u64;
                }
                Err(_) if done > 0 => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(done)
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn seek(&self, _io: &Io<'_>, whence: u32, offset: i64, current: u64) -> Result<u64, Errno> {
        seek(whence, offset, current)
    }
}

/// Forgets which pages were used (1 to 3), which were written (4), or how much was resident at most (5).
pub(super) fn clear_refs(process: &Process, _caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    let text = std::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?.trim();
    let what = text.parse::<u8>().ok().filter(|what| (1..=5).contains(what)).ok_or(Errno::EINVAL)?;
    let mm = process.mm()?;
    let mut file = mm.space().proc_file("clear_refs", true)?;
    file.write_all(format!("{what}").as_bytes()).map_err(|_| Errno::EINVAL)
}
