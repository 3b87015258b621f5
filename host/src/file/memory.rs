//! Files of memory.

use super::{errno, retry};
use abi::Errno;
use rustix::fs::{MemfdFlags, SealFlags};
use std::os::fd::{BorrowedFd, OwnedFd};

/// An empty file of memory that takes seals. `name` is for the host's eyes.
pub fn memory_file(name: &str) -> Result<OwnedFd, Errno> {
    retry(|| rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING))
}

/// Adds seals (`F_SEAL_*`); `EBUSY` when writing is to be sealed while a mapping can write.
pub fn add_seals(fd: BorrowedFd<'_>, seals: u32) -> Result<(), Errno> {
    rustix::fs::fcntl_add_seals(fd, SealFlags::from_bits_retain(seals)).map_err(errno)
}
