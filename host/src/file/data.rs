//! Contents of regular files.

use super::{errno, retry};
use abi::Errno;
use rustix::fs::{FallocateFlags, SeekFrom};
use rustix::io::ReadWriteFlags;
use std::io::IoSlice;
use std::os::fd::BorrowedFd;

/// Modes of `fallocate(2)`.
pub type Falloc = FallocateFlags;

/// What to look for from an offset on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seek {
    /// Data.
    Data,
    /// A hole; the end is one.
    Hole,
}

/// How a write is to be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteFlags {
    /// Written when the host likes.
    #[default]
    Lazy,
    /// `O_DSYNC`.
    DataSync,
    /// `O_SYNC`.
    Sync,
}

impl WriteFlags {
    const fn bits(self) -> ReadWriteFlags {
        match self {
            Self::Lazy => ReadWriteFlags::empty(),
            Self::DataSync => ReadWriteFlags::DSYNC,
            Self::Sync => ReadWriteFlags::SYNC,
        }
    }
}

/// Reads at an offset; 0 is the end.
pub fn pread(fd: BorrowedFd<'_>, buf: &mut [u8], offset: u64) -> Result<usize, Errno> {
    retry(|| rustix::io::pread(fd, &mut *buf, offset))
}

/// Writes at an offset.
pub fn pwrite(fd: BorrowedFd<'_>, bytes: &[u8], offset: u64, flags: WriteFlags) -> Result<usize, Errno> {
    match flags {
        WriteFlags::Lazy => retry(|| rustix::io::pwrite(fd, bytes, offset)),
        _ => retry(|| rustix::io::pwritev2(fd, &[IoSlice::new(bytes)], offset, flags.bits())),
    }
}

/// Writes at the end; gives the count and the offset behind what was written.
pub fn append(fd: BorrowedFd<'_>, bytes: &[u8], flags: WriteFlags) -> Result<(usize, u64), Errno> {
    let flags = flags.bits() | ReadWriteFlags::APPEND;
    let written = retry(|| rustix::io::pwritev2(fd, &[IoSlice::new(bytes)], u64::MAX, flags))?;
    Ok((written, rustix::fs::tell(fd).map_err(errno)?))
}

/// Sets the size.
pub fn resize(fd: BorrowedFd<'_>, size: u64) -> Result<(), Errno> {
    retry(|| rustix::fs::ftruncate(fd, size))
}

/// Makes data durable.
pub fn sync(fd: BorrowedFd<'_>, data_only: bool) -> Result<(), Errno> {
    retry(|| if data_only { rustix::fs::fdatasync(fd) } else { rustix::fs::fsync(fd) })
}

/// Makes the filesystem of a file durable. Not for `O_PATH` descriptors.
pub fn sync_filesystem(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    retry(|| rustix::fs::syncfs(fd))
}

/// `fallocate(2)`.
pub fn allocate(fd: BorrowedFd<'_>, mode: u32, offset: u64, len: u64) -> Result<(), Errno> {
    retry(|| rustix::fs::fallocate(fd, FallocateFlags::from_bits_retain(mode), offset, len))
}

/// The next data or hole: `lseek(2)`; `ENXIO` past the end.
pub fn seek(fd: BorrowedFd<'_>, what: Seek, offset: u64) -> Result<u64, Errno> {
    let from = match what {
        Seek::Data => SeekFrom::Data(offset),
        Seek::Hole => SeekFrom::Hole(offset),
    };
    rustix::fs::seek(fd, from).map_err(errno)
}

/// The position of the descriptor's description.
pub fn position(fd: BorrowedFd<'_>) -> Result<u64, Errno> {
    rustix::fs::tell(fd).map_err(errno)
}

/// Copies within the host: `copy_file_range(2)`. Gives the count; 0 is the end of `from`.
pub fn copy_range(
    from: BorrowedFd<'_>,
    from_offset: u64,
    to: BorrowedFd<'_>,
    to_offset: u64,
    len: usize,
) -> Result<usize, Errno> {
    let (mut from_offset, mut to_offset) = (from_offset, to_offset);
    retry(|| rustix::fs::copy_file_range(from, Some(&mut from_offset), to, Some(&mut to_offset), len))
}
