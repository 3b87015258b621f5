//! Entries of directories.

use super::errno;
use abi::Errno;
use abi::fs::FileType;
use rustix::fs::{RawDir, SeekFrom};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;

/// An entry of a directory.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Inode number.
    pub ino: u64,
    /// Kind, where the filesystem tells.
    pub kind: Option<FileType>,
    /// Position behind it, for [`rewind`].
    pub next: u64,
}

/// Bytes of entries that one host call fetches.
const BATCH: usize = 16 << 10;

/// Calls `each` for the entries from the descriptor's position on, until it says false or none is left.
/// The position afterwards is not defined: see [`rewind`].
pub fn read_dir(fd: BorrowedFd<'_>, each: &mut dyn FnMut(Entry<'_>) -> bool) -> Result<(), Errno> {
    let mut buffer = [MaybeUninit::<u8>::uninit(); BATCH];
    let mut entries = RawDir::new(fd, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(errno)?;
        let entry = Entry {
            name: entry.file_name().to_bytes(),
            ino: entry.ino(),
            kind: kind(entry.file_type()),
            next: entry.next_entry_cookie(),
        };
        if !each(entry) {
            break;
        }
    }
    Ok(())
}

const fn kind(kind: rustix::fs::FileType) -> Option<FileType> {
    use rustix::fs::FileType as Host;
    Some(match kind {
        Host::RegularFile => FileType::Regular,
        Host::Directory => FileType::Directory,
        Host::Symlink => FileType::Symlink,
        Host::Fifo => FileType::Fifo,
        Host::Socket => FileType::Socket,
        Host::CharacterDevice => FileType::CharDevice,
        Host::BlockDevice => FileType::BlockDevice,
        Host::Unknown => return None,
    })
}

/// Sets a directory's position: 0, or one that an entry told.
pub fn rewind(fd: BorrowedFd<'_>, position: u64) -> Result<(), Errno> {
    rustix::fs::seek(fd, SeekFrom::Start(position)).map(drop).map_err(errno)
}
