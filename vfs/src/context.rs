//! Root, working directory and umask of a process.

use crate::cred::UserNamespace;
use crate::namespace::MountNamespace;
use crate::place::Place;
use crate::vfs::Vfs;
use std::sync::Arc;
use sync::{Rank, RwLock};

#[derive(Clone)]
struct State {
    namespace: Arc<MountNamespace>,
    root: Place,
    cwd: Place,
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
        Self::from_state(State { root: root.clone(), cwd: root, namespace, umask })
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
        self.state.read().root.clone()
    }

    /// The working directory.
    pub fn cwd(&self) -> Place {
        self.state.read().cwd.clone()
    }

    /// Root and working directory as of one moment.
    pub fn root_and_cwd(&self) -> (Place, Place) {
        let state = self.state.read();
        (state.root.clone(), state.cwd.clone())
    }

    /// Changes the root. Rights were checked.
    pub fn set_root(&self, root: Place) {
        let old = std::mem::replace(&mut self.state.write().root, root);
        drop(old);
    }

    /// Changes the working directory. Rights were checked.
    pub fn set_cwd(&self, cwd: Place) {
        let old = std::mem::replace(&mut self.state.write().cwd, cwd);
        drop(old);
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
    pub fn with_new_namespace(&self, owner: Arc<UserNamespace>) -> Result<Arc<Self>, abi::Errno> {
        let state = self.state.read().clone();
        let (namespace, map) = state.namespace.copy(owner)?;
        let place = |place: Place| match map.get(&place.mount.id()) {
            Some(mount) => Place { mount: mount.clone(), dentry: place.dentry },
            None => place,
        };
        Ok(Self::from_state(State { namespace, root: place(state.root), cwd: place(state.cwd), umask: state.umask }))
    }

    /// Takes over namespace, root, working directory and umask of `other` (for `unshare` and `setns`).
    pub fn assign(&self, other: &Self) {
        let new = other.state.read().clone();
        let old = std::mem::replace(&mut *self.state.write(), new);
        drop(old);
    }

    /// `pivot_root(2)`: root and working directory move from one place to another.
    pub fn replace(&self, from: &Place, to: &Place) {
        let mut old = Vec::new();
        let mut state = self.state.write();
        if state.root == *from {
            old.push(std::mem::replace(&mut state.root, to.clone()));
        }
        if state.cwd == *from {
            old.push(std::mem::replace(&mut state.cwd, to.clone()));
        }
        drop(state);
        drop(old);
    }

    /// Enters a namespace at its root: `setns(2)`.
    pub fn enter(&self, namespace: Arc<MountNamespace>) {
        let root = namespace.root();
        let umask = self.umask();
        let new = State { root: root.clone(), cwd: root, namespace, umask };
        let old = std::mem::replace(&mut *self.state.write(), new);
        drop(old);
    }
}
