//! Waking those who wait for a word, or moving them to another.

use super::{Bucket, Kind, SPINS, Table, Wakes, Word, Words};
use abi::Errno;
use mm::FutexKey;
use std::sync::atomic::Ordering::SeqCst;

impl Table {
    /// `FUTEX_WAKE`, `FUTEX_WAKE_BITSET`: wakes up to `count` waiters (at least one) whose bits meet `bitset`.
    pub fn wake(&self, words: &dyn Words, word: Word, count: u32, bitset: u32) -> Result<u32, Errno> {
        if bitset == 0 {
            return Err(Errno::EINVAL);
        }
        let key = word.key(words)?;
        let mut wakes = Wakes::default();
        let mut bucket = self.bucket(&key);
        let woken = bucket.wake(&key, count, bitset, &mut wakes);
        drop(bucket);
        woken
    }

    /// `FUTEX_REQUEUE`, `FUTEX_CMP_REQUEUE`: wakes `wake` waiters of `from` and moves up to `requeue` others to
    /// `to`; how many both were. With `expected`, `EAGAIN` when `from` holds another value.
    pub fn requeue(
        &self,
        words: &dyn Words,
        from: Word,
        to: Word,
        wake: u32,
        requeue: u32,
        expected: Option<u32>,
    ) -> Result<u32, Errno> {
        let (from_key, to_key) = (from.key(words)?, to.key(words)?);
        let mut wakes = Wakes::default();
        let (mut first, mut second) = self.pair(&from_key, &to_key);
        if let Some(expected) = expected
            && words.load(from.addr)? != expected
        {
            return Err(Errno::EAGAIN);
        }
        let most = u64::from(wake) + u64::from(requeue);
        let mut count = 0;
        let mut index = 0;
        while count < most && index < first.queue.len() {
            if first.queue[index].key != from_key {
                index += 1;
                continue;
            }
            if first.queue[index].kind != Kind::Plain {
                return Err(Errno::EINVAL);
            }
            count += 1;
            if count <= u64::from(wake) {
                wakes.push(first.queue.remove(index).waiter);
            } else if let Some(second) = &mut second {
                let mut entry = first.queue.remove(index);
                entry.key = to_key;
                entry.waiter.place.store(Self::index(&to_key) as u32, SeqCst);
                second.queue.push(entry);
            } else {
                first.queue[index].key = to_key;
                index += 1;
            }
        }
        drop((first, second));
        Ok(count as u32)
    }

    /// `FUTEX_WAKE_OP`: changes `second` atomically, wakes `wake` waiters of `first`, and `wake_second` of
    /// `second` when its old value compares true. `None`: lost too many races, the caller may look at its
    /// signals before it tries again.
    pub fn wake_op(
        &self,
        words: &dyn Words,
        first: Word,
        second: Word,
        wake: u32,
        wake_second: u32,
        op: WakeOp,
    ) -> Result<Option<u32>, Errno> {
        let (first_key, second_key) = (first.key(words)?, second.key(words)?);
        op.check()?;
        let mut wakes = Wakes::default();
        let (mut bucket, mut other) = self.pair(&first_key, &second_key);
        let mut old = words.load(second.addr)?;
        let mut spins = 0;
        loop {
            let seen = words.compare_exchange(second.addr, old, op.apply(old))?;
            if seen == old {
                break;
            }
            old = seen;
            spins += 1;
            if spins == SPINS {
                return Ok(None);
            }
        }
        let mut woken = bucket.wake(&first_key, wake, u32::MAX, &mut wakes)?;
        if op.compare(old) {
            let bucket = other.as_mut().unwrap_or(&mut bucket);
            woken += bucket.wake(&second_key, wake_second, u32::MAX, &mut wakes)?;
        }
        drop((bucket, other));
        Ok(Some(woken))
    }
}

impl Bucket {
    fn wake(&mut self, key: &FutexKey, count: u32, bitset: u32, wakes: &mut Wakes) -> Result<u32, Errno> {
        let mut woken = 0;
        let mut index = 0;
        while index < self.queue.len() {
            let entry = &self.queue[index];
            if entry.key != *key {
                index += 1;
                continue;
            }
            if entry.kind != Kind::Plain {
                return Err(Errno::EINVAL);
            }
            if entry.bitset & bitset == 0 {
                index += 1;
                continue;
            }
            wakes.push(self.queue.remove(index).waiter);
            woken += 1;
            if woken >= count {
                break;
            }
        }
        Ok(woken)
    }
}

/// The operation of `FUTEX_WAKE_OP`: the `val3` argument.
#[derive(Clone, Copy, Debug)]
pub struct WakeOp(pub u32);

impl WakeOp {
    const fn op(self) -> u32 {
        self.0 >> 28 & 7
    }

    const fn cmp(self) -> u32 {
        self.0 >> 24 & 15
    }

    /// The argument of the change: 12 bits with sign, or a bit number.
    const fn arg(self) -> u32 {
        let arg = (self.0 << 8) as i32 >> 20;
        if self.0 >> 31 != 0 { 1 << (arg & 31) } else { arg as u32 }
    }

    fn check(self) -> Result<(), Errno> {
        if self.op() > 4 || self.cmp() > 5 { Err(Errno::ENOSYS) } else { Ok(()) }
    }

    /// SET, ADD, OR, ANDN, XOR.
    pub(super) const fn apply(self, old: u32) -> u32 {
        match self.op() {
            0 => self.arg(),
            1 => old.wrapping_add(self.arg()),
            2 => old | self.arg(),
            3 => old & !self.arg(),
            _ => old ^ self.arg(),
        }
    }

    /// EQ, NE, LT, LE, GT, GE with 12 bits with sign.
    const fn compare(self, old: u32) -> bool {
        let (old, arg) = (old as i32, (self.0 << 20) as i32 >> 20);
        match self.cmp() {
            0 => old == arg,
            1 => old != arg,
            2 => old < arg,
            3 => old <= arg,
            4 => old > arg,
            _ => old >= arg,
        }
    }
}
