//! Opening.

use super::at::At;
use super::{errno, retry};
use abi::Errno;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use std::os::fd::{BorrowedFd, OwnedFd};

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Read,
    /// Reading and writing.
    ReadWrite,
    /// Writing (where reading is not permitted).
    Write,
}

impl Access {
    const fn flags(self) -> OFlags {
        match self {
            Self::Read => OFlags::RDONLY,
            Self::ReadWrite => OFlags::RDWR,
            Self::Write => OFlags::WRONLY,
        }
    }
}

/// Flags of every open: no link is followed, no FIFO waited on, no terminal acquired.
const SAFE: OFlags =
    OFlags::NOFOLLOW.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::LARGEFILE);

/// Opens one component beneath a directory, or the object of the descriptor anew.
fn open(at: At<'_>, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    if at.name.is_empty() {
        return reopen_with(at.fd, flags);
    }
    if at.name == b".." || at.name.contains(&b'/') {
        return Err(Errno::EINVAL);
    }
    retry(|| rustix::fs::openat(at.fd, at.name, SAFE | flags, mode))
}

/// Opens what should be a regular file; check its kind before use.
pub fn open_file(at: At<'_>, access: Access) -> Result<OwnedFd, Errno> {
    open(at, access.flags(), Mode::empty())
}

/// Opens a directory for reading its entries.
pub fn open_dir(at: At<'_>) -> Result<OwnedFd, Errno> {
    if at.name.is_empty() {
        return retry(|| rustix::fs::openat(at.fd, ".", SAFE | OFlags::DIRECTORY, Mode::empty()));
    }
    open(at, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())
}

/// A reference to an object of any kind (`O_PATH`).
pub fn open_path(at: At<'_>) -> Result<OwnedFd, Errno> {
    open(at, OFlags::PATH, Mode::empty())
}

/// Makes a regular file that must not exist, for reading and writing.
pub fn create(at: At<'_>, mode: u32) -> Result<OwnedFd, Errno> {
    open(at, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL, Mode::from_raw_mode(mode))
}

/// Makes a regular file without a name in the filesystem of a directory.
pub fn open_unnamed(dir: BorrowedFd<'_>, mode: u32) -> Result<OwnedFd, Errno> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    retry(|| rustix::fs::openat(dir, ".", flags, Mode::from_raw_mode(mode)))
}

/// Opens the object of a descriptor once more, by way of procfs.
pub fn reopen(fd: BorrowedFd<'_>, access: Access) -> Result<OwnedFd, Errno> {
    reopen_with(fd, access.flags())
}

pub(super) fn reopen_with(fd: BorrowedFd<'_>, flags: OFlags) -> Result<OwnedFd, Errno> {
    let path = At { fd, name: b"" }.proc_path();
    let flags = (SAFE - OFlags::NOFOLLOW) | flags;
    retry(|| rustix::fs::openat(rustix::fs::CWD, path.as_slice(), flags, Mode::empty()))
}

/// A reference to what lies at `path` beneath `dir`, whatever its depth; symbolic links, magic links and
/// `..` out of it are refused.
pub fn open_beneath(dir: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    rustix::fs::openat2(dir, path, flags, Mode::empty(), resolve).map_err(errno)
}
