//! Objects: files, directories and other nodes.

use super::budget::Budget;
use super::content::Content;
use super::dir::Dir;
use super::filesystem::Tmpfs;
use super::node::Node;
use super::now;
use super::xattr::Xattrs;
use abi::Errno;
use abi::fs::FileType;
use abi::time::Timespec;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, OnceLock, Weak};
use sync::{Mutex, Rank, RwLock};
use vfs::{Attachments, Attr, NewNode};

/// Owner, permissions and times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meta {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) nlink: u32,
    pub(crate) atime: Timespec,
    pub(crate) mtime: Timespec,
    pub(crate) ctime: Timespec,
}

/// What an object is.
pub(crate) enum Body {
    Directory {
        dir: RwLock<Dir>,
        /// Inode number of the parent.
        parent: AtomicU64,
    },
    Regular(Content),
    Symlink(Box<[u8]>),
    /// Device, FIFO or socket.
    Special,
}

/// The object of a lower layer that an object of an overlay's upper layer came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// Inode number that the overlay shows.
    pub(crate) ino: u64,
    /// Key in the overlay's table of inodes.
    pub(crate) key: (u64, u64),
}

/// An object of a tmpfs.
pub(crate) struct Object {
    budget: Arc<Budget>,
    /// Inodes and pages that it holds of the budget, besides its contents.
    pages: u64,
    pub(crate) ino: u64,
    pub(crate) kind: FileType,
    pub(crate) rdev: u64,
    pub(crate) btime: Timespec,
    pub(crate) body: Body,
    pub(crate) meta: Mutex<Meta>,
    pub(super) xattrs: Mutex<Xattrs>,
    pub(crate) attachments: Attachments,
    /// Where it came from, for an overlay; for a directory also: the lower ones show through.
    pub(crate) origin: OnceLock<Origin>,
    handle: Mutex<Weak<Node>>,
}

/// Longer targets of symbolic links take a page.
const SHORT_TARGET: usize = 128;

impl Object {
    /// A node as `node` says. `ENOSPC`.
    pub(super) fn new(budget: &Arc<Budget>, ino: u64, node: &NewNode) -> Result<Arc<Self>, Errno> {
        budget.take_inodes(1)?;
        let pages = u64::from(node.kind == FileType::Symlink && node.target.len() > SHORT_TARGET);
        if let Err(errno) = budget.take_pages(pages) {
            budget.give_inodes(1);
            return Err(errno);
        }
        let body = match node.kind {
            FileType::Directory => {
                Body::Directory { dir: RwLock::new(Rank::Directory, Dir::new()), parent: AtomicU64::new(ino) }
            }
            FileType::Regular => Body::Regular(Content::new(budget.clone())),
            FileType::Symlink => Body::Symlink(node.target.as_slice().into()),
            _ => Body::Special,
        };
        let is_dir = node.kind == FileType::Directory;
        let now = now();
        let meta = Meta {
            mode: node.mode & 0o7777,
            uid: node.uid,
            gid: node.gid,
            nlink: if is_dir { 2 } else { 1 },
            atime: now,
            mtime: now,
            ctime: now,
        };
        let attachments = Attachments::default();
        if node.kind == FileType::Regular {
            attachments.set_seals(abi::fs::F_SEAL_SEAL);
        }
        Ok(Arc::new(Self {
            budget: budget.clone(),
            pages,
            ino,
            kind: node.kind,
            rdev: node.rdev,
            btime: now,
            body,
            meta: Mutex::new(Rank::Leaf, meta),
            xattrs: Mutex::new(Rank::Leaf, Xattrs::default()),
            attachments,
            origin: OnceLock::new(),
            handle: Mutex::new(Rank::Leaf, Weak::new()),
        }))
    }

    /// The vfs's handle: one at a time.
    pub(crate) fn node(self: &Arc<Self>, fs: &Arc<Tmpfs>) -> Arc<Node> {
        let mut handle = self.handle.lock();
        handle.upgrade().unwrap_or_else(|| {
            let node = Arc::new(Node { fs: fs.clone(), object: self.clone() });
            *handle = Arc::downgrade(&node);
            node
        })
    }

    /// The names of a directory; `ENOTDIR`.
    pub(crate) fn dir(&self) -> Result<&RwLock<Dir>, Errno> {
        match &self.body {
            Body::Directory { dir, .. } => Ok(dir),
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// The bytes of a regular file; `EINVAL`.
    pub(crate) fn content(&self) -> Result<&Content, Errno> {
        match &self.body {
            Body::Regular(content) => Ok(content),
            _ => Err(Errno::EINVAL),
        }
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Inode number of a directory's parent.
    pub(crate) fn parent_ino(&self) -> u64 {
        match &self.body {
            Body::Directory { parent, .. } => parent.load(SeqCst),
            _ => self.ino,
        }
    }

    pub(super) fn set_parent_ino(&self, ino: u64) {
        if let Body::Directory { parent, .. } = &self.body {
            parent.store(ino, SeqCst);
        }
    }

    /// Attributes, on the device `dev`.
    pub(crate) fn attr(&self, dev: u64) -> Attr {
        /// What Linux counts for an entry of a directory in memory.
        const ENTRY_SIZE: u64 = 20;
        let (size, pages) = match &self.body {
            Body::Directory { dir, .. } => ((dir.read().len() as u64 + 2) * ENTRY_SIZE, 0),
            Body::Regular(content) => content.size_and_pages(),
            Body::Symlink(target) => (target.len() as u64, self.pages),
            Body::Special => (0, 0),
        };
        let meta = *self.meta.lock();
        Attr {
            dev,
            ino: self.ino,
            kind: self.kind,
            mode: meta.mode,
            nlink: meta.nlink,
            uid: meta.uid,
            gid: meta.gid,
            rdev: self.rdev,
            size,
            blksize: abi::mm::PAGE_SIZE as u32,
            blocks: pages * (abi::mm::PAGE_SIZE / 512),
            atime: meta.atime,
            mtime: meta.mtime,
            ctime: meta.ctime,
            btime: Some(self.btime),
        }
    }

    /// Its data changed now.
    pub(crate) fn touch(&self) {
        let now = now();
        let mut meta = self.meta.lock();
        meta.mtime = now;
        meta.ctime = now;
    }

    /// Its attributes changed now.
    pub(crate) fn touch_attr(&self) {
        self.meta.lock().ctime = now();
    }

    /// It was read now: the time is kept as `relatime` of mount(8) says.
    pub(super) fn accessed(&self) {
        const DAY: i64 = 24 * 60 * 60;
        let now = now();
        let mut meta = self.meta.lock();
        if meta.atime <= meta.mtime || meta.atime <= meta.ctime || now.sec - meta.atime.sec >= DAY {
            meta.atime = now;
        }
    }

    /// One more name; `EMLINK`, `ENOSPC`.
    pub(super) fn add_name(&self) -> Result<(), Errno> {
        let mut meta = self.meta.lock();
        let nlink = meta.nlink.checked_add(1).ok_or(Errno::EMLINK)?;
        // The first name is paid for with the object.
        if nlink > 1 {
            self.budget.take_inodes(1)?;
        }
        meta.nlink = nlink;
        meta.ctime = now();
        Ok(())
    }

    /// One name less; a directory loses both of its links.
    pub(super) fn drop_name(&self) {
        let mut meta = self.meta.lock();
        meta.ctime = now();
        if self.kind == FileType::Directory {
            meta.nlink = 0;
            return;
        }
        if meta.nlink > 1 {
            self.budget.give_inodes(1);
        }
        meta.nlink = meta.nlink.saturating_sub(1);
    }

    /// A directory came into this directory, or one left it.
    pub(super) fn count_subdir(&self, change: i32) {
        let mut meta = self.meta.lock();
        meta.nlink = meta.nlink.saturating_add_signed(change);
    }
}

impl Drop for Object {
    /// A guest decides how deep a tree is: what goes with it goes one by one, not by recursion.
    fn drop(&mut self) {
        let extra_names = match self.kind {
            FileType::Directory => 0,
            _ => u64::from(self.meta.value_mut().nlink.saturating_sub(1)),
        };
        self.budget.give_inodes(1 + extra_names + self.xattrs.value_mut().units());
        self.budget.give_pages(self.pages);
        let Body::Directory { dir, .. } = &mut self.body else { return };
        let mut work = dir.value_mut().take_children(&self.budget);
        while let Some(child) = work.pop() {
            if let Some(mut child) = Arc::into_inner(child)
                && let Body::Directory { dir, .. } = &mut child.body
            {
                work.extend(dir.value_mut().take_children(&child.budget));
            }
        }
    }
}
