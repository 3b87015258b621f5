//! `getdents(2)`.

use crate::arg::Fd;
use abi::Errno;
use abi::fs::FileType;
use kernel::CurrentTask;
use mm::{UserAddr, UserMemory};
use sync::Fail;
use vfs::DirSink;

/// Most bytes of entries that one call gives.
const MAX_BYTES: usize = 256 * 1024;

/// Entries as bytes for the application.
struct Entries {
    bytes: Vec<u8>,
    room: usize,
    is_old: bool,
    is_full: bool,
}

impl DirSink for Entries {
    fn entry(&mut self, name: &[u8], ino: u64, kind: FileType, next: u64) -> bool {
        // ino, off, reclen; then type and name with its zero, or name with its zero and type.
        const FIXED: usize = 8 + 8 + 2;
        let len = (FIXED + name.len() + 2).next_multiple_of(8);
        if self.bytes.len() + len > self.room {
            self.is_full = true;
            return false;
        }
        let end = self.bytes.len() + len;
        self.bytes.extend_from_slice(&ino.to_ne_bytes());
        self.bytes.extend_from_slice(&next.to_ne_bytes());
        self.bytes.extend_from_slice(&(len as u16).to_ne_bytes());
        if !self.is_old {
            self.bytes.push(kind.to_dirent());
        }
        self.bytes.extend_from_slice(name);
        self.bytes.resize(end, 0);
        if self.is_old
            && let Some(last) = self.bytes.last_mut()
        {
            *last = kind.to_dirent();
        }
        true
    }
}

fn read_dir(task: &CurrentTask, fd: Fd, addr: UserAddr, len: u32, is_old: bool) -> Result<usize, Fail> {
    let file = task.fds().get(fd.0)?;
    let mut entries = Entries { bytes: Vec::new(), room: (len as usize).min(MAX_BYTES), is_old, is_full: false };
    file.read_dir(task.caller(), &mut entries)?;
    if entries.bytes.is_empty() && entries.is_full {
        return Err(Errno::EINVAL.into());
    }
    task.mm().give(addr, &entries.bytes)?;
    Ok(entries.bytes.len())
}

/// `getdents(2)`.
pub(crate) fn getdents(task: &mut CurrentTask, fd: Fd, addr: UserAddr, len: u32) -> Result<usize, Fail> {
    read_dir(task, fd, addr, len, true)
}

/// `getdents64(2)`.
pub(crate) fn getdents64(task: &mut CurrentTask, fd: Fd, addr: UserAddr, len: u32) -> Result<usize, Fail> {
    read_dir(task, fd, addr, len, false)
}
