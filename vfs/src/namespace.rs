//! Mount namespaces: trees of mounts. `mount_namespaces(7)`. Every mount is private: changes do not
//! propagate.

use crate::dentry::Dentry;
use crate::filesystem::Filesystem;
use crate::mount::{Mount, key};
use crate::place::Place;
use crate::users::{Owner, UserNamespace};
use crate::vfs::Vfs;
use abi::Errno;
use abi::fs::FileType;
use abi::mount::{MountFlags, UmountFlags};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use sync::{Mutex, Rank, RwLock, WaitQueue};

/// Most mounts in a namespace: /proc/sys/fs/mount-max.
const MOUNT_MAX: usize = 100_000;

/// A tree of mounts.
pub struct MountNamespace {
    vfs: Arc<Vfs>,
    owner: Owner,
    root: RwLock<Option<Arc<Mount>>>,
    /// Held while the tree changes.
    tree: Mutex<()>,
    count: AtomicUsize,
    /// Counts changes, for poll on /proc/PID/mounts.
    changes: AtomicU64,
    /// Told (`ERR | PRI`) of each change.
    pub queue: WaitQueue,
    id: OnceLock<u64>,
}

impl MountNamespace {
    /// A namespace whose root is `filesystem`.
    pub fn new(
        vfs: &Arc<Vfs>,
        filesystem: &Arc<dyn Filesystem>,
        source: &[u8],
        flags: MountFlags,
        owner: impl Into<Owner>,
    ) -> Arc<Self> {
        let namespace = Self::empty(vfs, owner);
        let root = Mount::new(vfs.new_mount_id(), vfs.superblock(filesystem).root(), source, flags);
        namespace.set_root(root);
        namespace
    }

    fn empty(vfs: &Arc<Vfs>, owner: impl Into<Owner>) -> Arc<Self> {
        let namespace = Arc::new(Self {
            vfs: vfs.clone(),
            owner: owner.into(),
            root: RwLock::new(Rank::Leaf, None),
            tree: Mutex::new(Rank::Mounts, ()),
            count: AtomicUsize::new(0),
            changes: AtomicU64::new(0),
            queue: WaitQueue::new(),
            id: OnceLock::new(),
        });
        vfs.add_namespace(&namespace);
        namespace
    }

    fn set_root(self: &Arc<Self>, root: Arc<Mount>) {
        root.attach.write().namespace = Arc::downgrade(self);
        self.count.fetch_add(1, SeqCst);
        let old = self.root.write().replace(root);
        drop(old);
    }

    /// What all namespaces share.
    pub const fn vfs(&self) -> &Arc<Vfs> {
        &self.vfs
    }

    /// The user namespace whose `CAP_SYS_ADMIN` rules it.
    pub fn owner(&self) -> &Arc<UserNamespace> {
        &self.owner
    }

    /// Number that the kernel gave it (inode of /proc/PID/ns/mnt).
    pub fn id(&self) -> Option<u64> {
        self.id.get().copied()
    }

    /// Sets the number, once.
    pub fn set_id(&self, id: u64) {
        // The first number stays.
        let _ = self.id.set(id);
    }

    /// Number of changes so far.
    pub fn changes(&self) -> u64 {
        self.changes.load(SeqCst)
    }

    /// The root of all, what is mounted over it included.
    pub fn root(&self) -> Place {
        let root = self.root.read().clone();
        let Some(mount) = root else { unreachable!("a namespace without a root") };
        Place { dentry: mount.root().clone(), mount }.top()
    }

    /// The mount is part of this namespace.
    pub fn contains(&self, mount: &Mount) -> bool {
        mount.attach.read().namespace.as_ptr() == std::ptr::from_ref(self)
    }

    fn changed(&self) {
        self.changes.fetch_add(1, SeqCst);
        self.queue.notify(abi::poll::Events::ERR | abi::poll::Events::PRI);
    }

    /// Mounts a filesystem at a place: `ENOENT`, `ENOTDIR`, `EBUSY`, `EINVAL`, `ENOSPC`.
    pub fn mount(
        self: &Arc<Self>,
        at: &Place,
        filesystem: &Arc<dyn Filesystem>,
        source: &[u8],
        flags: MountFlags,
    ) -> Result<(), Errno> {
        let superblock = self.vfs.superblock(filesystem);
        let root = superblock.root();
        {
            let _tree = self.tree.lock();
            let at = at.clone().top();
            if at.is_mount_root() && Arc::ptr_eq(at.mount.root(), &root) {
                return Err(Errno::EBUSY);
            }
            let mount = Mount::new(self.vfs.new_mount_id(), root, source, flags);
            self.attach(&mount, &at, 1)?;
        }
        self.changed();
        Ok(())
    }

    /// Hangs a mount (with `count` mounts in all) at a place. The tree is locked.
    fn attach(self: &Arc<Self>, mount: &Arc<Mount>, at: &Place, count: usize) -> Result<(), Errno> {
        if !self.contains(&at.mount) {
            return Err(Errno::EINVAL);
        }
        if at.dentry.is_deleted() {
            return Err(Errno::ENOENT);
        }
        let is_dir = |dentry: &Arc<Dentry>| dentry.inode().map(|inode| inode.kind() == FileType::Directory);
        if is_dir(&at.dentry)? != is_dir(mount.root())? {
            return Err(Errno::ENOTDIR);
        }
        if self.count.load(SeqCst) + count > MOUNT_MAX {
            return Err(Errno::ENOSPC);
        }
        for mount in subtree(mount) {
            mount.attach.write().namespace = Arc::downgrade(self);
        }
        self.count.fetch_add(count, SeqCst);
        hang(mount, at);
        Ok(())
    }

    /// Makes `from` visible at `at` too; with `recursive` also what is mounted below.
    pub fn bind(self: &Arc<Self>, from: &Place, at: &Place, recursive: bool) -> Result<(), Errno> {
        {
            let _tree = self.tree.lock();
            if !self.contains(&from.mount) {
                return Err(Errno::EINVAL);
            }
            let at = at.clone().top();
            let hides = |mount: &Arc<Mount>| {
                let covered = mount.covers();
                mount.is_locked() && covered.is_some_and(|covered| from.dentry.is_ancestor_of(&covered.dentry))
            };
            if !recursive && from.mount.child_list().iter().any(hides) {
                return Err(Errno::EINVAL);
            }
            let (mount, count, _) = self.copy_tree(from, recursive)?;
            if let Err(errno) = self.attach(&mount, &at, count) {
                dissolve(&mount);
                return Err(errno);
            }
        }
        self.changed();
        Ok(())
    }

    /// A copy of the mount at `from`, with `recursive` of those below too: its top, the number of mounts
    /// and the copies by old id. The tree is locked.
    #[expect(clippy::type_complexity, reason = "three results of one walk")]
    fn copy_tree(&self, from: &Place, recursive: bool) -> Result<(Arc<Mount>, usize, HashMap<u64, Arc<Mount>>), Errno> {
        let copy_of = |mount: &Mount, root: Arc<Dentry>, is_top: bool| {
            let copy = Mount::new(self.vfs.new_mount_id(), root, mount.source(), mount.flags());
            copy.lock_as(mount, is_top);
            copy
        };
        let top = copy_of(&from.mount, from.dentry.clone(), true);
        let mut map = HashMap::from([(from.mount.id(), top.clone())]);
        let mut count = 1;
        let mut work = if recursive { vec![(from.mount.clone(), top.clone())] } else { Vec::new() };
        while let Some((old, new)) = work.pop() {
            for child in old.child_list() {
                let Some(covered) = child.covers() else { continue };
                if Arc::ptr_eq(&old, &from.mount) && !from.dentry.is_ancestor_of(&covered.dentry) {
                    continue;
                }
                if count >= MOUNT_MAX {
                    dissolve(&top);
                    return Err(Errno::ENOSPC);
                }
                let copy = copy_of(&child, child.root().clone(), false);
                hang(&copy, &Place { mount: new.clone(), dentry: covered.dentry });
                count += 1;
                map.insert(child.id(), copy.clone());
                work.push((child, copy));
            }
        }
        Ok((top, count, map))
    }

    /// Changes the flags of the mount at `at`: `mount(2)` with `MS_REMOUNT`. `EINVAL` when no mount is there.
    pub fn remount(&self, at: &Place, flags: MountFlags) -> Result<(), Errno> {
        if !self.contains(&at.mount) || !at.is_mount_root() {
            return Err(Errno::EINVAL);
        }
        at.mount.set_flags(flags)?;
        self.changed();
        Ok(())
    }

    /// Moves the mount at `from` to `at`: `mount(2)` with `MS_MOVE`.
    pub fn move_mount(self: &Arc<Self>, from: &Place, at: &Place) -> Result<(), Errno> {
        {
            let _tree = self.tree.lock();
            let at = at.clone().top();
            if !self.contains(&from.mount) || !self.contains(&at.mount) || !from.is_mount_root() {
                return Err(Errno::EINVAL);
            }
            if from.mount.is_locked() {
                return Err(Errno::EINVAL);
            }
            let old = from.mount.covers().ok_or(Errno::EINVAL)?;
            let is_dir = |place: &Place| place.inode().map(|inode| inode.kind() == FileType::Directory);
            if is_dir(from)? != is_dir(&at)? {
                return Err(Errno::EINVAL);
            }
            let mut above = Some(at.mount.clone());
            while let Some(mount) = above {
                if Arc::ptr_eq(&mount, &from.mount) {
                    return Err(Errno::ELOOP);
                }
                above = mount.covers().map(|place| place.mount);
            }
            if at.dentry.is_deleted() {
                return Err(Errno::ENOENT);
            }
            unhang(&from.mount, &old);
            hang(&from.mount, &at);
        }
        self.changed();
        Ok(())
    }

    /// Takes the mount at `at` out: `umount2(2)`. Rights were checked. The caller keeps no other
    /// reference to the mount, else it is `EBUSY`.
    pub fn umount(&self, at: Place, flags: UmountFlags) -> Result<(), Errno> {
        let gone;
        {
            let _tree = self.tree.lock();
            if !at.is_mount_root() || !self.contains(&at.mount) {
                return Err(Errno::EINVAL);
            }
            if at.mount.is_locked() {
                return Err(Errno::EINVAL);
            }
            let covered = at.mount.covers().ok_or(Errno::EBUSY)?;
            if !flags.contains(UmountFlags::DETACH) {
                // Its place in the tree and the argument.
                const IDLE: usize = 2;
                if !at.mount.children.read().is_empty() || Arc::strong_count(&at.mount) > IDLE {
                    return Err(Errno::EBUSY);
                }
            }
            unhang(&at.mount, &covered);
            gone = dissolve(&at.mount);
            self.count.fetch_sub(gone.len(), SeqCst);
        }
        drop(gone);
        self.changed();
        Ok(())
    }

    /// Something is mounted on it in this namespace. Looks without a lock: names may be locked.
    pub(crate) fn has_mount_on(&self, dentry: &Arc<Dentry>) -> bool {
        let root = self.root.read().clone();
        root.is_some_and(|root| subtree(&root).iter().any(|mount| mount.is_on(dentry)))
    }

    /// Takes out what is mounted on a dentry that has lost its name.
    pub(crate) fn detach_from(&self, dentry: &Arc<Dentry>) {
        let mut gone = Vec::new();
        {
            let _tree = self.tree.lock();
            let root = self.root.read().clone();
            for mount in root.iter().flat_map(subtree).filter(|mount| mount.is_on(dentry)) {
                gone.extend(dissolve(&mount));
            }
            self.count.fetch_sub(gone.len(), SeqCst);
        }
        if !gone.is_empty() {
            self.changed();
        }
    }

    /// Makes `new_root` the root of the namespace and hangs the old one at `put_old`: `pivot_root(2)`.
    /// `root` is the caller's root directory. Gives the old root; processes that stand there are moved
    /// by the caller.
    pub fn pivot_root(self: &Arc<Self>, root: &Place, new_root: &Place, put_old: &Place) -> Result<(), Errno> {
        {
            let _tree = self.tree.lock();
            let places = [root, new_root, put_old];
            if !places.iter().all(|place| self.contains(&place.mount)) {
                return Err(Errno::EINVAL);
            }
            if new_root.dentry.is_deleted() {
                return Err(Errno::ENOENT);
            }
            if Arc::ptr_eq(&new_root.mount, &root.mount) || Arc::ptr_eq(&put_old.mount, &root.mount) {
                return Err(Errno::EBUSY);
            }
            if new_root.mount.is_locked() {
                return Err(Errno::EINVAL);
            }
            if !root.is_mount_root() || !new_root.is_mount_root() {
                return Err(Errno::EINVAL);
            }
            if put_old.path_below(new_root).is_none() || new_root.path_below(root).is_none() {
                return Err(Errno::EINVAL);
            }
            let new_covers = new_root.mount.covers().ok_or(Errno::EINVAL)?;
            let root_covers = root.mount.covers();
            unhang(&new_root.mount, &new_covers);
            if let Some(covers) = &root_covers {
                unhang(&root.mount, covers);
            }
            let put_old = put_old.clone().top();
            hang(&root.mount, &put_old);
            if let Some(covers) = &root_covers {
                hang(&new_root.mount, covers);
            } else {
                let old = self.root.write().replace(new_root.mount.clone());
                drop(old);
            }
        }
        self.changed();
        Ok(())
    }

    /// A copy for `CLONE_NEWNS`, and the copies of its mounts by the old ids. `ENOSPC`.
    #[expect(clippy::type_complexity, reason = "the map is used once")]
    pub fn copy(&self, owner: impl Into<Owner>) -> Result<(Arc<Self>, HashMap<u64, Arc<Mount>>), Errno> {
        let owner = owner.into();
        let is_owners = Arc::ptr_eq(&*owner, &self.owner);
        let new = Self::empty(&self.vfs, owner);
        let _tree = self.tree.lock();
        let root = self.root.read().clone().ok_or(Errno::EINVAL)?;
        let from = Place { dentry: root.root().clone(), mount: root };
        let (top, count, map) = self.copy_tree(&from, true)?;
        for mount in subtree(&top) {
            mount.attach.write().namespace = Arc::downgrade(&new);
            if !is_owners {
                mount.lock(Arc::ptr_eq(&mount, &top));
            }
        }
        new.set_root(top);
        new.count.store(count, SeqCst);
        Ok((new, map))
    }

    /// All mounts, those above before those below.
    pub fn mounts(&self) -> Vec<Arc<Mount>> {
        let _tree = self.tree.lock();
        let root = self.root.read().clone();
        root.map(|root| subtree(&root)).unwrap_or_default()
    }
}

impl Drop for MountNamespace {
    fn drop(&mut self) {
        let root = self.root.write().take();
        if let Some(root) = root {
            drop(dissolve(&root));
        }
    }
}

impl fmt::Debug for MountNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MountNamespace({} mounts)", self.count.load(SeqCst))
    }
}

/// A mount and all below it.
fn subtree(top: &Arc<Mount>) -> Vec<Arc<Mount>> {
    let mut list = Vec::new();
    let mut work = vec![top.clone()];
    while let Some(mount) = work.pop() {
        work.extend(mount.child_list().into_iter().rev());
        list.push(mount);
    }
    list
}

fn hang(mount: &Arc<Mount>, at: &Place) {
    mount.attach.write().parent = Some((at.mount.clone(), at.dentry.clone()));
    let old = at.mount.children.write().insert(key(&at.dentry), mount.clone());
    drop(old);
    at.dentry.pin();
}

fn unhang(mount: &Arc<Mount>, covered: &Place) {
    let old = mount.attach.write().parent.take();
    let entry = covered.mount.children.write().remove(&key(&covered.dentry));
    covered.dentry.unpin();
    drop((old, entry));
}

/// Takes a detached tree of mounts apart; its mounts, to be dropped without locks.
fn dissolve(top: &Arc<Mount>) -> Vec<Arc<Mount>> {
    let mounts = subtree(top);
    for mount in &mounts {
        if let Some(covered) = mount.covers() {
            unhang(mount, &covered);
        }
        let old = std::mem::take(&mut *mount.attach.write());
        drop(old);
    }
    mounts
}
