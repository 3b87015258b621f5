//! Locks over `std::sync` that check their rank in debug builds and ignore poison.

use crate::rank::Rank;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;

/// Ranks that the current thread holds, checked in debug builds only.
mod held {
    use crate::rank::Rank;
    use std::cell::RefCell;

    thread_local! {
        static HELD: RefCell<Vec<Rank>> = const { RefCell::new(Vec::new()) };
    }

    /// Proof that a rank is held; gives it back when dropped.
    #[derive(Debug)]
    pub(super) struct Held(Rank);

    impl Held {
        /// Panics in debug builds when a lock of the same or a higher rank is held (equal ranks are
        /// allowed for [`Rank::Directory`] and [`Rank::Dentry`], whose order is parent before child).
        pub(super) fn take(rank: Rank, nested: bool) -> Self {
            if cfg!(debug_assertions) {
                HELD.with_borrow_mut(|held| {
                    if let Some(&top) = held.iter().max() {
                        assert!(rank > top || (nested && rank == top), "lock order: {rank:?} taken under {top:?}");
                    }
                    held.push(rank);
                });
            }
            Self(rank)
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            if cfg!(debug_assertions) {
                HELD.with_borrow_mut(|held| {
                    if let Some(i) = held.iter().rposition(|&r| r == self.0) {
                        held.remove(i);
                    }
                });
            }
        }
    }
}

/// A mutual exclusion lock with a rank.
pub struct Mutex<T: ?Sized> {
    rank: Rank,
    inner: std::sync::Mutex<T>,
}

/// The locked value of a [`Mutex`].
pub struct MutexGuard<'a, T: ?Sized> {
    inner: std::sync::MutexGuard<'a, T>,
    _held: held::Held,
}

impl<T> Mutex<T> {
    /// A lock of `rank` around `value`.
    pub const fn new(rank: Rank, value: T) -> Self {
        Self { rank, inner: std::sync::Mutex::new(value) }
    }

    /// The value, without locking: the caller is the only owner.
    pub fn into_inner(self) -> T {
        self.inner.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks; blocks while another thread holds it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        let held = held::Held::take(self.rank, false);
        MutexGuard { inner: self.inner.lock().unwrap_or_else(PoisonError::into_inner), _held: held }
    }

    /// Locks beside a lock of the same rank; the caller answers for their order (parent before
    /// child, or by address).
    pub fn lock_nested(&self) -> MutexGuard<'_, T> {
        let held = held::Held::take(self.rank, true);
        MutexGuard { inner: self.inner.lock().unwrap_or_else(PoisonError::into_inner), _held: held }
    }

    /// The value, by the only reference.
    pub fn value_mut(&mut self) -> &mut T {
        self.inner.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: ?Sized> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mutex({:?})", self.rank)
    }
}

impl<T: ?Sized> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MutexGuard")
    }
}

/// A lock with many readers or one writer, with a rank.
pub struct RwLock<T: ?Sized> {
    rank: Rank,
    inner: std::sync::RwLock<T>,
}

/// A shared view of a [`RwLock`]'s value.
pub struct RwLockReadGuard<'a, T: ?Sized> {
    inner: std::sync::RwLockReadGuard<'a, T>,
    _held: held::Held,
}

/// The exclusive view of a [`RwLock`]'s value.
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    inner: std::sync::RwLockWriteGuard<'a, T>,
    _held: held::Held,
}

impl<T> RwLock<T> {
    /// A lock of `rank` around `value`.
    pub const fn new(rank: Rank, value: T) -> Self {
        Self { rank, inner: std::sync::RwLock::new(value) }
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Locks for reading.
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        let held = held::Held::take(self.rank, false);
        RwLockReadGuard { inner: self.inner.read().unwrap_or_else(PoisonError::into_inner), _held: held }
    }

    /// Locks for writing.
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        let held = held::Held::take(self.rank, false);
        RwLockWriteGuard { inner: self.inner.write().unwrap_or_else(PoisonError::into_inner), _held: held }
    }

    /// Locks for writing beside a lock of the same rank; the caller answers for their order.
    pub fn write_nested(&self) -> RwLockWriteGuard<'_, T> {
        let held = held::Held::take(self.rank, true);
        RwLockWriteGuard { inner: self.inner.write().unwrap_or_else(PoisonError::into_inner), _held: held }
    }

    /// The value, by the only reference.
    pub fn value_mut(&mut self) -> &mut T {
        self.inner.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: ?Sized> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RwLock({:?})", self.rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(not(debug_assertions), ignore = "ranks are checked in debug builds")]
    #[should_panic(expected = "lock order")]
    fn wrong_order_panics() {
        let leaf = Mutex::new(Rank::Leaf, ());
        let tree = Mutex::new(Rank::Tree, ());
        let _leaf = leaf.lock();
        let _tree = tree.lock();
    }

    #[test]
    fn right_order_and_release() {
        let tree = Mutex::new(Rank::Tree, 1);
        let leaf = Mutex::new(Rank::Leaf, 2);
        for _ in 0..2 {
            let tree = tree.lock();
            let leaf = leaf.lock();
            assert_eq!(*tree + *leaf, 3);
        }
    }
}
