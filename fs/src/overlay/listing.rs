//! Names of a directory that has several layers, as of one moment.

use super::lower;
use super::node::Node;
use crate::tmpfs::Child;
use abi::Errno;
use abi::fs::FileType;
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use vfs::{Caller, Inode};

/// One name.
pub(super) struct Entry {
    pub(super) name: Box<[u8]>,
    pub(super) ino: u64,
    pub(super) kind: FileType,
}

/// Names of a merged directory. Shared by all who read it at the time.
pub(super) struct Listing {
    version: u64,
    pub(super) entries: Vec<Entry>,
}

impl Node {
    /// The names of this directory, without `.` and `..`.
    pub(super) fn list(&self, caller: &Caller) -> Result<Arc<Listing>, Errno> {
        let version = self.upper.get().map_or(0, |upper| upper.object.version());
        let known = self.listing.lock().upgrade();
        if let Some(known) = known
            && known.version == version
        {
            return Ok(known);
        }
        let listing = Arc::new(Listing { version, entries: self.merge(caller)? });
        *self.listing.lock() = Arc::downgrade(&listing);
        Ok(listing)
    }

    fn merge(&self, caller: &Caller) -> Result<Vec<Entry>, Errno> {
        let mut entries = Vec::new();
        let mut seen: HashSet<Box<[u8]>> = HashSet::new();
        if let Some(upper) = self.upper.get() {
            upper.object.dir()?.read().each(0, |name, child, _| {
                if let Child::Object(object) = child {
                    entries.push(Entry { name: name.into(), ino: self.fs.ino_of(object), kind: object.kind });
                }
                seen.insert(name.into());
                ControlFlow::Continue(())
            });
        }
        let last = self.lower.len().saturating_sub(1);
        for (index, layer) in self.lower.iter().enumerate() {
            let device = layer.attr()?.dev;
            lower::entries(layer, caller, &mut |name, ino, kind| {
                if seen.contains(name) {
                    return;
                }
                if index < last {
                    seen.insert(name.into());
                }
                let is_unsure = kind.is_none_or(|kind| kind == FileType::CharDevice && self.lower.len() > 1);
                let kind = if is_unsure { self.kind_of(caller, name) } else { kind };
                if let Some(kind) = kind {
                    entries.push(Entry { name: name.into(), ino: self.fs.shown_ino(device, ino), kind });
                }
            })?;
        }
        Ok(entries)
    }

    /// Kind of what a name shows, where the list does not tell; `None` for a whiteout of a lower layer.
    fn kind_of(&self, caller: &Caller, name: &[u8]) -> Option<FileType> {
        self.find(caller, name).ok().map(|node| node.kind())
    }
}
