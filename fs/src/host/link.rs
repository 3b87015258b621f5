//! Where a node hangs, and how the host is asked for it.

use super::kept::STALE;
use super::node::Node;
use abi::Errno;
use abi::fs::FileType;
use host::file::{self, At, Stat};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use vfs::Inode;

/// Where a node was last seen.
#[derive(Clone)]
pub(super) enum Link {
    /// The root of its filesystem.
    Root,
    /// This name in this directory.
    At(Arc<Node>, Arc<[u8]>),
    /// No name is known any more; only a pinned descriptor leads to it.
    Gone,
}

/// How to reach an object: by a name in a directory, or (empty name) by a descriptor of its own.
pub(super) struct Way {
    fd: Arc<OwnedFd>,
    name: Arc<[u8]>,
}

impl Way {
    pub(super) fn fd(fd: Arc<OwnedFd>) -> Self {
        Self { fd, name: Arc::from([]) }
    }

    pub(super) fn at(&self) -> At<'_> {
        At::new(&self.fd, &self.name)
    }
}

impl Node {
    /// How to reach it now. `ESTALE` when that is not known.
    pub(super) fn way(&self) -> Result<Way, Errno> {
        if let Some(fd) = self.pinned() {
            return Ok(Way::fd(fd));
        }
        match self.link() {
            Link::Root => Ok(Way::fd(self.fs.root_fd().clone())),
            Link::At(parent, name) => Ok(Way { fd: parent.directory()?, name }),
            Link::Gone => Err(STALE),
        }
    }

    /// The descriptor of this directory, to be used with names in it.
    pub(super) fn directory(&self) -> Result<Arc<OwnedFd>, Errno> {
        if let Some(fd) = self.open_directory() {
            return Ok(fd);
        }
        if self.kind() != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        // Up to a directory that is open (the root is), then down again.
        let mut path = vec![];
        let Link::At(mut above, mut name) = self.link() else { return Err(STALE) };
        let mut fd = loop {
            if let Some(fd) = above.open_directory() {
                break fd;
            }
            let Link::At(parent, parent_name) = above.link() else { return Err(STALE) };
            path.push((above, name));
            (above, name) = (parent, parent_name);
        };
        loop {
            let opened = file::open_path(At::new(&fd, &name))?;
            let Some((node, next)) = path.pop() else { return self.keep_directory(opened) };
            fd = node.keep_directory(opened)?;
            name = next;
        }
    }

    /// The descriptor, if it is open.
    fn open_directory(&self) -> Option<Arc<OwnedFd>> {
        if let Some(fd) = self.slot.get().and_then(|slot| slot.value()) {
            return Some(fd);
        }
        self.pinned().or_else(|| matches!(self.link(), Link::Root).then(|| self.fs.root_fd().clone()))
    }

    /// Keeps a descriptor that should be this directory's: `ESTALE` when it is another's.
    fn keep_directory(&self, opened: OwnedFd) -> Result<Arc<OwnedFd>, Errno> {
        if !self.fs.is_frozen() {
            self.check(&file::stat(At::fd(&opened))?)?;
        }
        Ok(self.slot().keep(Arc::new(opened)))
    }

    /// Offers a descriptor that the guest opened for reading entries.
    pub(super) fn offer_directory(&self, fd: &Arc<OwnedFd>) {
        if !matches!(self.link(), Link::Root) && self.slot().value().is_none() {
            self.slot().keep(fd.clone());
        }
    }

    /// `ESTALE` for attributes of another object.
    pub(super) fn check(&self, stat: &Stat) -> Result<(), Errno> {
        let kind = FileType::from_mode(stat.mode);
        if self.key == (stat.dev, stat.ino) && kind == Some(self.kind()) { Ok(()) } else { Err(STALE) }
    }
}

impl Drop for Node {
    /// A guest decides how deep a tree is: directories that go with it go one by one, not by recursion.
    fn drop(&mut self) {
        let mut next = self.take_parent();
        while let Some(parent) = next {
            next = Arc::into_inner(parent).and_then(|mut parent| parent.take_parent());
        }
    }
}
