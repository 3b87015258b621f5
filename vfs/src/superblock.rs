//! What the vfs keeps for a filesystem instance, however often it is mounted.

use crate::cache::Cache;
use crate::dentry::Dentry;
use crate::filesystem::Filesystem;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use sync::{Mutex, Rank};

/// A filesystem instance with its names.
pub(crate) struct Superblock {
    filesystem: Arc<dyn Filesystem>,
    cache: Arc<Cache>,
    /// The root dentry, while it lives.
    root: Mutex<Weak<Dentry>>,
    /// Mounts of it.
    mounts: AtomicUsize,
    /// Held while directories are moved to other ones: the shape of the tree stands still.
    pub(crate) rename: Mutex<()>,
}

impl Superblock {
    pub(crate) fn new(filesystem: Arc<dyn Filesystem>, cache: Arc<Cache>) -> Arc<Self> {
        Arc::new(Self {
            filesystem,
            cache,
            root: Mutex::new(Rank::Leaf, Weak::new()),
            mounts: AtomicUsize::new(0),
            rename: Mutex::new(Rank::Moves, ()),
        })
    }

    pub(crate) fn filesystem(&self) -> &Arc<dyn Filesystem> {
        &self.filesystem
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The root dentry; one while anybody uses it.
    pub(crate) fn root(self: &Arc<Self>) -> Arc<Dentry> {
        let inode = self.filesystem.root();
        let mut root = self.root.lock();
        root.upgrade().unwrap_or_else(|| {
            let dentry = Dentry::root(self.clone(), inode, b"");
            *root = Arc::downgrade(&dentry);
            dentry
        })
    }

    /// One more mount.
    pub(crate) fn mounted(&self) {
        self.mounts.fetch_add(1, SeqCst);
    }

    /// One mount less; with the last one the cached names go.
    pub(crate) fn unmounted(&self) {
        if self.mounts.fetch_sub(1, SeqCst) == 1 {
            self.cache.purge(self);
        }
    }
}

impl fmt::Debug for Superblock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Superblock({})", self.filesystem.type_name())
    }
}
