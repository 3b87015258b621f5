//! An instance.

use super::budget::Budget;
use super::object::Object;
use super::options::TmpfsOptions;
use crate::device::new_device;
use abi::Errno;
use abi::fs::FileType;
use abi::mm::PAGE_SIZE;
use abi::mount::MountFlags;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use sync::{Mutex, Rank};
use vfs::{Caller, Filesystem, FilesystemType, Inode, NewNode, Statfs};

/// A filesystem in memory.
pub struct Tmpfs {
    device: u64,
    options: String,
    budget: Arc<Budget>,
    root: Option<Arc<Object>>,
    next_ino: AtomicU64,
    /// Held while more than one directory changes.
    pub(super) renames: Mutex<()>,
    me: Weak<Self>,
}

/// `statfs(2)` magic.
const MAGIC: u64 = 0x0102_1994;

/// Longest name.
const NAME_MAX: u64 = 255;

impl Tmpfs {
    /// An empty instance.
    pub fn new(options: TmpfsOptions) -> Arc<Self> {
        // A root directory is always there: at least one inode is.
        let inodes = options.inodes.map(|inodes| inodes.max(1));
        let budget = Arc::new(Budget::new(options.size.map(|size| size.div_ceil(PAGE_SIZE)), inodes));
        let root = NewNode {
            kind: FileType::Directory,
            mode: options.mode,
            uid: options.uid,
            gid: options.gid,
            rdev: 0,
            target: Vec::new(),
        };
        Arc::new_cyclic(|me| Self {
            device: new_device(),
            options: options.text(),
            root: Object::new(&budget, 1, &root).ok(),
            budget,
            next_ino: AtomicU64::new(2),
            renames: Mutex::new(Rank::Rename, ()),
            me: me.clone(),
        })
    }

    /// This instance as a shared one; `EIO` while it goes.
    pub(crate) fn shared(&self) -> Result<Arc<Self>, Errno> {
        self.me.upgrade().ok_or(Errno::EIO)
    }

    /// The root directory's object.
    pub(crate) fn root_object(&self) -> Result<&Arc<Object>, Errno> {
        self.root.as_ref().ok_or(Errno::EIO)
    }

    /// A new object without a name.
    pub(crate) fn make(&self, node: &NewNode) -> Result<Arc<Object>, Errno> {
        Object::new(&self.budget, self.next_ino.fetch_add(1, Relaxed), node)
    }

    /// A new object that no directory will name unless it is linked.
    pub(crate) fn make_unnamed(&self, node: &NewNode) -> Result<Arc<Object>, Errno> {
        let object = self.make(node)?;
        object.drop_name();
        Ok(object)
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }
}

impl Filesystem for Tmpfs {
    fn type_name(&self) -> &'static str {
        "tmpfs"
    }

    fn device(&self) -> u64 {
        self.device
    }

    fn root(&self) -> Arc<dyn Inode> {
        match (self.shared(), self.root_object()) {
            (Ok(fs), Ok(root)) => root.node(&fs),
            _ => unreachable!("an instance is shared from its making on, and its budget has room for the root"),
        }
    }

    fn statfs(&self) -> Result<Statfs, Errno> {
        let (blocks, used) = self.budget.pages();
        let (files, used_files) = self.budget.inodes();
        let free = blocks.saturating_sub(used);
        Ok(Statfs {
            magic: MAGIC,
            bsize: PAGE_SIZE,
            blocks,
            bfree: free,
            bavail: free,
            files,
            ffree: files.saturating_sub(used_files),
            fsid: self.device,
            namelen: NAME_MAX,
        })
    }

    fn options(&self) -> String {
        self.options.clone()
    }
}

/// Makes instances for `mount(2)`.
#[derive(Debug, Default)]
pub struct TmpfsType;

impl FilesystemType for TmpfsType {
    fn name(&self) -> &'static str {
        "tmpfs"
    }

    fn is_user_mountable(&self) -> bool {
        true
    }

    fn mount(
        &self,
        caller: &Caller,
        _source: &[u8],
        _flags: MountFlags,
        data: &[u8],
    ) -> Result<Arc<dyn Filesystem>, Errno> {
        Ok(Tmpfs::new(TmpfsOptions::parse_for(&caller.creds, data)?))
    }
}
