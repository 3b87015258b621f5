//! The host's vDSO, which the application has as its own.

use super::layout::ARCH_MAP_VDSO_64;
use super::space::{Space, range};
use abi::Errno;
use std::io::{self, Read as _};
use std::os::fd::BorrowedFd;

/// The host's vDSO as it lies in a fresh stub.
#[derive(Clone, Debug, Default)]
pub(super) struct Vdso {
    /// Start of the first part.
    pub(super) start: u64,
    /// Parts, in order, without gaps: offset from `start`, length.
    pub(super) parts: Vec<(u64, u64)>,
    /// Offset of the ELF image.
    pub(super) image: u64,
    /// The host maps one where it is wanted.
    can_map: bool,
}

impl Vdso {
    /// Where the parts lie in our own process. The stub's lie to each other as these do.
    pub(super) fn own(proc: BorrowedFd<'_>) -> io::Result<Self> {
        let fd = rustix::fs::openat(proc, "self/maps", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty())?;
        let mut maps = Vec::with_capacity(16 << 10);
        std::fs::File::from(fd).read_to_end(&mut maps)?;
        let maps = String::from_utf8_lossy(&maps);
        let mut parts = Vec::new();
        for line in maps.lines() {
            let name = line.split_whitespace().nth(5).unwrap_or_default();
            let is_part = name.starts_with("[vvar") || name == "[vdso]";
            let bounds = line.split_once(' ').and_then(|(range, _)| range.split_once('-'));
            if let (true, Some((from, to))) = (is_part, bounds) {
                let parse = |text| u64::from_str_radix(text, 16).map_err(io::Error::other);
                parts.push((parse(from)?, parse(to)?, name == "[vdso]"));
            }
        }
        let Some(image) = parts.iter().find(|part| part.2).map(|part| part.0) else { return Ok(Self::default()) };
        let start = parts[0].0;
        let parts = parts.iter().map(|&(from, to, _)| (from - start, to - from)).collect();
        Ok(Self { start, image: image - start, parts, can_map: false })
    }

    /// The same in a process where the image lies at `image`; 0: there is none.
    pub(super) fn with_image_at(self, image: u64, can_map: bool) -> Self {
        if image == 0 || self.parts.is_empty() {
            return Self::default();
        }
        Self { start: image - self.image, can_map, ..self }
    }

    pub(super) fn len(&self) -> u64 {
        self.parts.last().map_or(0, |&(offset, len)| offset + len)
    }
}

impl Space {
    /// Where the vDSO of a fresh space lies.
    pub fn vdso_start(&self) -> u64 {
        self.vdso().start
    }

    /// Length of the vDSO with its data, to be placed by [`Self::move_vdso`]. 0: the host has none.
    pub fn vdso_len(&self) -> u64 {
        self.vdso().len()
    }

    /// Length of the vDSO's data before its code.
    pub fn vdso_image_offset(&self) -> u64 {
        self.vdso().image
    }

    /// Moves the vDSO with its data from where it starts to `addr`, which is free; the places may not overlap.
    pub fn move_vdso(&self, from: u64, addr: u64) -> Result<(), Errno> {
        let vdso = self.vdso();
        if vdso.len() == 0 {
            return Ok(());
        }
        range(addr, vdso.len())?;
        if vdso.can_map {
            // A process has but one.
            let unmap = (libc::SYS_munmap, [from, vdso.len(), 0, 0, 0, 0]);
            return self.make(&[unmap, (libc::SYS_arch_prctl, [ARCH_MAP_VDSO_64, addr, 0, 0, 0, 0])]);
        }
        let part = |&(offset, len): &(u64, u64)| (libc::SYS_mremap, [from + offset, len, len, 3, addr + offset, 0]);
        self.make(&vdso.parts.iter().map(part).collect::<Vec<_>>())
    }

    fn vdso(&self) -> &Vdso {
        static NONE: Vdso = Vdso { start: 0, parts: Vec::new(), image: 0, can_map: false };
        self.process.shared.vdso.get().unwrap_or(&NONE)
    }
}
