//! Process ids and their namespaces: `pid_namespaces(7)`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use vfs::Owner;

/// Deepest nesting below the root namespace.
pub(crate) const MAX_LEVEL: usize = 32;

/// A pid namespace. Which ids it has given out is in the [`crate::Tree`].
#[derive(Debug)]
pub struct PidNamespace {
    /// Number in /proc/PID/ns.
    pub id: u64,
    /// The namespace whose root rules here.
    pub owner: Owner,
    /// The namespace that it was made in; `None` for the sandbox's root.
    pub parent: Option<Arc<PidNamespace>>,
    level: usize,
    /// Its init has ended, or is about to: nobody comes in any more.
    is_closed: AtomicBool,
}

impl PidNamespace {
    /// The sandbox's root namespace.
    pub(crate) fn root(id: u64, owner: impl Into<Owner>) -> Arc<Self> {
        Arc::new(Self { id, owner: owner.into(), parent: None, level: 0, is_closed: AtomicBool::new(false) })
    }

    /// A namespace inside this one; `None` when it would lie too deep.
    pub fn child(self: &Arc<Self>, id: u64, owner: impl Into<Owner>) -> Option<Arc<Self>> {
        let is_closed = AtomicBool::new(false);
        (self.level < MAX_LEVEL)
            .then(|| (owner.into(), Some(self.clone())))
            .map(|(owner, parent)| Arc::new(Self { id, owner, parent, level: self.level + 1, is_closed }))
    }

    /// No more ids: its init is going. Under the tree's lock.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, SeqCst);
    }

    /// There are no more ids. Under the tree's lock.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(SeqCst)
    }

    /// Namespaces above it.
    pub const fn level(&self) -> usize {
        self.level
    }

    /// The namespace at `level` that this one lies in (or is).
    fn at_level(&self, level: usize) -> Option<&Self> {
        let mut ns = self;
        while ns.level > level {
            ns = ns.parent.as_deref()?;
        }
        (ns.level == level).then_some(ns)
    }

    /// Is `self`, or lies somewhere inside of `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        self.at_level(other.level).is_some_and(|ns| std::ptr::eq(ns, other))
    }

    /// This namespace and those above, the root first.
    pub(crate) fn path(self: &Arc<Self>) -> Vec<Arc<Self>> {
        let mut path = vec![self.clone()];
        let mut ns = self;
        while let Some(parent) = &ns.parent {
            path.push(parent.clone());
            ns = parent;
        }
        path.reverse();
        path
    }
}

/// The ids of one task, process group or session: one in its own pid namespace and one in each above.
#[derive(Debug)]
pub struct Pid {
    /// By level, the root namespace's first.
    ids: Vec<i32>,
    namespace: Arc<PidNamespace>,
}

impl Pid {
    pub(crate) fn new(ids: Vec<i32>, namespace: Arc<PidNamespace>) -> Arc<Self> {
        Arc::new(Self { ids, namespace })
    }

    /// The namespace that it was made in.
    pub const fn namespace(&self) -> &Arc<PidNamespace> {
        &self.namespace
    }

    /// In the root namespace: unique in the sandbox.
    pub fn root(&self) -> i32 {
        self.ids.first().copied().unwrap_or(0)
    }

    /// In the outermost namespace that processes are in: below the root there is one for each container.
    pub fn outermost(&self) -> i32 {
        self.ids.get(1).or(self.ids.first()).copied().unwrap_or(0)
    }

    /// In its own namespace.
    pub fn own(&self) -> i32 {
        self.ids.last().copied().unwrap_or(0)
    }

    /// As `namespace` sees it; 0 when it does not.
    pub fn within(&self, namespace: &PidNamespace) -> i32 {
        if self.namespace.is_within(namespace) { self.ids.get(namespace.level).copied().unwrap_or(0) } else { 0 }
    }

    /// Ids from `namespace` down to its own: `NSpid` of /proc/PID/status.
    pub fn ids_from(&self, namespace: &PidNamespace) -> &[i32] {
        self.ids.get(namespace.level..).unwrap_or(&[])
    }

    /// Id 1 of its own namespace.
    pub fn is_init(&self) -> bool {
        self.own() == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vfs::UserNamespace;

    #[test]
    fn ids_by_namespace() {
        let user = UserNamespace::root();
        let root = PidNamespace::root(1, user.clone());
        let inner = root.child(2, user.clone()).expect("not deep");
        let other = root.child(3, user).expect("not deep");
        let pid = Pid::new(vec![40, 1], inner.clone());
        assert_eq!((pid.root(), pid.own(), pid.is_init()), (40, 1, true));
        assert_eq!(pid.within(&root), 40);
        assert_eq!(pid.within(&inner), 1);
        assert_eq!(pid.within(&other), 0);
        assert!(inner.is_within(&root) && !root.is_within(&inner));
    }
}
