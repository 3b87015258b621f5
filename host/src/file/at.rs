//! A place of the host's tree.

use rustix::fs::AtFlags;
use std::os::fd::{AsFd, BorrowedFd};

/// A name in a directory, or with an empty name what the descriptor itself refers to.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// The directory (`O_PATH` will do), or the object.
    pub fd: BorrowedFd<'a>,
    /// One component, neither `.` nor `..`; or empty.
    pub name: &'a [u8],
}

impl<'a> At<'a> {
    /// A name in a directory.
    pub fn new(dir: &'a impl AsFd, name: &'a [u8]) -> Self {
        Self { fd: dir.as_fd(), name }
    }

    /// The object that a descriptor refers to.
    pub fn fd(fd: &'a impl AsFd) -> Self {
        Self { fd: fd.as_fd(), name: b"" }
    }

    /// Flags of an `*at` call that acts on the object itself.
    pub(super) fn flags(&self) -> AtFlags {
        if self.name.is_empty() { AtFlags::EMPTY_PATH } else { AtFlags::SYMLINK_NOFOLLOW }
    }

    /// A path for calls that know no descriptor; the last component is a symbolic link of the kernel's own
    /// making when the name is empty.
    pub(super) fn proc_path(&self) -> Vec<u8> {
        use std::os::fd::AsRawFd;
        let mut path = format!("/proc/self/fd/{}", self.fd.as_raw_fd()).into_bytes();
        if !self.name.is_empty() {
            path.push(b'/');
            path.extend_from_slice(self.name);
        }
        path
    }
}
