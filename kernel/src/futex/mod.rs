//! Futexes: `futex(2)`, `futex(7)`.
//!
//! Plain waits, wakes and requeues are the host's: a guest thread is a host thread in a process that maps the word as
//! the guest does, so the host finds those who wait by the same rules. Only locks with an owner are kept here, because
//! an owner is named by a thread id, and those are the sandbox's own.
//!
//! - `host.rs`: sleeping on the host.
//! - `mod.rs`: the table of locks: buckets of waiters, found by the identity of the word.
//! - `pi.rs`, `requeue_pi.rs`: locks with an owner. No priority is lent to the owner.
//! - `robust.rs`: what a dying thread leaves.
//!
//! A word is read under the lock of its bucket, so a wait that saw the old value is queued before the
//! wake that follows the change.

mod exit;
mod host;
mod pi;
mod requeue_pi;
mod robust;
#[cfg(test)]
mod tests;

use abi::Errno;
use abi::futex::{FUTEX_PRIVATE_FLAG, FUTEX_WAKE};
use mm::{FutexKey, Mm, UserAddr, UserMemory};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering::SeqCst};
use sync::{Mutex, MutexGuard, Rank, WaitWord};

pub use host::HostWait;
pub use pi::Locker;

/// Buckets; a power of two.
const BUCKETS: usize = 256;

/// Memory that holds futex words: the calling task's own.
pub trait Words {
    /// Identity of the word; `EFAULT`.
    fn key(&self, addr: UserAddr, shared: bool) -> Result<FutexKey, Errno>;
    /// Its value; `EFAULT`.
    fn load(&self, addr: UserAddr) -> Result<u32, Errno>;
    /// Atomic compare-and-exchange; the value before. `EFAULT`.
    fn compare_exchange(&self, addr: UserAddr, old: u32, new: u32) -> Result<u32, Errno>;
    /// Wakes one who waits for the word without owning it (`FUTEX_WAKE`).
    fn wake(&self, word: Word) -> Result<(), Errno>;
}

impl Words for Mm {
    fn key(&self, addr: UserAddr, shared: bool) -> Result<FutexKey, Errno> {
        if addr.0 >= platform::GUEST_END {
            return Err(Errno::EFAULT);
        }
        self.futex_key(addr, shared)
    }

    fn load(&self, addr: UserAddr) -> Result<u32, Errno> {
        let mut word = [0; 4];
        self.read(addr, &mut word)?;
        Ok(u32::from_ne_bytes(word))
    }

    fn compare_exchange(&self, addr: UserAddr, old: u32, new: u32) -> Result<u32, Errno> {
        Self::compare_exchange(self, addr, old, new)
    }

    fn wake(&self, word: Word) -> Result<(), Errno> {
        let op = if word.shared { FUTEX_WAKE } else { FUTEX_WAKE | FUTEX_PRIVATE_FLAG };
        self.space().futex([word.addr.0, op.into(), 1, 0, 0, 0]).map(drop)
    }
}

/// A futex word as a call names it: its address, and whether other address spaces may use it.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    /// Where it is.
    pub addr: UserAddr,
    /// Not `FUTEX_PRIVATE_FLAG`.
    pub shared: bool,
}

impl Word {
    fn key(self, words: &dyn Words) -> Result<FutexKey, Errno> {
        if !self.addr.0.is_multiple_of(4) {
            return Err(Errno::EINVAL);
        }
        words.key(self.addr, self.shared)
    }
}

/// A thread as an owner of PI locks. One per task.
#[derive(Debug)]
pub struct Identity {
    /// The task's serial number.
    pub id: u64,
    /// Thread id as the thread itself sees it: what its lock words hold.
    pub tid: u32,
    /// It owns nothing any more and never will.
    is_gone: AtomicBool,
    /// Locks of it that others wait for.
    contended: AtomicUsize,
}

impl Identity {
    /// Of a new task.
    pub fn new(id: u64, tid: i32) -> Arc<Self> {
        Arc::new(Self { id, tid: tid as u32, is_gone: AtomicBool::new(false), contended: AtomicUsize::new(0) })
    }
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By a wake.
    Woken,
    /// At the deadline.
    TimedOut,
    /// By a signal or stop.
    Interrupted,
}

/// The waiter is in no bucket: it was woken or has given up.
const NOWHERE: u32 = u32::MAX;
/// The lock is the waiter's, and its word says so.
const GRANTED: u8 = 1;
/// The lock is the waiter's by its owner's death; the waiter must put it into the word.
const INHERITED: u8 = 2;

/// One wait for one word.
struct Waiter {
    /// What its thread sleeps on.
    word: Arc<WaitWord>,
    /// Who it is, for locks with an owner.
    identity: Option<Arc<Identity>>,
    /// Index of the bucket that it is in.
    place: AtomicU32,
    /// 0, [`GRANTED`] or [`INHERITED`].
    grant: AtomicU8,
}

impl Waiter {
    fn new(word: &Arc<WaitWord>, identity: Option<&Arc<Identity>>) -> Arc<Self> {
        Arc::new(Self {
            word: Arc::clone(word),
            identity: identity.cloned(),
            place: AtomicU32::new(NOWHERE),
            grant: AtomicU8::new(0),
        })
    }

    fn is_woken(&self) -> bool {
        self.place.load(SeqCst) == NOWHERE
    }
}

/// What a waiter waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// To be moved to this PI lock.
    RequeuePi(FutexKey),
    /// To own the lock.
    Pi,
}

/// A waiter in its bucket.
struct Entry {
    key: FutexKey,
    kind: Kind,
    waiter: Arc<Waiter>,
}

/// A PI lock that somebody waits for.
struct Lock {
    key: FutexKey,
    owner: Arc<Identity>,
}

/// Waiters of words with the same hash, in order of arrival.
#[derive(Default)]
struct Bucket {
    queue: Vec<Entry>,
    locks: Vec<Lock>,
}

impl Bucket {
    /// Takes out the first entry of `key` of the kind.
    fn take_first_pi(&mut self, key: &FutexKey) -> Option<Entry> {
        let index = self.queue.iter().position(|entry| entry.key == *key && entry.kind == Kind::Pi)?;
        Some(self.queue.remove(index))
    }

    fn has_pi_waiter(&self, key: &FutexKey) -> bool {
        self.queue.iter().any(|entry| entry.key == *key && entry.kind == Kind::Pi)
    }

    fn owner(&self, key: &FutexKey) -> Option<&Arc<Identity>> {
        self.locks.iter().find(|lock| lock.key == *key).map(|lock| &lock.owner)
    }

    /// Sets the owner of a lock that is waited for; nobody when `owner` is `None`.
    fn set_owner(&mut self, key: &FutexKey, owner: Option<&Arc<Identity>>) {
        if let Some(index) = self.locks.iter().position(|lock| lock.key == *key) {
            self.locks.swap_remove(index).owner.contended.fetch_sub(1, SeqCst);
        }
        if let Some(owner) = owner {
            owner.contended.fetch_add(1, SeqCst);
            self.locks.push(Lock { key: *key, owner: Arc::clone(owner) });
        }
    }
}

/// Waiters taken out of their buckets, to be told once the locks are released.
#[derive(Default)]
struct Wakes(Vec<Arc<Waiter>>);

impl Wakes {
    fn push(&mut self, waiter: Arc<Waiter>) {
        waiter.place.store(NOWHERE, SeqCst);
        self.0.push(waiter);
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        for waiter in &self.0 {
            waiter.word.wake();
        }
    }
}

/// All futex waiters of the sandbox.
pub struct Table {
    buckets: Vec<Mutex<Bucket>>,
}

impl Default for Table {
    fn default() -> Self {
        Self::new()
    }
}

impl Table {
    /// A table without waiters.
    pub fn new() -> Self {
        Self { buckets: (0..BUCKETS).map(|_| Mutex::new(Rank::Futex, Bucket::default())).collect() }
    }

    fn index(key: &FutexKey) -> usize {
        let mut hash = key.offset >> 2;
        for part in [key.object[0], key.object[1]] {
            hash = (hash ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
        }
        (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % BUCKETS
    }

    fn bucket(&self, key: &FutexKey) -> MutexGuard<'_, Bucket> {
        self.buckets[Self::index(key)].lock()
    }

    /// Both buckets, locked in their order; the second is `None` when it is the first.
    fn pair(&self, a: &FutexKey, b: &FutexKey) -> (MutexGuard<'_, Bucket>, Option<MutexGuard<'_, Bucket>>) {
        let (i, j) = (Self::index(a), Self::index(b));
        match i.cmp(&j) {
            std::cmp::Ordering::Equal => (self.buckets[i].lock(), None),
            std::cmp::Ordering::Less => {
                let first = self.buckets[i].lock();
                (first, Some(self.buckets[j].lock_nested()))
            }
            std::cmp::Ordering::Greater => {
                let second = self.buckets[j].lock();
                (self.buckets[i].lock_nested(), Some(second))
            }
        }
    }

    fn enqueue(bucket: &mut Bucket, key: FutexKey, kind: Kind, waiter: &Arc<Waiter>) {
        waiter.place.store(Self::index(&key) as u32, SeqCst);
        bucket.queue.push(Entry { key, kind, waiter: Arc::clone(waiter) });
    }

    /// Takes a waiter out that gives up; what it waited for, or `None` when it was woken before.
    fn give_up(&self, waiter: &Arc<Waiter>) -> Option<Kind> {
        loop {
            let place = waiter.place.load(SeqCst);
            let bucket = self.buckets.get(place as usize)?;
            let mut bucket = bucket.lock();
            // It may have been moved meanwhile.
            if waiter.place.load(SeqCst) != place {
                continue;
            }
            let index = bucket.queue.iter().position(|entry| Arc::ptr_eq(&entry.waiter, waiter))?;
            let entry = bucket.queue.remove(index);
            waiter.place.store(NOWHERE, SeqCst);
            if entry.kind == Kind::Pi && !bucket.has_pi_waiter(&entry.key) {
                bucket.set_owner(&entry.key, None);
            }
            return Some(entry.kind);
        }
    }
}

/// A thread ends: clears its `CLONE_CHILD_CLEARTID` word and wakes one waiter (`set_tid_address(2)`).
/// Only when the memory has another user.
pub(crate) fn wake_at_exit(mm: &Mm, addr: UserAddr) {
    if mm.write(addr, &[0; 4]).is_ok() {
        // A word that is not there any more has nobody to wake.
        let _ = Words::wake(mm, Word { addr, shared: true });
    }
}
