//! Objects of an overlay.

use super::dir_file::DirFile;
use super::filesystem::{Key, Overlay};
use super::listing::Listing;
use crate::tmpfs;
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, OnceLock, Weak};
use sync::{Fail, Mutex, Rank};
use vfs::{Attachments, Attr, AttrChange, Caller, File, Filesystem, Inode, LinkTarget, NewNode, RenameFlags, XattrSet};

/// Where a node hangs.
#[derive(Clone)]
pub(super) enum Link {
    Root,
    At(Arc<Node>, Arc<[u8]>),
    /// It never had a name.
    Unnamed,
}

/// An object of an overlay: that of the upper layer once there is one, else that of the lower layers.
pub(super) struct Node {
    pub(super) fs: Arc<Overlay>,
    me: Weak<Self>,
    /// In the table; `None` for a lower file with several names.
    pub(super) key: Option<Key>,
    /// Inode number, for the node's life.
    pub(super) ino: u64,
    kind: FileType,
    pub(super) upper: OnceLock<Arc<tmpfs::Node>>,
    /// Objects of the lower layers that show: one, or several directories.
    pub(super) lower: Vec<Arc<dyn Inode>>,
    /// Held while it is copied up.
    pub(super) copying: Mutex<()>,
    link: Mutex<Link>,
    /// Names of a directory that has several layers, while somebody reads them.
    pub(super) listing: Mutex<Weak<Listing>>,
    /// Removed before it was copied up.
    pub(super) is_removed: AtomicBool,
    /// Those of the upper object, if that was there first: they outlive the node.
    attachments: Option<Attachments>,
}

/// Names that tell of the overlay itself.
const PRIVATE: &[u8] = b"trusted.overlay.";

impl Node {
    pub(super) fn new(
        fs: Arc<Overlay>,
        me: &Weak<Self>,
        key: Option<Key>,
        ino: u64,
        upper: Option<Arc<tmpfs::Node>>,
        lower: Vec<Arc<dyn Inode>>,
        link: Link,
    ) -> Self {
        let kind = match &upper {
            Some(upper) => upper.kind(),
            None => lower.first().map_or(FileType::Regular, |lower| lower.kind()),
        };
        Self {
            fs,
            me: me.clone(),
            key,
            ino,
            kind,
            attachments: upper.is_none().then(Attachments::default),
            upper: upper.map_or_else(OnceLock::new, OnceLock::from),
            lower,
            copying: Mutex::new(Rank::CopyUp, ()),
            link: Mutex::new(Rank::Leaf, link),
            listing: Mutex::new(Rank::Leaf, Weak::new()),
            is_removed: AtomicBool::new(false),
        }
    }

    /// This node as others share it.
    pub(super) fn me(&self) -> Result<Arc<Self>, Errno> {
        self.me.upgrade().ok_or(Errno::EIO)
    }

    pub(super) fn link(&self) -> Link {
        self.link.lock().clone()
    }

    pub(super) fn set_link(&self, link: Link) {
        let old = std::mem::replace(&mut *self.link.lock(), link);
        drop(old);
    }

    /// What holds its data and attributes now.
    pub(super) fn real(&self) -> Result<Arc<dyn Inode>, Errno> {
        match self.upper.get() {
            Some(upper) => Ok(upper.clone()),
            None => self.lower.first().cloned().ok_or(Errno::EIO),
        }
    }

    /// A place below this directory.
    pub(super) fn place(&self, name: &[u8]) -> Result<Link, Errno> {
        Ok(Link::At(self.me()?, Arc::from(name)))
    }

    /// Inode number of the parent directory.
    pub(super) fn parent_ino(&self) -> u64 {
        match self.link() {
            Link::At(parent, _) => parent.ino,
            Link::Root | Link::Unnamed => self.ino,
        }
    }

    fn take_parent(&mut self) -> Option<Arc<Self>> {
        match std::mem::replace(self.link.value_mut(), Link::Unnamed) {
            Link::At(parent, _) => Some(parent),
            Link::Root | Link::Unnamed => None,
        }
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

impl Inode for Node {
    fn filesystem(&self) -> &dyn Filesystem {
        &*self.fs
    }

    fn kind(&self) -> FileType {
        self.kind
    }

    fn attr(&self) -> Result<Attr, Errno> {
        let mut attr = match self.upper.get() {
            Some(upper) => upper.attr()?,
            None => self.lower.first().ok_or(Errno::EIO)?.attr()?,
        };
        if self.is_removed.load(SeqCst) {
            attr.nlink = 0;
        } else if self.kind == FileType::Directory && !self.lower.is_empty() && self.upper.get().is_some() {
            // As overlayfs: nobody counts the subdirectories of all layers.
            attr.nlink = 1;
        }
        Ok(self.fs.shown(attr, self.ino))
    }

    fn set_attr(&self, caller: &Caller, change: &AttrChange) -> Result<(), Errno> {
        self.copy_up(caller, change.size)?.set_attr(caller, change)
    }

    fn attachments(&self) -> &Attachments {
        match (&self.attachments, self.upper.get()) {
            (Some(own), _) => own,
            (None, Some(upper)) => upper.attachments(),
            (None, None) => unreachable!("a node has attachments of its own or of its upper object"),
        }
    }

    fn lookup(&self, caller: &Caller, name: &[u8]) -> Result<Arc<dyn Inode>, Errno> {
        Ok(self.find(caller, name)?)
    }

    fn create(&self, caller: &Caller, name: &[u8], node: &NewNode) -> Result<Arc<dyn Inode>, Errno> {
        Ok(self.make(caller, name, node)?)
    }

    fn create_unnamed(&self, _caller: &Caller, node: &NewNode) -> Result<Arc<dyn Inode>, Errno> {
        let object = self.fs.upper.make_unnamed(node)?;
        Ok(self.fs.upper_node(&object, Vec::new(), Link::Unnamed)?)
    }

    fn link(&self, caller: &Caller, name: &[u8], target: &Arc<dyn Inode>) -> Result<(), Errno> {
        self.add_link(caller, name, self.of(target)?)
    }

    fn unlink(&self, caller: &Caller, name: &[u8]) -> Result<(), Errno> {
        self.remove(caller, name, false)
    }

    fn rmdir(&self, caller: &Caller, name: &[u8]) -> Result<(), Errno> {
        self.remove(caller, name, true)
    }

    fn rename(
        &self,
        caller: &Caller,
        name: &[u8],
        new_dir: &Arc<dyn Inode>,
        new_name: &[u8],
        flags: RenameFlags,
    ) -> Result<(), Errno> {
        self.move_to(caller, name, self.of(new_dir)?, new_name, flags)
    }

    fn read_link(&self, caller: &Caller) -> Result<LinkTarget, Errno> {
        self.real()?.read_link(caller)
    }

    fn open(self: Arc<Self>, caller: &Caller, flags: OpenFlags) -> Result<Box<dyn File>, Fail> {
        if self.kind == FileType::Directory {
            return Ok(Box::new(DirFile::open(self, caller)?));
        }
        let is_truncated = flags.contains(OpenFlags::TRUNC);
        if flags.bits() & 3 != 0 || is_truncated {
            let upper = self.copy_up(caller, is_truncated.then_some(0))?.clone();
            return upper.open(caller, flags);
        }
        self.real()?.open(caller, flags)
    }

    fn xattr(&self, caller: &Caller, name: &[u8]) -> Result<Vec<u8>, Errno> {
        if name.starts_with(PRIVATE) {
            return Err(Errno::EOPNOTSUPP);
        }
        self.real()?.xattr(caller, name)
    }

    fn list_xattrs(&self, caller: &Caller) -> Result<Vec<u8>, Errno> {
        let all = self.real()?.list_xattrs(caller)?;
        let shown = all.split_inclusive(|&byte| byte == 0).filter(|name| !name.starts_with(PRIVATE));
        Ok(shown.flatten().copied().collect())
    }

    fn set_xattr(&self, caller: &Caller, name: &[u8], value: &[u8], how: XattrSet) -> Result<(), Errno> {
        if name.starts_with(PRIVATE) {
            return Err(Errno::EOPNOTSUPP);
        }
        self.copy_up(caller, None)?.set_xattr(caller, name, value, how)
    }

    fn remove_xattr(&self, caller: &Caller, name: &[u8]) -> Result<(), Errno> {
        // Nothing is copied for the sake of an attribute that is not there.
        self.real()?.xattr(caller, name)?;
        self.copy_up(caller, None)?.remove_xattr(caller, name)
    }
}
