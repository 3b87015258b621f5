//! Root, working directory and umask of a process.

use crate::namespace::MountNamespace;
use crate::place::Place;
use crate::users::Owner;
use crate::vfs::Vfs;
use std::sync::Arc;
use sync::{Rank, RwLock};

/// Root and working directory of a process, as of one moment.
#[derive(Clone)]
pub struct Directories {
    /// The root directory.
    pub root: Place,
    /// The working directory.
    pub cwd: Place,
}

#[derive(Clone)]
struct State {
    namespace: Arc<MountNamespace>,
    /// In one piece: a walk takes them with one count.
    directories: Arc<Directories>,
    umask: u32,
}

/// Root, working directory, umask and mount namespace of a process; shared with `CLONE_FS`
/// (`CLONE_NEWNS` excludes that, so the namespace may live here).
pub struct FsContext {
    state: RwLock<State>,
}

impl FsContext {
    /// Root and working directory are the namespace's root.
    pub fn new(namespace: Arc<MountNamespace>, umask: u32) -> Arc<Self> {
        let root = namespace.root();
        let directories = Arc::new(Directories { root: root.clone(), cwd: root });
        Self::from_state(State { namespace, directories, umask })
    }

    fn from_state(state: State) -> Arc<Self> {
        Arc::new(Self { state: RwLock::new(Rank::FsContext, state) })
    }

    /// A copy, for a child without `CLONE_FS` and for `unshare(CLONE_FS)`.
    pub fn fork(&self) -> Arc<Self> {
        Self::from_state(self.state.read().clone())
    }

    /// The machine's files.
    pub fn vfs(&self) -> Arc<Vfs> {
        self.namespace().vfs().clone()
    }

    /// The mount namespace.
    pub fn namespace(&self) -> Arc<MountNamespace> {
        self.state.read().namespace.clone()
    }

    /// The root directory: `chroot(2)`.
    pub fn root(&self) -> Place {
        self.state.read().directories.root.clone()
    }

    /// The root directory is not the namespace's: `chroot(2)`.
    pub fn is_chrooted(&self) -> bool {
        let (namespace, root) = (self.namespace(), self.root());
        namespace.root() != root
    }

    /// The working directory.
    pub fn cwd(&self) -> Place {
        self.state.read().directories.cwd.clone()
    }

    /// Root and working directory as of one moment.
    pub fn directories(&self) -> Arc<Directories> {
        self.state.read().directories.clone()
    }

    /// Changes them; what was there before goes without the lock.
    fn change_directories(&self, change: impl FnOnce(&mut Directories)) {
        let mut state = self.state.write();
        let mut new = (*state.directories).clone();
        change(&mut new);
        let old = std::mem::replace(&mut state.directories, Arc::new(new));
        let vfs = state.namespace.vfs().clone();
        drop(state);
        vfs.note_change();
        drop(old);
    }

    /// Changes the root. Rights were checked.
    pub fn set_root(&self, root: Place) {
        self.change_directories(|directories| directories.root = root);
    }

    /// Changes the working directory. Rights were checked.
    pub fn set_cwd(&self, cwd: Place) {
        self.change_directories(|directories| directories.cwd = cwd);
    }

    /// The file-creation mask.
    pub fn umask(&self) -> u32 {
        self.state.read().umask
    }

    /// Sets the mask; gives the old one: `umask(2)`.
    pub fn set_umask(&self, umask: u32) -> u32 {
        std::mem::replace(&mut self.state.write().umask, umask & 0o777)
    }

    /// A context in a copy of the mount namespace (`CLONE_NEWNS`, `unshare(2)`): root and working
    /// directory are the same places in it. `owner` is the user namespace of the one who asks. `ENOSPC`.
    pub fn with_new_namespace(&self, owner: impl Into<Owner>) -> Result<Arc<Self>, abi::Errno> {
        let state = self.state.read().clone();
        let (namespace, map) = state.namespace.copy(owner)?;
        let place = |place: &Place| match map.get(&place.mount.id()) {
            Some(mount) => Place { mount: mount.clone(), dentry: place.dentry.clone() },
            None => place.clone(),
        };
        let Directories { root, cwd } = &*state.directories;
        let directories = Arc::new(Directories { root: place(root), cwd: place(cwd) });
        Ok(Self::from_state(State { namespace, directories, umask: state.umask }))
    }

    /// Takes over namespace, root, working directory and umask of `other` (for `unshare` and `setns`).
    pub fn assign(&self, other: &Self) {
        let new = other.state.read().clone();
        let old = std::mem::replace(&mut *self.state.write(), new);
        old.namespace.vfs().note_change();
        drop(old);
    }

    /// `pivot_root(2)`: root and working directory move from one place to another.
    pub fn replace(&self, from: &Place, to: &Place) {
        self.change_directories(|directories| {
            for place in [&mut directories.root, &mut directories.cwd] {
                if place == from {
                    *place = to.clone();
                }
            }
        });
    }

    /// Enters a namespace at its root: `setns(2)`.
    pub fn enter(&self, namespace: Arc<MountNamespace>) {
        let root = namespace.root();
        let umask = self.umask();
        let directories = Arc::new(Directories { root: root.clone(), cwd: root });
        let new = State { namespace, directories, umask };
        let old = std::mem::replace(&mut *self.state.write(), new);
        drop(old);
    }
}
