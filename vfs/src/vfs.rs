//! The files of a sandbox: what all its mount namespaces share.

use crate::cache::Cache;
use crate::caller::Caller;
use crate::dentry::Dentry;
use crate::device::DeviceTable;
use crate::filesystem::Filesystem;
use crate::inode::Inode;
use crate::namespace::MountNamespace;
use crate::superblock::Superblock;
use crate::users::UserNamespace;
use abi::Errno;
use abi::mount::MountFlags;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use sync::{Mutex, Rank};

/// A kind of filesystem that `mount(2)` can make. Registered at boot.
pub trait FilesystemType: Send + Sync {
    /// As in /proc/filesystems.
    fn name(&self) -> &'static str;

    /// Needs a block device (no `nodev` in /proc/filesystems).
    fn needs_device(&self) -> bool {
        false
    }

    /// May be mounted by root of a user namespace that is not the sandbox's own.
    fn is_user_mountable(&self) -> bool {
        false
    }

    /// The user namespace whose root mounts it for the caller.
    fn owner(&self, caller: &Caller) -> Arc<UserNamespace> {
        caller.creds.user_ns.clone()
    }

    /// Makes an instance. `data` is the option string of `mount(2)`; `EINVAL` for options that are not known.
    fn mount(
        &self,
        caller: &Caller,
        source: &[u8],
        flags: MountFlags,
        data: &[u8],
    ) -> Result<Arc<dyn Filesystem>, Errno>;
}

/// Makes files of memory without a name: `memfd_create(2)`. Implemented by tmpfs.
pub trait MemoryFiles: Send + Sync {
    /// An empty regular file of mode 0777 that only descriptors hold. Its attachments' seals are set by the
    /// vfs. `huge` is the page size asked for, as the bits of `MFD_HUGE_*`; `None` for normal pages.
    fn create(&self, caller: &Caller, name: &[u8], huge: Option<u32>) -> Result<Arc<dyn Inode>, Errno>;
}

/// What all mount namespaces of a sandbox share.
pub struct Vfs {
    cache: Arc<Cache>,
    devices: DeviceTable,
    superblocks: Mutex<HashMap<usize, Weak<Superblock>>>,
    types: Mutex<Vec<Arc<dyn FilesystemType>>>,
    namespaces: Mutex<Vec<Weak<MountNamespace>>>,
    memory_files: OnceLock<Arc<dyn MemoryFiles>>,
    next_mount: AtomicU64,
    next_device: AtomicU64,
}

impl Vfs {
    /// An empty one.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            cache: Arc::new(Cache::new()),
            devices: DeviceTable::new(),
            superblocks: Mutex::new(Rank::Leaf, HashMap::new()),
            types: Mutex::new(Rank::Leaf, Vec::new()),
            namespaces: Mutex::new(Rank::Leaf, Vec::new()),
            memory_files: OnceLock::new(),
            next_mount: AtomicU64::new(20),
            next_device: AtomicU64::new(20),
        })
    }

    /// From now on `changes` counts each change of a name, of a directory's attributes, of mounts, and of the root
    /// that a process has: while it stays the same, what a walk that is [steady](crate::Walk::is_steady) did not find
    /// cannot be found by the same caller.
    pub fn count_changes(&self, changes: &'static AtomicU64) {
        self.cache.count_changes(changes);
    }

    /// Something of that kind has changed.
    pub fn note_change(&self) {
        self.cache.changed();
    }

    /// Character and block devices.
    pub const fn devices(&self) -> &DeviceTable {
        &self.devices
    }

    /// Knows a namespace.
    pub(crate) fn add_namespace(&self, namespace: &Arc<MountNamespace>) {
        let mut namespaces = self.namespaces.lock();
        namespaces.retain(|other| other.strong_count() != 0);
        namespaces.push(Arc::downgrade(namespace));
    }

    /// A dentry has lost its name: what is mounted on it, in namespaces that had no say, is taken out.
    pub(crate) fn detach_mounts(&self, dentry: &Arc<Dentry>) {
        if dentry.is_mountpoint() {
            let namespaces = self.namespaces.lock().clone();
            namespaces.iter().filter_map(Weak::upgrade).for_each(|namespace| namespace.detach_from(dentry));
        }
    }

    /// Adds a kind of filesystem; a second one of the same name is not looked at.
    pub fn register_filesystem(&self, kind: Arc<dyn FilesystemType>) {
        self.types.lock().push(kind);
    }

    /// A kind of filesystem by name.
    pub fn filesystem_type(&self, name: &[u8]) -> Option<Arc<dyn FilesystemType>> {
        self.types.lock().iter().find(|kind| kind.name().as_bytes() == name).cloned()
    }

    /// All kinds, for /proc/filesystems.
    pub fn filesystem_types(&self) -> Vec<Arc<dyn FilesystemType>> {
        self.types.lock().clone()
    }

    /// Sets who makes memory files. Once, at boot; later calls do nothing.
    pub fn set_memory_files(&self, files: Arc<dyn MemoryFiles>) {
        // A second maker would only be a mistake of boot code.
        let _ = self.memory_files.set(files);
    }

    /// Who makes memory files; `ENOSYS` when nobody does.
    pub fn memory_files(&self) -> Result<&Arc<dyn MemoryFiles>, Errno> {
        self.memory_files.get().ok_or(Errno::ENOSYS)
    }

    /// A device number for a new filesystem instance (major 0).
    pub fn new_device(&self) -> u64 {
        let minor = self.next_device.fetch_add(1, Relaxed);
        crate::device::make_dev(0, minor as u32)
    }

    pub(crate) fn new_mount_id(&self) -> u64 {
        self.next_mount.fetch_add(1, Relaxed)
    }

    /// The names of a filesystem: one set, however often it is mounted.
    pub(crate) fn superblock(&self, filesystem: &Arc<dyn Filesystem>) -> Arc<Superblock> {
        let key = Arc::as_ptr(filesystem).cast::<()>().addr();
        let mut superblocks = self.superblocks.lock();
        if let Some(found) = superblocks.get(&key).and_then(Weak::upgrade) {
            return found;
        }
        superblocks.retain(|_, superblock| superblock.strong_count() != 0);
        let superblock = Superblock::new(filesystem.clone(), self.cache.clone());
        superblocks.insert(key, Arc::downgrade(&superblock));
        superblock
    }

    /// All filesystems in use, for `sync(2)`.
    pub fn filesystems(&self) -> Vec<Arc<dyn Filesystem>> {
        let live: Vec<_> = self.superblocks.lock().values().filter_map(Weak::upgrade).collect();
        live.iter().map(|superblock| superblock.filesystem().clone()).collect()
    }
}
