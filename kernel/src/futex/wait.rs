//! Waiting for a word to change.

use super::{Ended, Kind, Table, Waiter, Word, Words};
use abi::Errno;
use std::sync::Arc;
use sync::{Deadline, WaitWord, Woken};

impl Table {
    /// `FUTEX_WAIT`, `FUTEX_WAIT_BITSET`: sleeps while the word holds `value`, until a wake whose bits meet
    /// `bitset`. `EAGAIN` when it holds another value.
    pub fn wait(
        &self,
        words: &dyn Words,
        sleeper: &Arc<WaitWord>,
        word: Word,
        value: u32,
        bitset: u32,
        deadline: Option<Deadline>,
    ) -> Result<Ended, Errno> {
        if bitset == 0 {
            return Err(Errno::EINVAL);
        }
        let waiter = Waiter::new(sleeper, None);
        self.queue_if(words, word, value, bitset, &waiter)?;
        let waiters = [waiter];
        Ok(match self.sleep(sleeper, &waiters, deadline) {
            Woken::Event => Ended::Woken,
            reason => self.settle(&waiters, reason).map_or_else(|ended| ended, |_| Ended::Woken),
        })
    }

    /// `futex_waitv(2)`: waits for the first wake of several words; its index, or how else the wait ended.
    pub fn wait_many(
        &self,
        words: &dyn Words,
        sleeper: &Arc<WaitWord>,
        list: &[(Word, u32)],
        deadline: Option<Deadline>,
    ) -> Result<Result<usize, Ended>, Errno> {
        let mut waiters = Vec::with_capacity(list.len());
        for (word, value) in list {
            let waiter = Waiter::new(sleeper, None);
            if let Err(errno) = self.queue_if(words, *word, *value, u32::MAX, &waiter) {
                return self.settle(&waiters, Woken::Event).map(Ok).map_err(|_| errno);
            }
            waiters.push(waiter);
        }
        let reason = self.sleep(sleeper, &waiters, deadline);
        Ok(self.settle(&waiters, reason))
    }

    /// Queues the waiter if the word holds `value`; else `EAGAIN`.
    fn queue_if(
        &self,
        words: &dyn Words,
        word: Word,
        value: u32,
        bitset: u32,
        waiter: &Arc<Waiter>,
    ) -> Result<(), Errno> {
        let key = word.key(words)?;
        let mut bucket = self.bucket(&key);
        if words.load(word.addr)? != value {
            return Err(Errno::EAGAIN);
        }
        Self::enqueue(&mut bucket, key, bitset, Kind::Plain, waiter);
        Ok(())
    }

    /// Sleeps until one of the waiters is woken (`Event`) or something else ends it.
    pub(super) fn sleep(&self, sleeper: &WaitWord, waiters: &[Arc<Waiter>], deadline: Option<Deadline>) -> Woken {
        loop {
            sleeper.arm();
            if waiters.iter().any(|waiter| waiter.is_woken()) {
                return Woken::Event;
            }
            match sleeper.sleep(deadline) {
                Woken::Event => {}
                reason => return reason,
            }
        }
    }

    /// Takes all waiters out; the first that was woken counts over any other reason.
    fn settle(&self, waiters: &[Arc<Waiter>], reason: Woken) -> Result<usize, Ended> {
        let mut woken = None;
        for (index, waiter) in waiters.iter().enumerate() {
            if self.give_up(waiter).is_none() && woken.is_none() {
                woken = Some(index);
            }
        }
        woken.ok_or(if reason == Woken::TimedOut { Ended::TimedOut } else { Ended::Interrupted })
    }
}
