//! The file of a core dump: an ELF header, a program header for the notes and for each mapping, their content.

use super::memory::{Pages, dumped};
use super::notes::{ThreadImage, notes};
use crate::kernel::RLIMIT_CORE;
use crate::task::CurrentTask;
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use abi::mm::{PAGE_SIZE, Prot};
use abi::signal::SigInfo;
use mm::{Mapping, SliceSource};
use std::sync::Arc;
use sync::Fail;
use vfs::{OpenFile, OpenHow, Walk};

const EHDR_LEN: u64 = 64;
const PHDR_LEN: u64 = 56;
const ET_CORE: u16 = 4;
const EM_X86_64: u16 = 62;
const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
/// Bytes that one step moves.
const STEP: usize = 256 * 1024;

/// The file and how far it may grow.
struct Output<'a> {
    task: &'a CurrentTask,
    file: Arc<OpenFile>,
    limit: u64,
}

impl Output<'_> {
    /// Writes at an offset what the limit allows. False: it is reached.
    fn put(&self, bytes: &[u8], offset: u64) -> Result<bool, Fail> {
        let room = self.limit.saturating_sub(offset).min(bytes.len() as u64) as usize;
        let mut source = SliceSource::new(&bytes[..room]);
        let (mut at, mut left) = (offset, room);
        while left > 0 {
            let io = self.file.io(self.task.caller(), OpenFlags::empty());
            match self.file.ops.write(&io, &mut source, &mut at)? {
                0 => return Err(Errno::EIO.into()),
                n => left -= n.min(left),
            }
        }
        Ok(room == bytes.len())
    }
}

impl CurrentTask {
    /// Writes the core of the process. The other threads stand still.
    pub(super) fn write_core(&self, signal: &SigInfo, threads: &[ThreadImage]) -> Result<(), Fail> {
        let limit = self.group().limit(RLIMIT_CORE);
        let output = Output { task: self, file: self.open_core(signal)?, limit };
        let mappings = self.mm().mappings();
        let pages = Pages::of(self.mm());
        let notes = notes(self, signal, threads, &mappings);
        let sizes: Vec<u64> = mappings.iter().map(|mapping| dumped(self.mm(), &pages, mapping)).collect();
        let head = head(&notes, &mappings, &sizes);
        let mut offset = (head.len() as u64).next_multiple_of(PAGE_SIZE);
        // What does not fit any more is left out: it is a core all the same.
        let mut has_room = output.put(&head, 0)?;
        for (mapping, &size) in mappings.iter().zip(&sizes) {
            if !has_room {
                return Ok(());
            }
            has_room = self.put_mapping(&output, &pages, mapping, size, offset)?;
            offset += size;
        }
        // The file ends where the last mapping does, be there something or not.
        if has_room && let (Some(last), true) = (offset.checked_sub(1), sizes.iter().any(|&size| size > 0)) {
            self.put_end(&output, last)?;
        }
        Ok(())
    }

    /// Makes the file as long as it has to be.
    fn put_end(&self, output: &Output<'_>, last: u64) -> Result<(), Fail> {
        let len = output.file.inode()?.attr()?.size;
        if len <= last {
            output.put(&[0], last)?;
        }
        Ok(())
    }

    fn put_mapping(
        &self,
        output: &Output<'_>,
        pages: &Pages,
        mapping: &Mapping,
        size: u64,
        offset: u64,
    ) -> Result<bool, Fail> {
        let mut buffer = vec![0; STEP.min(size as usize)];
        for (start, end) in pages.filled(mapping, mapping.start + size) {
            let mut at = start;
            while at < end {
                let len = ((end - at) as usize).min(STEP);
                // A page that cannot be read stays a hole.
                let got = self.mm().read_forced(at, &mut buffer[..len]).unwrap_or(0);
                if got > 0 && !output.put(&buffer[..got], offset + (at - mapping.start))? {
                    return Ok(false);
                }
                at += if got == 0 { PAGE_SIZE } else { got as u64 };
            }
        }
        Ok(true)
    }

    /// Opens the file: nobody else's, and readable by nobody else.
    fn open_core(&self, signal: &SigInfo) -> Result<Arc<OpenFile>, Fail> {
        let path = self.kernel().core_pattern().path(self, signal).ok_or(Errno::ENOSYS)?;
        let walk = Walk::new(self.caller(), self.fs());
        // What is there gives way; what cannot, shows when the file is made.
        let _ = walk.unlink(&path);
        let flags = OpenFlags::CREAT | OpenFlags::EXCL | OpenFlags::WRONLY | OpenFlags::NOFOLLOW;
        let file = walk.open(&path, &OpenHow::lenient(flags, 0o600))?;
        let inode = file.inode()?;
        let attr = inode.attr()?;
        let is_fine = inode.kind() == FileType::Regular
            && attr.nlink == 1
            && attr.uid == self.creds().fsuid
            && attr.mode & 0o677 == 0o600;
        if is_fine { Ok(file) } else { Err(Errno::EPERM.into()) }
    }
}

/// Everything in front of the memory.
fn head(notes: &[u8], mappings: &[Mapping], sizes: &[u64]) -> Vec<u8> {
    let count = mappings.len() as u64 + 1;
    let notes_at = EHDR_LEN + count * PHDR_LEN;
    let mut out = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    for half in [ET_CORE, EM_X86_64] {
        out.extend(half.to_ne_bytes());
    }
    out.extend(1u32.to_ne_bytes());
    for word in [0, EHDR_LEN, 0] {
        out.extend(word.to_ne_bytes());
    }
    out.extend(0u32.to_ne_bytes());
    for half in [EHDR_LEN, PHDR_LEN, count, 0, 0, 0] {
        out.extend((half as u16).to_ne_bytes());
    }
    program_header(&mut out, PT_NOTE, 0, [notes_at, 0, notes.len() as u64, 0, 4]);
    let mut offset = (notes_at + notes.len() as u64).next_multiple_of(PAGE_SIZE);
    for (mapping, &size) in mappings.iter().zip(sizes) {
        program_header(&mut out, PT_LOAD, flags(mapping.prot), [offset, mapping.start, size, mapping.len(), PAGE_SIZE]);
        offset += size;
    }
    out.extend(notes);
    out
}

/// `PF_R`, `PF_W`, `PF_X`.
fn flags(prot: Prot) -> u32 {
    let rows = [(Prot::READ, 4), (Prot::WRITE, 2), (Prot::EXEC, 1)];
    rows.iter().filter(|(bit, _)| prot.contains(*bit)).map(|(_, flag)| flag).sum()
}

/// Offset, address, sizes in the file and in memory, alignment.
fn program_header(out: &mut Vec<u8>, kind: u32, flags: u32, words: [u64; 5]) {
    let [offset, addr, in_file, in_memory, align] = words;
    out.extend(kind.to_ne_bytes());
    out.extend(flags.to_ne_bytes());
    for word in [offset, addr, 0, in_file, in_memory, align] {
        out.extend(word.to_ne_bytes());
    }
}
