//! Locks with an owner: `FUTEX_LOCK_PI` and its kin (`futex(2)`, "Priority-inheritance futexes").
//!
//! Nobody lends a priority here; what remains is who owns the lock, also when an owner dies.

use super::{Bucket, Ended, GRANTED, INHERITED, Identity, Kind, Table, Waiter, Wakes, Word, Words};
use abi::Errno;
use abi::futex::{FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS};
use mm::FutexKey;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use sync::{Deadline, WaitWord, Woken};

/// Who locks: the calling thread.
#[derive(Clone, Copy)]
pub struct Locker<'a> {
    /// It as an owner.
    pub identity: &'a Arc<Identity>,
    /// What it sleeps on.
    pub sleeper: &'a Arc<WaitWord>,
    /// Finds a live thread by the id that a lock word holds.
    pub find: &'a dyn Fn(u32) -> Option<Arc<Identity>>,
}

/// Lost exchanges after which an operation gives up: only a thread that writes without end gets there.
const TRIES: u32 = 1000;

/// A word and the owner that it names, looked at before the bucket is locked.
pub(super) struct Named {
    value: u32,
    owner: Option<Arc<Identity>>,
}

impl Named {
    pub(super) fn read(words: &dyn Words, locker: Locker<'_>, word: Word) -> Result<Self, Errno> {
        let value = words.load(word.addr)?;
        let tid = value & FUTEX_TID_MASK;
        let owner = if tid == 0 || tid == locker.identity.tid { None } else { (locker.find)(tid) };
        Ok(Self { value, owner })
    }
}

/// What trying to take a lock came to.
pub(super) enum Taken {
    /// It is the caller's.
    Yes,
    /// It is someone else's, who is waited for.
    No(Arc<Identity>),
    /// The word changed under way.
    Again,
}

impl Table {
    /// `FUTEX_LOCK_PI`, and with `only_try` `FUTEX_TRYLOCK_PI`. `EDEADLK`: the caller owns it; `ESRCH`: its owner
    /// does not exist; `EAGAIN`: `only_try` and owned.
    pub fn lock_pi(
        &self,
        words: &dyn Words,
        locker: Locker<'_>,
        word: Word,
        deadline: Option<Deadline>,
        only_try: bool,
    ) -> Result<Ended, Errno> {
        let key = word.key(words)?;
        let waiter = Waiter::new(locker.sleeper, Some(locker.identity));
        loop {
            let named = Named::read(words, locker, word)?;
            let mut bucket = self.bucket(&key);
            match bucket.take_pi(words, locker.identity, &key, word, &named, only_try)? {
                Taken::Yes => return Ok(Ended::Woken),
                Taken::No(_) if only_try => return Err(Errno::EAGAIN),
                Taken::No(owner) => {
                    bucket.attach(&key, &owner)?;
                    Self::enqueue(&mut bucket, key, Kind::Pi, &waiter);
                    break;
                }
                Taken::Again if locker.sleeper.is_interrupted() => return Ok(Ended::Interrupted),
                Taken::Again => {}
            }
        }
        self.sleep_pi(words, locker, word, &waiter, deadline).map(|(ended, _)| ended)
    }

    /// Sleeps until the lock is the waiter's; else how the wait ended and what it was for at its end.
    pub(super) fn sleep_pi(
        &self,
        words: &dyn Words,
        locker: Locker<'_>,
        word: Word,
        waiter: &Arc<Waiter>,
        deadline: Option<Deadline>,
    ) -> Result<(Ended, Kind), Errno> {
        let reason = sleep(locker.sleeper, waiter, deadline);
        if reason != Woken::Event
            && let Some(kind) = self.give_up(waiter)
        {
            let ended = if reason == Woken::TimedOut { Ended::TimedOut } else { Ended::Interrupted };
            return Ok((ended, kind));
        }
        if waiter.grant.load(SeqCst) == INHERITED {
            self.inherit(words, locker.identity, word)?;
        }
        Ok((Ended::Woken, Kind::Pi))
    }

    /// The lock became the caller's by the death of its owner: says so in the word.
    fn inherit(&self, words: &dyn Words, heir: &Identity, word: Word) -> Result<(), Errno> {
        let key = word.key(words)?;
        let mut old = words.load(word.addr)?;
        for _ in 0..TRIES {
            let bucket = self.bucket(&key);
            let waiters = if bucket.has_pi_waiter(&key) { FUTEX_WAITERS } else { 0 };
            let seen = words.compare_exchange(word.addr, old, heir.tid | FUTEX_OWNER_DIED | waiters)?;
            if seen == old {
                return Ok(());
            }
            old = seen;
        }
        Err(Errno::EAGAIN)
    }

    /// `FUTEX_UNLOCK_PI`: gives the lock to the first who waits. `EPERM`: it is not the caller's.
    pub fn unlock_pi(&self, words: &dyn Words, identity: &Arc<Identity>, word: Word) -> Result<(), Errno> {
        let key = word.key(words)?;
        let mut wakes = Wakes::default();
        for _ in 0..TRIES {
            let old = words.load(word.addr)?;
            if old & FUTEX_TID_MASK != identity.tid {
                return Err(Errno::EPERM);
            }
            let mut bucket = self.bucket(&key);
            if bucket.owner(&key).is_some_and(|owner| owner.id != identity.id) {
                return Err(Errno::EINVAL);
            }
            let next = bucket.owner(&key).and_then(|_| bucket.first_pi(&key));
            let more = bucket.queue.iter().filter(|entry| entry.key == key && entry.kind == Kind::Pi).count() > 1;
            let new = next.as_ref().map_or(0, |next| next.tid | if more { FUTEX_WAITERS } else { 0 });
            if words.compare_exchange(word.addr, old, new)? == old {
                bucket.hand_over(&key, GRANTED, &mut wakes);
                return Ok(());
            }
        }
        Err(Errno::EAGAIN)
    }

    /// A thread ends: every lock of it that somebody waits for goes to the first who does. After its robust
    /// list was seen to.
    pub fn exit_pi(&self, identity: &Identity) {
        identity.is_gone.store(true, SeqCst);
        if identity.contended.load(SeqCst) == 0 {
            return;
        }
        for bucket in &self.buckets {
            let mut wakes = Wakes::default();
            let mut bucket = bucket.lock();
            while let Some(key) = bucket.locks.iter().find(|lock| lock.owner.id == identity.id).map(|lock| lock.key) {
                bucket.hand_over(&key, INHERITED, &mut wakes);
            }
            drop(bucket);
        }
    }
}

/// Sleeps until the waiter is woken (`Event`) or something else ends it.
fn sleep(sleeper: &WaitWord, waiter: &Waiter, deadline: Option<Deadline>) -> Woken {
    loop {
        sleeper.arm();
        if waiter.is_woken() {
            return Woken::Event;
        }
        match sleeper.sleep(deadline) {
            Woken::Event => {}
            reason => return reason,
        }
    }
}

impl Bucket {
    fn first_pi(&self, key: &FutexKey) -> Option<Arc<Identity>> {
        let first = self.queue.iter().find(|entry| entry.key == *key && entry.kind == Kind::Pi)?;
        first.waiter.identity.clone()
    }

    /// Makes the first waiter the owner and wakes it.
    fn hand_over(&mut self, key: &FutexKey, grant: u8, wakes: &mut Wakes) {
        let heir = self.take_first_pi(key);
        let owner = heir.as_ref().and_then(|entry| entry.waiter.identity.clone());
        // A lock that nobody waits for is known by its word alone.
        let owner = owner.filter(|_| self.has_pi_waiter(key));
        self.set_owner(key, owner.as_ref());
        if let Some(entry) = heir {
            entry.waiter.grant.store(grant, SeqCst);
            wakes.push(entry.waiter);
        }
    }

    /// Takes the lock for `identity` if it is free; else marks the word as waited for, unless `only_try`. `named`
    /// is what the word named a moment ago.
    pub(super) fn take_pi(
        &self,
        words: &dyn Words,
        identity: &Arc<Identity>,
        key: &FutexKey,
        word: Word,
        named: &Named,
        only_try: bool,
    ) -> Result<Taken, Errno> {
        let old = words.load(word.addr)?;
        let tid = old & FUTEX_TID_MASK;
        if tid == identity.tid {
            return Err(Errno::EDEADLK);
        }
        if let Some(owner) = self.owner(key) {
            return if owner.id == identity.id { Err(Errno::EDEADLK) } else { Ok(Taken::No(Arc::clone(owner))) };
        }
        if tid == 0 {
            let new = identity.tid | old & FUTEX_OWNER_DIED;
            let taken = words.compare_exchange(word.addr, old, new)? == old;
            return Ok(if taken { Taken::Yes } else { Taken::Again });
        }
        if old != named.value {
            return Ok(Taken::Again);
        }
        let owner = named.owner.as_ref().ok_or(Errno::ESRCH)?;
        if !only_try && words.compare_exchange(word.addr, old, old | FUTEX_WAITERS)? != old {
            return Ok(Taken::Again);
        }
        Ok(Taken::No(Arc::clone(owner)))
    }

    /// Notes that the lock is `owner`'s and waited for. `ESRCH`: the owner has just ended.
    pub(super) fn attach(&mut self, key: &FutexKey, owner: &Arc<Identity>) -> Result<(), Errno> {
        if self.owner(key).is_some() {
            return Ok(());
        }
        // Counted before the look at the flag; the dying owner does both the other way round.
        self.set_owner(key, Some(owner));
        if owner.is_gone.load(SeqCst) {
            self.set_owner(key, None);
            return Err(Errno::ESRCH);
        }
        Ok(())
    }
}
