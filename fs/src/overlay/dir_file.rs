//! Open directories.

use super::listing::Listing;
use super::node::Node;
use crate::tmpfs;
use crate::transfer;
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use std::sync::Arc;
use sync::{Fail, Mutex, Rank};
use vfs::{Caller, DirSink, File, Io};

/// Where the entries come from, decided when reading starts at the beginning.
#[derive(Clone)]
enum Entries {
    /// One lower directory shows: straight from it.
    Lower(Arc<dyn File>),
    /// A directory that only the upper layer has.
    Upper(Arc<tmpfs::DirFile>),
    /// Several layers: a list made beforehand.
    List(Arc<Listing>),
}

/// An open directory.
pub(super) struct DirFile {
    node: Arc<Node>,
    entries: Mutex<Option<Entries>>,
}

impl DirFile {
    pub(super) fn open(node: Arc<Node>, caller: &Caller) -> Result<Self, Fail> {
        let entries = match (node.upper.get(), node.lower.as_slice()) {
            // Opened now, so that a directory that is removed later can still be read.
            (None, [_]) => Some(Self::start(&node, caller)?),
            _ => None,
        };
        Ok(Self { node, entries: Mutex::new(Rank::Leaf, entries) })
    }

    fn start(node: &Arc<Node>, caller: &Caller) -> Result<Entries, Fail> {
        Ok(match (node.upper.get(), node.lower.as_slice()) {
            (None, [lower]) => Entries::Lower(Arc::from(lower.clone().open(caller, OpenFlags::DIRECTORY)?)),
            (Some(upper), []) => {
                let fs = node.fs.clone();
                let ino = Box::new(move |object: &tmpfs::Object| fs.ino_of(object));
                Entries::Upper(Arc::new(tmpfs::DirFile::new(upper.object.clone(), ino)))
            }
            _ => Entries::List(node.list(caller)?),
        })
    }

    /// Where to read from at an offset.
    fn entries(&self, caller: &Caller, offset: u64) -> Result<Entries, Fail> {
        let known = self.entries.lock().clone();
        let is_current = match &known {
            None => false,
            // What was copied up meanwhile shows when reading starts anew.
            Some(Entries::Lower(_)) => offset != 0 || self.node.upper.get().is_none(),
            Some(Entries::Upper(_)) => true,
            Some(Entries::List(_)) => offset != 0,
        };
        if let Some(known) = known
            && is_current
        {
            return Ok(known);
        }
        let entries = Self::start(&self.node, caller)?;
        let old = self.entries.lock().replace(entries.clone());
        drop(old);
        Ok(entries)
    }
}

/// Changes inode numbers to those that the overlay shows.
struct Shown<'a> {
    node: &'a Node,
    device: u64,
    inner: &'a mut dyn DirSink,
}

impl DirSink for Shown<'_> {
    fn entry(&mut self, name: &[u8], ino: u64, kind: FileType, next: u64) -> bool {
        let ino = match name {
            b"." => self.node.ino,
            b".." => self.node.parent_ino(),
            _ => self.node.fs.shown_ino(self.device, ino),
        };
        self.inner.entry(name, ino, kind, next)
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

    fn read_dir(&self, io: &Io<'_>, dst: &mut dyn DirSink, offset: &mut u64) -> Result<(), Fail> {
        let list = match self.entries(io.caller, *offset)? {
            Entries::Lower(file) => {
                let device = self.node.lower.first().ok_or(Errno::EIO)?.attr()?.dev;
                return file.read_dir(io, &mut Shown { node: &self.node, device, inner: dst }, offset);
            }
            Entries::Upper(file) => {
                return file.each(io, dst, offset, self.node.ino, self.node.parent_ino());
            }
            Entries::List(list) => list,
        };
        let dots = [(b".".as_slice(), self.node.ino), (b"..", self.node.parent_ino())];
        let dots = dots.into_iter().map(|(name, ino)| (name, ino, FileType::Directory));
        let names = list.entries.iter().map(|entry| (&*entry.name, entry.ino, entry.kind));
        let from = usize::try_from(*offset).unwrap_or(usize::MAX);
        for (name, ino, kind) in dots.chain(names).skip(from) {
            if !dst.entry(name, ino, kind, *offset + 1) {
                break;
            }
            *offset += 1;
        }
        Ok(())
    }

    fn sync(&self, _io: &Io<'_>, _data_only: bool) -> Result<(), Fail> {
        Ok(())
    }
}
