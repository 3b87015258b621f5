//! Files of memory: `memfd_create(2)`, and seals: `fcntl(2)`, "File Sealing".

use crate::caller::Caller;
use crate::open_file::OpenFile;
use crate::place::Place;
use crate::vfs::Vfs;
use abi::Errno;
use abi::fs::{F_SEAL_EXEC, F_SEAL_SEAL, F_SEAL_WRITE, OpenFlags};
use std::sync::Arc;
use sync::Fail;

/// How to make a memory file.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryFile {
    /// Seals may be added.
    pub is_sealable: bool,
    /// Not executable, and that is sealed.
    pub is_noexec: bool,
    /// Page size asked for, as the bits of `MFD_HUGE_*`.
    pub huge: Option<u32>,
}

impl Vfs {
    /// Makes and opens a memory file: `memfd_create(2)`.
    pub fn memory_file(&self, caller: &Caller, name: &[u8], how: &MemoryFile) -> Result<Arc<OpenFile>, Fail> {
        let inode = self.memory_files()?.create(caller, name, how.huge)?;
        let mut seals = if how.is_sealable { 0 } else { F_SEAL_SEAL };
        if how.is_noexec {
            let change = crate::AttrChange { mode: Some(0o666), ..crate::AttrChange::default() };
            inode.set_attr(caller, &change)?;
            seals = F_SEAL_EXEC;
        }
        inode.attachments().set_seals(seals);
        // A new file has no program that runs from it.
        let _ = inode.attachments().start_write();
        let ops = inode.clone().open(caller, OpenFlags::RDWR)?;
        let place = Place::nameless(inode, &[b"memfd:", name].concat());
        Ok(OpenFile::new_writer(ops, place, OpenFlags::RDWR | OpenFlags::LARGEFILE))
    }
}

impl OpenFile {
    /// The seals: `F_GET_SEALS`. `EINVAL`.
    pub fn seals(&self) -> Result<u32, Errno> {
        self.inode()?.attachments().seals().ok_or(Errno::EINVAL)
    }

    /// Adds seals: `F_ADD_SEALS`. `EPERM`, `EINVAL`; `EBUSY` while shared mappings may write.
    pub fn add_seals(&self, seals: u32) -> Result<(), Errno> {
        const KNOWN: u32 = 0x3f;
        if !self.is_writable() {
            return Err(Errno::EPERM);
        }
        if seals & !KNOWN != 0 {
            return Err(Errno::EINVAL);
        }
        let inode = self.inode()?;
        let attachments = inode.attachments();
        let old = attachments.seals().ok_or(Errno::EINVAL)?;
        if old & F_SEAL_SEAL != 0 {
            return Err(Errno::EPERM);
        }
        if seals & F_SEAL_WRITE != 0 && old & F_SEAL_WRITE == 0 && attachments.writable_mappings() > 0 {
            return Err(Errno::EBUSY);
        }
        inode.seal(seals)?;
        if attachments.add_seals(seals) { Ok(()) } else { Err(Errno::EPERM) }
    }
}
