//! Names of a directory.

use super::budget::Budget;
use super::object::Object;
use abi::Errno;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;
use vfs::Keyed;

/// What a name stands for.
#[derive(Clone)]
pub(crate) enum Child {
    Object(Arc<Object>),
    /// In the upper layer of an overlay: the name of a lower layer is gone.
    Whiteout,
}

struct Entry {
    child: Child,
    cookie: u64,
    /// In the upper layer of an overlay: no lower layer has the name.
    is_alone: bool,
}

/// Names of a directory, with cookies that stay while names come and go.
pub(crate) struct Dir {
    names: HashMap<Arc<[u8]>, Entry, Keyed>,
    order: BTreeMap<u64, Arc<[u8]>>,
    next: u64,
    whiteouts: usize,
    /// Removed: takes no more names.
    pub(super) is_dead: bool,
    /// Counts changes of names.
    pub(crate) version: u64,
}

/// Cookies 0 and 1 are `.` and `..`.
pub(crate) const FIRST_COOKIE: u64 = 2;

impl Dir {
    pub(super) fn new() -> Self {
        Self {
            names: HashMap::default(),
            order: BTreeMap::new(),
            next: FIRST_COOKIE,
            whiteouts: 0,
            is_dead: false,
            version: 0,
        }
    }

    /// Number of names, without whiteouts.
    pub(super) fn len(&self) -> usize {
        self.names.len() - self.whiteouts
    }

    /// The object of a name.
    pub(crate) fn find(&self, name: &[u8]) -> Option<&Arc<Object>> {
        match self.names.get(name) {
            Some(Entry { child: Child::Object(object), .. }) => Some(object),
            _ => None,
        }
    }

    /// What a name stands for, whiteouts included.
    pub(crate) fn see(&self, name: &[u8]) -> Option<&Child> {
        self.names.get(name).map(|entry| &entry.child)
    }

    /// The name is there, and no lower layer has it.
    pub(crate) fn is_alone(&self, name: &[u8]) -> bool {
        self.names.get(name).is_some_and(|entry| entry.is_alone)
    }

    /// Notes of a name that was not there before that no lower layer has it either.
    pub(super) fn set_alone(&mut self, name: &[u8]) {
        if let Some(entry) = self.names.get_mut(name) {
            entry.is_alone = true;
        }
    }

    /// Puts a name; gives what it stood for before. `ENOENT` in a removed directory.
    pub(super) fn put(&mut self, name: &[u8], child: Child) -> Result<Option<Child>, Errno> {
        if self.is_dead {
            return Err(Errno::ENOENT);
        }
        let old = self.take(name);
        let (name, cookie): (Arc<[u8]>, _) = (Arc::from(name), self.next);
        self.next += 1;
        self.whiteouts += usize::from(matches!(child, Child::Whiteout));
        self.order.insert(cookie, name.clone());
        self.names.insert(name, Entry { child, cookie, is_alone: false });
        Ok(old)
    }

    /// Replaces what a name stands for, at its place in the order.
    pub(super) fn replace(&mut self, name: &[u8], child: Child) -> Option<Child> {
        self.version += 1;
        let is_whiteout = matches!(child, Child::Whiteout);
        let entry = self.names.get_mut(name)?;
        let old = std::mem::replace(&mut entry.child, child);
        self.whiteouts += usize::from(is_whiteout);
        self.whiteouts -= usize::from(matches!(old, Child::Whiteout));
        Some(old)
    }

    /// Takes a name away; gives what it stood for.
    pub(super) fn take(&mut self, name: &[u8]) -> Option<Child> {
        self.version += 1;
        let entry = self.names.remove(name)?;
        self.order.remove(&entry.cookie);
        self.whiteouts -= usize::from(matches!(entry.child, Child::Whiteout));
        Some(entry.child)
    }

    /// The cookie that the next name gets.
    pub(super) const fn end(&self) -> u64 {
        self.next
    }

    /// Calls `each` with name, child and cookie of the names from cookie `from` on.
    pub(crate) fn each(&self, from: u64, mut each: impl FnMut(&[u8], &Child, u64) -> ControlFlow<()>) {
        for (&cookie, name) in self.order.range(from..) {
            if let Some(entry) = self.names.get(name)
                && each(name, &entry.child, cookie).is_break()
            {
                return;
            }
        }
    }

    /// Takes all names away; their whiteouts are given back to the budget.
    pub(super) fn take_children(&mut self, budget: &Budget) -> Vec<Arc<Object>> {
        budget.give_inodes(self.whiteouts as u64);
        self.whiteouts = 0;
        self.order = BTreeMap::new();
        let names = std::mem::take(&mut self.names);
        let objects = names.into_values().filter_map(|entry| match entry.child {
            Child::Object(object) => Some(object),
            Child::Whiteout => None,
        });
        objects.collect()
    }
}
