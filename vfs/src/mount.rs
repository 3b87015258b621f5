//! One mount: a filesystem, or a part of one, seen at a place.

use crate::dentry::Dentry;
use crate::filesystem::Filesystem;
use crate::namespace::MountNamespace;
use crate::place::Place;
use crate::superblock::Superblock;
use abi::Errno;
use abi::mount::MountFlags;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, OnceLock, Weak};
use sync::{Rank, RwLock};

/// Where a mount is attached.
#[derive(Default)]
pub(crate) struct Attach {
    /// The mount and the dentry that it covers; `None` for a root and for what was detached.
    pub(crate) parent: Option<(Arc<Mount>, Arc<Dentry>)>,
    pub(crate) namespace: Weak<MountNamespace>,
}

/// What somebody with fewer rights than its maker may not undo (`mount_namespaces(7)`, "Restrictions on mount
/// namespaces").
#[derive(Debug, Default)]
pub(crate) struct Locks {
    /// It cannot be taken away alone.
    pub(crate) is_in_place: AtomicBool,
    /// Flags that cannot be cleared; those of atime cannot be changed at all.
    flags: OnceLock<MountFlags>,
}

/// Flags that say when times of access are noted.
const ATIME: MountFlags = MountFlags::NOATIME.union(MountFlags::NODIRATIME).union(MountFlags::RELATIME);
/// Flags that can be locked.
const LOCKABLE: MountFlags =
    MountFlags::RDONLY.union(MountFlags::NOSUID).union(MountFlags::NODEV).union(MountFlags::NOEXEC).union(ATIME);

/// One mount.
pub struct Mount {
    id: u64,
    superblock: Arc<Superblock>,
    root: Arc<Dentry>,
    source: Vec<u8>,
    flags: AtomicU64,
    /// Flags that stay, and whether the mount does: it came from the namespace of somebody with more rights.
    locks: Locks,
    pub(crate) attach: RwLock<Attach>,
    /// Mounts on dentries of this one, by the dentry's address (the child keeps it alive).
    pub(crate) children: RwLock<HashMap<usize, Arc<Mount>>>,
}

/// The flags that a mount has by itself.
pub(crate) const OWN_FLAGS: MountFlags = MountFlags::RDONLY
    .union(MountFlags::NOSUID)
    .union(MountFlags::NODEV)
    .union(MountFlags::NOEXEC)
    .union(MountFlags::NOATIME)
    .union(MountFlags::NODIRATIME)
    .union(MountFlags::RELATIME)
    .union(MountFlags::NOSYMFOLLOW)
    .union(MountFlags::SYNCHRONOUS)
    .union(MountFlags::DIRSYNC);

impl Mount {
    pub(crate) fn new(id: u64, root: Arc<Dentry>, source: &[u8], flags: MountFlags) -> Arc<Self> {
        let superblock = root.superblock().clone();
        superblock.mounted();
        Arc::new(Self {
            id,
            superblock,
            root,
            source: source.to_vec(),
            flags: AtomicU64::new((flags & OWN_FLAGS).bits()),
            locks: Locks::default(),
            attach: RwLock::new(Rank::Leaf, Attach::default()),
            children: RwLock::new(Rank::Leaf, HashMap::new()),
        })
    }

    /// Its number, as in /proc/PID/mountinfo.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// The filesystem.
    pub fn filesystem(&self) -> &Arc<dyn Filesystem> {
        self.superblock.filesystem()
    }

    /// What was mounted, as /proc/mounts shows it.
    pub fn source(&self) -> &[u8] {
        &self.source
    }

    /// The dentry seen at the top.
    pub const fn root(&self) -> &Arc<Dentry> {
        &self.root
    }

    /// The mount's own flags.
    pub fn flags(&self) -> MountFlags {
        MountFlags::from_bits_retain(self.flags.load(SeqCst))
    }

    /// Changes its flags: `EPERM` for those that are locked.
    pub(crate) fn set_flags(&self, flags: MountFlags) -> Result<(), Errno> {
        if let Some(&locked) = self.locks.flags.get()
            && (!flags.contains(locked - ATIME) || flags & ATIME != locked & ATIME)
        {
            return Err(Errno::EPERM);
        }
        self.flags.store((flags & OWN_FLAGS).bits(), SeqCst);
        self.root.superblock().cache().changed();
        Ok(())
    }

    /// It covers that dentry.
    pub(crate) fn is_on(&self, dentry: &Arc<Dentry>) -> bool {
        self.covers().is_some_and(|covered| Arc::ptr_eq(&covered.dentry, dentry))
    }

    /// It cannot be taken away alone, only with what it is mounted on.
    pub(crate) fn is_locked(&self) -> bool {
        self.locks.is_in_place.load(SeqCst)
    }

    /// Locks its flags, and, unless it is the top of what is given away, its place.
    pub(crate) fn lock(&self, is_top: bool) {
        self.locks.is_in_place.fetch_or(!is_top, SeqCst);
        // Once is enough: flags that are locked stay.
        let _ = self.locks.flags.set(self.flags() & LOCKABLE);
    }

    /// Takes over the locks of the mount that it is a copy of; the top of a copy may be taken away.
    pub(crate) fn lock_as(&self, other: &Self, is_top: bool) {
        self.locks.is_in_place.store(!is_top && other.is_locked(), SeqCst);
        if let Some(&flags) = other.locks.flags.get() {
            // It is new: nothing is locked yet.
            let _ = self.locks.flags.set(flags);
        }
    }

    /// Nothing can be changed through it.
    pub fn is_read_only(&self) -> bool {
        self.flags().contains(MountFlags::RDONLY) || self.filesystem().is_read_only()
    }

    /// The namespace that it is part of.
    pub fn namespace(&self) -> Option<Arc<MountNamespace>> {
        self.attach.read().namespace.upgrade()
    }

    /// The devices of the sandbox; `ENXIO` for a mount that is in no namespace.
    pub(crate) fn vfs(&self) -> Result<Arc<crate::vfs::Vfs>, Errno> {
        self.namespace().map(|namespace| namespace.vfs().clone()).ok_or(Errno::ENXIO)
    }

    /// The place that it covers.
    pub fn covers(&self) -> Option<Place> {
        let attach = self.attach.read();
        attach.parent.as_ref().map(|(mount, dentry)| Place { mount: mount.clone(), dentry: dentry.clone() })
    }

    /// What is mounted on one of its dentries.
    pub(crate) fn child(&self, dentry: &Arc<Dentry>) -> Option<Arc<Self>> {
        self.children.read().get(&key(dentry)).cloned()
    }

    /// All mounts on it.
    pub(crate) fn child_list(&self) -> Vec<Arc<Self>> {
        let mut list: Vec<_> = self.children.read().values().cloned().collect();
        list.sort_by_key(|mount| mount.id);
        list
    }
}

/// A dentry's key among the mounted-on ones.
pub(crate) fn key(dentry: &Arc<Dentry>) -> usize {
    Arc::as_ptr(dentry).addr()
}

impl Drop for Mount {
    fn drop(&mut self) {
        self.superblock.unmounted();
    }
}

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mount({}, {})", self.id, self.filesystem().type_name())
    }
}
