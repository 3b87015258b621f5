//! Condition variables over PI locks: `FUTEX_WAIT_REQUEUE_PI`, `FUTEX_CMP_REQUEUE_PI`.

use super::pi::{Locker, Named, Taken};
use super::{Bucket, Ended, GRANTED, Kind, Table, Waiter, Wakes, Word, Words};
use abi::Errno;
use abi::futex::FUTEX_WAITERS;
use mm::FutexKey;
use std::sync::atomic::Ordering::SeqCst;
use sync::Deadline;

impl Table {
    /// `FUTEX_WAIT_REQUEUE_PI`: waits on `word` until moved to the lock and then until the lock is the caller's.
    /// `EAGAIN`: the word holds another value, or a signal came while it waited for the lock.
    pub fn wait_requeue_pi(
        &self,
        words: &dyn Words,
        locker: Locker<'_>,
        word: Word,
        value: u32,
        lock: Word,
        deadline: Option<Deadline>,
    ) -> Result<Ended, Errno> {
        let (key, lock_key) = (word.key(words)?, lock.key(words)?);
        if key == lock_key {
            return Err(Errno::EINVAL);
        }
        let waiter = Waiter::new(locker.sleeper, Some(locker.identity));
        let mut bucket = self.bucket(&key);
        if words.load(word.addr)? != value {
            return Err(Errno::EAGAIN);
        }
        Self::enqueue(&mut bucket, key, Kind::RequeuePi(lock_key), &waiter);
        drop(bucket);
        match self.sleep_pi(words, locker, lock, &waiter, deadline)? {
            // It cannot be made again from the start: the signal of the condition is used up.
            (Ended::Interrupted, Kind::Pi) => Err(Errno::EAGAIN),
            (ended, _) => Ok(ended),
        }
    }

    /// `FUTEX_CMP_REQUEUE_PI`: gives the lock to the first waiter of `word` if it is free, moves up to `requeue`
    /// others to it; how many both were. `None`: lost a race, to be tried again.
    pub fn requeue_pi(
        &self,
        words: &dyn Words,
        locker: Locker<'_>,
        word: Word,
        lock: Word,
        requeue: u32,
        expected: u32,
    ) -> Result<Option<u32>, Errno> {
        let (key, lock_key) = (word.key(words)?, lock.key(words)?);
        if key == lock_key {
            return Err(Errno::EINVAL);
        }
        let named = Named::read(words, locker, lock)?;
        let mut wakes = Wakes::default();
        let (mut bucket, mut other) = self.pair(&key, &lock_key);
        if words.load(word.addr)? != expected {
            return Err(Errno::EAGAIN);
        }
        let Some(first) = bucket.first_for(&key, &lock_key)? else { return Ok(Some(0)) };
        let heir = bucket.queue[first].waiter.identity.clone().ok_or(Errno::EINVAL)?;
        let locks = other.as_deref().unwrap_or(&bucket);
        let taken = match locks.take_pi(words, &heir, &lock_key, lock, &named, false)? {
            Taken::Again => return Ok(None),
            Taken::Yes => None,
            Taken::No(owner) => Some(owner),
        };
        let mut count = 0;
        if taken.is_none() {
            let entry = bucket.queue.remove(first);
            entry.waiter.grant.store(GRANTED, SeqCst);
            wakes.push(entry.waiter);
            count = 1;
        }
        let owner = taken.unwrap_or(heir);
        let most = requeue.saturating_add(1);
        while count < most
            && let Some(index) = bucket.first_for(&key, &lock_key)?
        {
            if count == 1 && !wakes.0.is_empty() {
                mark_waited_for(words, lock, owner.tid)?;
            }
            other.as_deref_mut().unwrap_or(&mut bucket).attach(&lock_key, &owner)?;
            let mut entry = bucket.queue.remove(index);
            entry.key = lock_key;
            entry.kind = Kind::Pi;
            entry.waiter.place.store(Self::index(&lock_key) as u32, SeqCst);
            other.as_deref_mut().unwrap_or(&mut bucket).queue.push(entry);
            count += 1;
        }
        drop((bucket, other));
        Ok(Some(count))
    }
}

/// Sets `FUTEX_WAITERS` in a word that has just got `tid`. A word that changed already belongs to a program that
/// breaks the rules: its own loss.
fn mark_waited_for(words: &dyn Words, lock: Word, tid: u32) -> Result<(), Errno> {
    let old = words.load(lock.addr)?;
    if old & abi::futex::FUTEX_TID_MASK != tid {
        return Err(Errno::EINVAL);
    }
    words.compare_exchange(lock.addr, old, old | FUTEX_WAITERS).map(|_| ())
}

impl Bucket {
    /// Index of the first waiter of `key`; `EINVAL` when it does not wait to be moved to `lock`.
    fn first_for(&self, key: &FutexKey, lock: &FutexKey) -> Result<Option<usize>, Errno> {
        let found = self.queue.iter().position(|entry| entry.key == *key);
        match found {
            Some(index) if self.queue[index].kind != Kind::RequeuePi(*lock) => Err(Errno::EINVAL),
            found => Ok(found),
        }
    }
}
