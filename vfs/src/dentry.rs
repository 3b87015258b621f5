//! Names: a dentry is one name in one directory, found or known to be absent.
//!
//! A child keeps its parent alive; a parent only remembers its children. What keeps unused names is
//! the [`crate::cache::Cache`], whose size is bounded.

use crate::caller::Caller;
use crate::hash::Keyed;
use crate::inode::{CachePolicy, Inode};
use crate::recent;
use crate::superblock::Superblock;
use abi::Errno;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use sync::{Mutex, MutexGuard, Rank, RwLock};

/// Where a dentry hangs.
struct Link {
    parent: Option<Arc<Dentry>>,
    name: Arc<[u8]>,
}

/// One name in one directory.
pub struct Dentry {
    superblock: Arc<Superblock>,
    link: RwLock<Link>,
    /// `None`: the name is known to be absent.
    inode: Option<Arc<dyn Inode>>,
    children: RwLock<HashMap<Arc<[u8]>, Weak<Dentry>, Keyed>>,
    /// Held while names of this directory change.
    names: Mutex<()>,
    /// Changes with the names of this directory: what a lookup found before is not kept.
    stamp: AtomicU64,
    /// Mounts on this very dentry.
    mounts: AtomicU32,
    /// Mounts on it or below.
    pins: AtomicU32,
    is_deleted: AtomicBool,
    /// Used since the cache's hand passed.
    pub(crate) referenced: AtomicBool,
    /// Place in the cache; under the cache's lock.
    pub(crate) slot: AtomicU32,
}

/// Not in the cache.
pub(crate) const NO_SLOT: u32 = u32::MAX;

impl Dentry {
    /// The root of a filesystem, or a node that hangs nowhere (`name` is then what its path shows).
    pub(crate) fn root(superblock: Arc<Superblock>, inode: Arc<dyn Inode>, name: &[u8]) -> Arc<Self> {
        Self::make(superblock, None, Arc::from(name), Some(inode))
    }

    /// An unnamed file below `parent`'s filesystem (`O_TMPFILE`): born deleted.
    pub(crate) fn unnamed(parent: &Arc<Self>, inode: Arc<dyn Inode>, name: &[u8]) -> Arc<Self> {
        let dentry = Self::make(parent.superblock.clone(), Some(parent.clone()), Arc::from(name), Some(inode));
        dentry.is_deleted.store(true, SeqCst);
        dentry
    }

    fn make(
        superblock: Arc<Superblock>,
        parent: Option<Arc<Self>>,
        name: Arc<[u8]>,
        inode: Option<Arc<dyn Inode>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            superblock,
            link: RwLock::new(Rank::Cache, Link { parent, name }),
            inode,
            children: RwLock::new(Rank::Cache, HashMap::default()),
            names: Mutex::new(Rank::Names, ()),
            stamp: AtomicU64::new(recent::stamp()),
            mounts: AtomicU32::new(0),
            pins: AtomicU32::new(0),
            is_deleted: AtomicBool::new(false),
            referenced: AtomicBool::new(false),
            slot: AtomicU32::new(NO_SLOT),
        })
    }

    /// The object; `ENOENT` for a name that is known to be absent.
    pub fn inode(&self) -> Result<&Arc<dyn Inode>, Errno> {
        self.inode.as_ref().ok_or(Errno::ENOENT)
    }

    /// The name in the parent directory; empty for a root.
    pub fn name(&self) -> Arc<[u8]> {
        self.link.read().name.clone()
    }

    /// The directory that it hangs in; `None` for the root of a filesystem.
    pub fn parent(&self) -> Option<Arc<Self>> {
        self.link.read().parent.clone()
    }

    /// Parent and name as of one moment.
    pub(crate) fn link(&self) -> (Option<Arc<Self>>, Arc<[u8]>) {
        let link = self.link.read();
        (link.parent.clone(), link.name.clone())
    }

    /// The name was removed while the object lived on.
    pub fn is_deleted(&self) -> bool {
        self.is_deleted.load(SeqCst)
    }

    /// Marks an unnamed file as named (`linkat` of an `O_TMPFILE`) or a named one as removed.
    pub(crate) fn set_deleted(&self, deleted: bool) {
        self.is_deleted.store(deleted, SeqCst);
    }

    /// The filesystem instance.
    pub(crate) fn superblock(&self) -> &Arc<Superblock> {
        &self.superblock
    }

    /// Something is mounted on it, in some namespace.
    pub(crate) fn is_mountpoint(&self) -> bool {
        self.mounts.load(SeqCst) != 0
    }

    /// A mount was put on it: it and its ancestors must stay findable.
    pub(crate) fn pin(self: &Arc<Self>) {
        self.mounts.fetch_add(1, SeqCst);
        let mut at = self.clone();
        loop {
            at.pins.fetch_add(1, SeqCst);
            let (parent, name) = at.link();
            let Some(parent) = parent else { break };
            if !at.is_deleted() {
                let old = parent.children.write().insert(name, Arc::downgrade(&at));
                drop(old);
            }
            at = parent;
        }
        self.superblock.cache().changed();
    }

    /// A mount was taken off it.
    pub(crate) fn unpin(self: &Arc<Self>) {
        self.mounts.fetch_sub(1, SeqCst);
        let mut at = Some(self.clone());
        while let Some(dentry) = at {
            // Renames move dentries below other ancestors, whose count then never had this pin.
            let _ = dentry.pins.fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1));
            at = dentry.parent();
        }
        self.superblock.cache().changed();
    }

    /// Locks the names of this directory for a change.
    pub(crate) fn lock_names(&self) -> MutexGuard<'_, ()> {
        self.names.lock()
    }

    /// As [`Self::lock_names`] beside another directory of the same filesystem; parent before child,
    /// under the superblock's rename lock.
    pub(crate) fn lock_names_nested(&self) -> MutexGuard<'_, ()> {
        self.names.lock_nested()
    }

    /// Its names change; the map of children is locked.
    fn names_change(&self) {
        self.stamp.store(recent::stamp(), SeqCst);
        self.superblock.cache().changed();
    }

    fn cached(&self, name: &[u8]) -> Option<Arc<Self>> {
        self.children.read().get(name).and_then(Weak::upgrade)
    }

    /// The child that is in the cache and may be used, and the stamp of that moment.
    fn kept(&self, policy: CachePolicy, name: &[u8]) -> Option<(Arc<Self>, u64)> {
        let (child, stamp) = {
            let children = self.children.read();
            (children.get(name)?.upgrade()?, self.stamp.load(SeqCst))
        };
        (policy == CachePolicy::Keep || child.pins.load(SeqCst) != 0).then_some((child, stamp))
    }

    /// Itself, used just now; `ENOENT` for a name that is known to be absent.
    fn present(self: Arc<Self>) -> Result<Arc<Self>, Errno> {
        if !self.referenced.load(Relaxed) {
            self.referenced.store(true, Relaxed);
        }
        if self.inode.is_some() { Ok(self) } else { Err(Errno::ENOENT) }
    }

    /// The dentry of `name` in this directory; `ENOENT`. `name` is neither `.` nor `..`.
    pub fn lookup(self: &Arc<Self>, caller: &Caller, name: &[u8]) -> Result<Arc<Self>, Errno> {
        if let Some(found) = recent::find(self.stamp.load(SeqCst), name) {
            return found.present();
        }
        let inode = self.inode()?;
        let policy = inode.cache_policy();
        if let Some((found, stamp)) = self.kept(policy, name) {
            if policy == CachePolicy::Keep {
                recent::keep(stamp, name, &found);
            }
            return found.present();
        }
        for _ in 0..4 {
            if let Some(result) = self.lookup_once(caller, inode, policy, name) {
                return result;
            }
        }
        // Names change all the time: look while they cannot.
        let _names = self.lock_names();
        self.lookup_once(caller, inode, policy, name).unwrap_or(Err(Errno::ENOENT))
    }

    /// As [`Self::lookup`] for a caller that holds the names lock.
    pub(crate) fn lookup_locked(self: &Arc<Self>, caller: &Caller, name: &[u8]) -> Result<Arc<Self>, Errno> {
        let inode = self.inode()?;
        let policy = inode.cache_policy();
        if let Some((found, _)) = self.kept(policy, name) {
            return found.present();
        }
        self.lookup_once(caller, inode, policy, name).unwrap_or(Err(Errno::ENOENT))
    }

    /// Asks the filesystem; `None` when names changed meanwhile.
    fn lookup_once(
        self: &Arc<Self>,
        caller: &Caller,
        inode: &Arc<dyn Inode>,
        policy: CachePolicy,
        name: &[u8],
    ) -> Option<Result<Arc<Self>, Errno>> {
        let stamp = self.stamp.load(SeqCst);
        match inode.lookup(caller, name) {
            Ok(found) => self.keep(name, Some(found), stamp, policy).map(Ok),
            Err(Errno::ENOENT) if policy == CachePolicy::Keep => Some(self.keep(name, None, stamp, policy)?.present()),
            Err(errno) => Some(Err(errno)),
        }
    }

    /// The dentry for what a lookup found; `None` when names changed since the directory had `stamp`.
    fn keep(
        self: &Arc<Self>,
        name: &[u8],
        inode: Option<Arc<dyn Inode>>,
        stamp: u64,
        policy: CachePolicy,
    ) -> Option<Arc<Self>> {
        if let Some(old) = self.cached(name) {
            let same = match (&old.inode, &inode) {
                (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                (None, None) => true,
                _ => false,
            };
            if same {
                return Some(old);
            }
        }
        let name: Arc<[u8]> = Arc::from(name);
        let dentry = Self::make(self.superblock.clone(), Some(self.clone()), name.clone(), inode);
        let old = {
            let mut children = self.children.write();
            let is_current = self.stamp.load(SeqCst) == stamp;
            is_current.then(|| children.insert(name, Arc::downgrade(&dentry)))
        };
        old?;
        if policy != CachePolicy::Never && !self.is_deleted() {
            self.superblock.cache().keep(&dentry);
        }
        Some(dentry)
    }

    /// A name appeared (it was created, linked or moved here). The names lock is held.
    pub(crate) fn add_child(self: &Arc<Self>, name: &[u8], inode: Arc<dyn Inode>) -> Arc<Self> {
        let policy = self.inode.as_ref().map_or(CachePolicy::Never, |inode| inode.cache_policy());
        let name: Arc<[u8]> = Arc::from(name);
        let dentry = Self::make(self.superblock.clone(), Some(self.clone()), name.clone(), Some(inode));
        let old = {
            let mut children = self.children.write();
            self.names_change();
            children.insert(name, Arc::downgrade(&dentry))
        };
        self.forget(old.as_ref());
        if policy != CachePolicy::Never {
            self.superblock.cache().keep(&dentry);
        }
        dentry
    }

    /// A name went, and is known to be absent from now on. The names lock is held.
    pub(crate) fn lose_child(self: &Arc<Self>, name: &[u8]) {
        self.remove_child(name);
        let policy = self.inode.as_ref().map_or(CachePolicy::Never, |inode| inode.cache_policy());
        if policy == CachePolicy::Keep {
            self.keep(name, None, self.stamp.load(SeqCst), policy);
        }
    }

    /// A name is no longer what it was. The names lock is held.
    fn remove_child(&self, name: &[u8]) {
        let old = {
            let mut children = self.children.write();
            self.names_change();
            children.remove(name)
        };
        self.forget(old.as_ref());
    }

    /// Takes a dentry that lost its name out of the cache.
    fn forget(&self, old: Option<&Weak<Self>>) {
        if let Some(old) = old.and_then(Weak::upgrade) {
            old.set_deleted(true);
            self.superblock.cache().forget(&old);
            old.forget_children();
        }
    }

    /// Takes the names out of the cache that are known to be absent from a directory which is gone: they would keep
    /// it alive.
    fn forget_children(&self) {
        let children = {
            let mut children = self.children.write();
            self.names_change();
            std::mem::take(&mut *children)
        };
        for child in children.into_values().filter_map(|child| child.upgrade()) {
            self.superblock.cache().forget(&child);
        }
    }

    /// Moves a child (present or not in the cache) to `new_name` in `to`. Both names locks are held.
    pub(crate) fn move_child(self: &Arc<Self>, name: &[u8], to: &Arc<Self>, new_name: &[u8]) {
        to.remove_child(new_name);
        let child = {
            let mut children = self.children.write();
            self.names_change();
            children.remove(name)
        };
        let Some(child) = child.and_then(|child| child.upgrade()) else { return };
        let new_name: Arc<[u8]> = Arc::from(new_name);
        let old = {
            let mut link = child.link.write();
            link.name = new_name.clone();
            link.parent.replace(to.clone())
        };
        let replaced = {
            let mut children = to.children.write();
            to.names_change();
            children.insert(new_name, Arc::downgrade(&child))
        };
        drop((old, replaced));
    }

    /// Swaps two children (`RENAME_EXCHANGE`): both are looked up anew, so only the links of live ones
    /// are set right. Both names locks are held.
    pub(crate) fn swap_children(self: &Arc<Self>, name: &[u8], to: &Arc<Self>, new_name: &[u8]) {
        let take = |dir: &Arc<Self>, name: &[u8]| {
            let mut children = dir.children.write();
            dir.names_change();
            children.remove(name).and_then(|child| child.upgrade())
        };
        let (one, two) = (take(self, name), take(to, new_name));
        let put = |child: Option<Arc<Self>>, dir: &Arc<Self>, name: &[u8]| {
            let child = child?;
            let name: Arc<[u8]> = Arc::from(name);
            let old = {
                let mut link = child.link.write();
                link.name = name.clone();
                link.parent.replace(dir.clone())
            };
            dir.children.write().insert(name, Arc::downgrade(&child));
            drop(old);
            Some(child)
        };
        let one = put(one, to, new_name);
        let two = put(two, self, name);
        drop((one, two));
    }

    /// `self` is `other` or one of its ancestors.
    pub(crate) fn is_ancestor_of(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        let mut at = Some(other.clone());
        while let Some(dentry) = at {
            if Arc::ptr_eq(&dentry, self) {
                return true;
            }
            at = dentry.parent();
        }
        false
    }

    /// Takes itself out of the parent's map; gives the parent.
    fn detach(&mut self) -> Option<Arc<Self>> {
        let this: *const Self = self;
        let (parent, name) = {
            let mut link = self.link.write();
            (link.parent.take()?, link.name.clone())
        };
        {
            let mut children = parent.children.write();
            if children.get(&name).is_some_and(|child| std::ptr::eq(child.as_ptr(), this)) {
                children.remove(&name);
            }
        }
        Some(parent)
    }
}

impl Drop for Dentry {
    /// A guest decides how deep a tree is: ancestors that go with it go one by one, not by recursion.
    fn drop(&mut self) {
        let mut next = self.detach();
        while let Some(parent) = next {
            next = Arc::into_inner(parent).and_then(|mut parent| parent.detach());
        }
    }
}

impl fmt::Debug for Dentry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dentry({:?})", String::from_utf8_lossy(&self.name()))
    }
}
