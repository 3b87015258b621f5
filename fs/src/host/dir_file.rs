//! Open directories.

use super::listing::Listing;
use super::node::Node;
use crate::transfer;
use abi::Errno;
use abi::fs::FileType;
use host::file::{self, At};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, OnceLock};
use sync::{Fail, Mutex, Rank};
use vfs::{DirSink, File, Inode, Io};

/// An open directory.
pub(super) struct DirFile {
    node: Arc<Node>,
    source: OnceLock<Source>,
}

/// Where its entries come from.
enum Source {
    /// A list that others may use too.
    List(Arc<Listing>),
    /// The host, by a descriptor of its own: the host's cookies are the guest's.
    Host(Stream),
}

struct Stream {
    fd: Arc<OwnedFd>,
    /// The host's position, when it is known; held while the host is asked.
    position: Mutex<Option<u64>>,
}

/// Kind of an entry, for host filesystems that do not tell.
fn kind(dir: &OwnedFd, name: &[u8]) -> FileType {
    let stat = file::stat(At::new(dir, name));
    stat.ok().and_then(|stat| FileType::from_mode(stat.mode)).unwrap_or(FileType::Regular)
}

impl Source {
    /// By a list where the directory stays as it is.
    fn open(node: &Node) -> Result<Self, Errno> {
        if let Some(listing) = node.listing() {
            return Ok(Self::List(listing));
        }
        let fd = file::open_dir(node.way()?.at())?;
        if node.fs.is_frozen() {
            if let Some(listing) = Listing::read(fd.as_fd(), |name| kind(&fd, name))? {
                return Ok(Self::List(node.keep_listing(listing)));
            }
            file::rewind(fd.as_fd(), 0)?;
        } else {
            node.check(&file::stat(At::fd(&fd))?)?;
        }
        let fd = Arc::new(fd);
        node.offer_directory(&fd);
        Ok(Self::Host(Stream { fd, position: Mutex::new(Rank::Directory, Some(0)) }))
    }
}

impl DirFile {
    pub(super) fn open(node: Arc<Node>) -> Result<Self, Errno> {
        let new = Self { node, source: OnceLock::new() };
        // One that may be removed by others is opened now, to be read nevertheless.
        if !new.node.fs.is_frozen() {
            new.source()?;
        }
        Ok(new)
    }

    fn source(&self) -> Result<&Source, Errno> {
        if let Some(source) = self.source.get() {
            return Ok(source);
        }
        let source = Source::open(&self.node)?;
        Ok(self.source.get_or_init(|| source))
    }

    /// The inode number shown for an entry.
    fn ino(&self, name: &[u8], ino: u64) -> u64 {
        match name {
            b"." => self.node.key.1,
            b".." => self.node.parent_ino(),
            _ => ino,
        }
    }

    fn read_list(&self, listing: &Listing, dst: &mut dyn DirSink, offset: &mut u64) {
        listing.each(*offset, |name, ino, kind, next| {
            let is_taken = dst.entry(name, self.ino(name, ino), kind, next);
            if is_taken {
                *offset = next;
            }
            is_taken
        });
    }

    fn read_host(&self, stream: &Stream, dst: &mut dyn DirSink, offset: &mut u64) -> Result<(), Fail> {
        let mut position = stream.position.lock();
        if *position != Some(*offset) {
            file::rewind(stream.fd.as_fd(), *offset)?;
        }
        *position = None;
        let mut is_full = false;
        file::read_dir(stream.fd.as_fd(), &mut |entry| {
            let kind = entry.kind.unwrap_or_else(|| kind(&stream.fd, entry.name));
            if dst.entry(entry.name, self.ino(entry.name, entry.ino), kind, entry.next) {
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
        match self.source()? {
            Source::List(listing) => self.read_list(listing, dst, offset),
            Source::Host(stream) => self.read_host(stream, dst, offset)?,
        }
        Ok(())
    }

    fn sync(&self, _io: &Io<'_>, data_only: bool) -> Result<(), Fail> {
        if self.node.filesystem().is_read_only() {
            return Ok(());
        }
        match self.source()? {
            Source::List(_) => Ok(()),
            Source::Host(stream) => Ok(file::sync(stream.fd.as_fd(), data_only)?),
        }
    }
}
