//! ELF headers: `elf(5)`, the parts that loading a program needs. Every field is hostile.

use abi::Errno;
use std::sync::Arc;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use crate::backing::Backing;
use platform::GUEST_END;

/// An ELF file to load.
pub struct Image<'a> {
    /// What its segments map.
    pub backing: Arc<dyn Backing>,
    /// Reads file bytes at an offset; short at the end of the file.
    pub read_at: ReadAt<'a>,
}

/// Reads file bytes at an offset; short at the end of the file.
pub type ReadAt<'a> = &'a dyn Fn(u64, &mut [u8]) -> Result<usize, Errno>;

/// `Elf64_Ehdr`.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Header {
    ident: [u8; 16],
    kind: u16,
    machine: u16,
    version: u32,
    entry: u64,
    phoff: u64,
    shoff: u64,
    flags: u32,
    ehsize: u16,
    phentsize: u16,
    phnum: u16,
    shentsize: u16,
    shnum: u16,
    shstrndx: u16,
}

/// `Elf64_Phdr`.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Segment {
    pub(crate) kind: u32,
    pub(crate) flags: u32,
    pub(crate) offset: u64,
    pub(crate) vaddr: u64,
    paddr: u64,
    pub(crate) filesz: u64,
    pub(crate) memsz: u64,
    pub(crate) align: u64,
}

/// `ET_EXEC`.
const EXEC: u16 = 2;
/// `ET_DYN`.
const DYN: u16 = 3;
/// `EM_X86_64`.
const X86_64: u16 = 62;
/// `PT_LOAD`.
pub(crate) const LOAD: u32 = 1;
/// `PT_INTERP`.
const INTERP: u32 = 3;
/// `PT_GNU_STACK`.
const GNU_STACK: u32 = 0x6474_e551;
/// Program headers fit a page, as Linux wants (`ELF_MIN_ALIGN` times 16 on others).
const HEADERS_MAX: usize = 65_536 / size_of::<Segment>();
/// `PATH_MAX`.
const PATH_MAX: u64 = 4096;

/// The headers of an image, checked as `load_elf_binary` checks them.
#[derive(Debug)]
pub(crate) struct Headers {
    pub(crate) is_dynamic: bool,
    pub(crate) entry: u64,
    pub(crate) phoff: u64,
    pub(crate) phnum: u16,
    pub(crate) segments: Vec<Segment>,
}

/// An image whose headers are read: all that is needed to map it.
pub struct Parsed {
    pub(crate) backing: Arc<dyn Backing>,
    pub(crate) headers: Headers,
}

impl Image<'_> {
    /// Reads the headers. `ENOEXEC` for what is no ELF file of this machine.
    pub fn parse(self) -> Result<Parsed, Errno> {
        let headers = self.headers()?;
        headers.loads(GUEST_END)?;
        Ok(Parsed { backing: self.backing, headers })
    }

    /// Path of the interpreter that the image asks for (`PT_INTERP`). `ENOEXEC` for what is no ELF file of this
    /// machine.
    pub fn interpreter(&self) -> Result<Option<Vec<u8>>, Errno> {
        let headers = self.headers()?;
        let Some(segment) = headers.segments.iter().find(|segment| segment.kind == INTERP) else { return Ok(None) };
        if segment.filesz < 2 || segment.filesz > PATH_MAX {
            return Err(Errno::ENOEXEC);
        }
        let mut path = vec![0; segment.filesz as usize];
        if (self.read_at)(segment.offset, &mut path)? != path.len() {
            return Err(Errno::EIO);
        }
        if path.pop() != Some(0) {
            return Err(Errno::ENOEXEC);
        }
        let end = path.iter().position(|&byte| byte == 0).unwrap_or(path.len());
        path.truncate(end);
        Ok(Some(path))
    }

    fn headers(&self) -> Result<Headers, Errno> {
        let mut header = Header::new_zeroed();
        if (self.read_at)(0, header.as_mut_bytes())? != size_of::<Header>() {
            return Err(Errno::ENOEXEC);
        }
        let is_elf64 = header.ident[..5] == *b"\x7fELF\x02" && matches!(header.kind, EXEC | DYN);
        let is_ours = is_elf64 && header.machine == X86_64 && usize::from(header.phentsize) == size_of::<Segment>();
        if !is_ours || header.phnum == 0 || usize::from(header.phnum) > HEADERS_MAX {
            return Err(Errno::ENOEXEC);
        }
        let mut segments = vec![Segment::new_zeroed(); header.phnum.into()];
        let bytes = segments.as_mut_slice().as_mut_bytes();
        if (self.read_at)(header.phoff, bytes)? != bytes.len() {
            return Err(Errno::ENOEXEC);
        }
        Ok(Headers {
            is_dynamic: header.kind == DYN,
            entry: header.entry,
            phoff: header.phoff,
            phnum: header.phnum,
            segments,
        })
    }
}

impl Headers {
    /// The segments to load, checked: sizes in order, addresses ascending and below `max`.
    pub(crate) fn loads(&self, max: u64) -> Result<Vec<Segment>, Errno> {
        let loads: Vec<Segment> = self.segments.iter().filter(|segment| segment.kind == LOAD).copied().collect();
        let mut last = 0;
        for segment in &loads {
            let end = segment.vaddr.checked_add(segment.memsz).filter(|&end| end <= max);
            let is_bad = segment.filesz > segment.memsz
                || end.is_none()
                || segment.offset.checked_add(segment.filesz).is_none_or(|end| end > i64::MAX as u64)
                || segment.vaddr < last;
            if is_bad {
                return Err(Errno::ENOEXEC);
            }
            last = segment.vaddr;
        }
        if loads.is_empty() { Err(Errno::ENOEXEC) } else { Ok(loads) }
    }

    /// The stack may be executed: no `PT_GNU_STACK`, or one that says so.
    pub(crate) fn has_exec_stack(&self) -> bool {
        // x86-64 without the header: not executable (arch/x86/include/asm/elf.h, since 5.8).
        self.segments.iter().find(|segment| segment.kind == GNU_STACK).is_some_and(|segment| segment.flags & 1 != 0)
    }
}
