//! Open directories.

use super::node::Node;
use crate::transfer;
use abi::Errno;
use abi::fs::FileType;
use host::file::{self, At};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use sync::{Fail, Mutex, Rank};
use vfs::{DirSink, File, Inode, Io};

/// An open directory: the host's cookies are the guest's.
pub(super) struct DirFile {
    node: Arc<Node>,
    fd: Arc<OwnedFd>,
    /// The host's position, when it is known; held while the host is asked.
    position: Mutex<Option<u64>>,
}

impl DirFile {
    pub(super) fn open(node: Arc<Node>) -> Result<Self, Errno> {
        let fd = Arc::new(file::open_dir(node.way()?.at())?);
        if !node.fs.is_frozen() {
            node.check(&file::stat(At::fd(&*fd))?)?;
        }
        node.offer_directory(&fd);
        Ok(Self { node, fd, position: Mutex::new(Rank::Directory, Some(0)) })
    }

    /// Kind of an entry, for host filesystems that do not tell.
    fn kind(&self, name: &[u8]) -> FileType {
        let stat = file::stat(At::new(&*self.fd, name));
        stat.ok().and_then(|stat| FileType::from_mode(stat.mode)).unwrap_or(FileType::Regular)
    }
}

impl File for DirFile {
    fn is_seekable(&self) -> bool {
        true
    }

    fn seek(&self, _io: &Io<'_>, whence: u32, offset: i64, current: u64) -> Result<u64, Errno> {
        if whence > 1 {
            return Err(Errno::EINVAL);
        }
        transfer::seek(whence, offset, current, || Ok(0))
    }

    fn read_dir(&self, _io: &Io<'_>, dst: &mut dyn DirSink, offset: &mut u64) -> Result<(), Fail> {
        let mut position = self.position.lock();
        if *position != Some(*offset) {
            file::rewind(self.fd.as_fd(), *offset)?;
        }
        *position = None;
        let mut is_full = false;
        file::read_dir(self.fd.as_fd(), &mut |entry| {
            let ino = match entry.name {
                b"." => self.node.key.1,
                b".." => self.node.parent_ino(),
                _ => entry.ino,
            };
            let kind = entry.kind.unwrap_or_else(|| self.kind(entry.name));
            if dst.entry(entry.name, ino, kind, entry.next) {
                *offset = entry.next;
            } else {
                is_full = true;
            }
            !is_full
        })?;
        if !is_full {
            *position = Some(*offset);
        }
        Ok(())
    }

    fn sync(&self, _io: &Io<'_>, data_only: bool) -> Result<(), Fail> {
        if self.node.filesystem().is_read_only() {
            return Ok(());
        }
        Ok(file::sync(self.fd.as_fd(), data_only)?)
    }
}
