//! Tests of the futex table over words in an array.

use super::*;
use abi::futex::{FUTEX_OWNER_DIED, FUTEX_WAITERS};
use std::thread;
use std::time::Duration;
use sync::Deadline;

/// Words, and how often one was woken.
struct Array([AtomicU32; 64], AtomicU32);

impl Array {
    fn new() -> Arc<Self> {
        Arc::new(Self(std::array::from_fn(|_| AtomicU32::new(0)), AtomicU32::new(0)))
    }

    fn at(&self, addr: UserAddr) -> Result<&AtomicU32, Errno> {
        self.0.get((addr.0 / 4) as usize).ok_or(Errno::EFAULT)
    }
}

impl Words for Array {
    fn key(&self, addr: UserAddr, shared: bool) -> Result<FutexKey, Errno> {
        self.at(addr)?;
        Ok(FutexKey { object: [1, 0], offset: addr.0, shared })
    }

    fn load(&self, addr: UserAddr) -> Result<u32, Errno> {
        Ok(self.at(addr)?.load(SeqCst))
    }

    fn compare_exchange(&self, addr: UserAddr, old: u32, new: u32) -> Result<u32, Errno> {
        Ok(self.at(addr)?.compare_exchange(old, new, SeqCst, SeqCst).unwrap_or_else(|seen| seen))
    }

    fn wake(&self, word: Word) -> Result<(), Errno> {
        self.at(word.addr)?;
        self.1.fetch_add(1, SeqCst);
        Ok(())
    }
}

impl UserMemory for Array {
    fn read_some(&self, addr: UserAddr, buf: &mut [u8]) -> Result<usize, Errno> {
        for (index, chunk) in buf.chunks_mut(4).enumerate() {
            let word = self.load(UserAddr(addr.0 + 4 * index as u64))?;
            chunk.copy_from_slice(&word.to_ne_bytes());
        }
        Ok(buf.len())
    }

    fn write_some(&self, _addr: UserAddr, _bytes: &[u8]) -> Result<usize, Errno> {
        Err(Errno::EFAULT)
    }
}

const fn word(index: u64) -> Word {
    Word { addr: UserAddr(index * 4), shared: false }
}

fn soon() -> Option<Deadline> {
    Deadline::after(Duration::from_millis(20))
}

fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::sleep(Duration::from_millis(1));
    }
}

fn waiters(table: &Table) -> usize {
    table.buckets.iter().map(|bucket| bucket.lock().queue.len()).sum()
}

struct Thread {
    identity: Arc<Identity>,
    sleeper: Arc<WaitWord>,
    all: Vec<Arc<Identity>>,
}

impl Thread {
    fn all(count: i32) -> Vec<Self> {
        let all: Vec<_> = (1..=count).map(|id| Identity::new(id as u64, id)).collect();
        all.iter()
            .map(|id| Self { identity: Arc::clone(id), sleeper: Arc::new(WaitWord::new()), all: all.clone() })
            .collect()
    }

    fn with<R>(&self, f: impl FnOnce(Locker<'_>) -> R) -> R {
        let find = |tid: u32| self.all.iter().find(|id| id.tid == tid).cloned();
        f(Locker { identity: &self.identity, sleeper: &self.sleeper, find: &find })
    }
}

#[test]
fn pi_lock_goes_round() {
    let (table, words) = (Arc::new(Table::new()), Array::new());
    let mut threads = Thread::all(3);
    let (c, b, a) = (threads.pop().expect("3"), threads.pop().expect("2"), threads.pop().expect("1"));
    assert_eq!(a.with(|l| table.lock_pi(&*words, l, word(0), None, false)), Ok(Ended::Woken));
    assert_eq!(a.with(|l| table.lock_pi(&*words, l, word(0), None, false)), Err(Errno::EDEADLK));
    assert_eq!(b.with(|l| table.lock_pi(&*words, l, word(0), None, true)), Err(Errno::EAGAIN));
    assert_eq!(b.with(|l| table.lock_pi(&*words, l, word(0), soon(), false)), Ok(Ended::TimedOut));
    assert_eq!(words.load(word(0).addr), Ok(1 | FUTEX_WAITERS));
    assert_eq!(table.unlock_pi(&*words, &b.identity, word(0)), Err(Errno::EPERM));
    let waiting: Vec<_> = [b, c]
        .into_iter()
        .enumerate()
        .map(|(index, thread)| {
            until(|| waiters(&table) == index);
            let (table, words) = (Arc::clone(&table), Arc::clone(&words));
            thread::spawn(move || {
                let locked = thread.with(|l| table.lock_pi(&*words, l, word(0), None, false));
                let value = words.load(word(0).addr);
                (locked, value, table.unlock_pi(&*words, &thread.identity, word(0)))
            })
        })
        .collect();
    until(|| waiters(&table) == 2);
    assert_eq!(table.unlock_pi(&*words, &a.identity, word(0)), Ok(()));
    let results: Vec<_> = waiting.into_iter().map(|thread| thread.join().expect("joins")).collect();
    assert_eq!(results, [(Ok(Ended::Woken), Ok(2 | FUTEX_WAITERS), Ok(())), (Ok(Ended::Woken), Ok(3), Ok(()))]);
    assert_eq!(words.load(word(0).addr), Ok(0));
    assert!(table.buckets.iter().all(|bucket| bucket.lock().locks.is_empty()));
}

#[test]
fn pi_lock_is_inherited() {
    let (table, words) = (Arc::new(Table::new()), Array::new());
    let mut threads = Thread::all(2);
    let (b, a) = (threads.pop().expect("2"), threads.pop().expect("1"));
    assert_eq!(a.with(|l| table.lock_pi(&*words, l, word(0), None, false)), Ok(Ended::Woken));
    let thread = {
        let (table, words) = (Arc::clone(&table), Arc::clone(&words));
        thread::spawn(move || b.with(|l| table.lock_pi(&*words, l, word(0), None, false)))
    };
    until(|| waiters(&table) == 1);
    table.exit_pi(&a.identity);
    assert_eq!(thread.join().expect("joins"), Ok(Ended::Woken));
    assert_eq!(words.load(word(0).addr), Ok(2 | FUTEX_OWNER_DIED));
}

#[test]
fn condition_variable_over_pi_lock() {
    let (table, words) = (Arc::new(Table::new()), Array::new());
    let mut threads = Thread::all(3);
    let signaller = threads.remove(0);
    let waiting: Vec<_> = threads
        .into_iter()
        .enumerate()
        .map(|(index, thread)| {
            until(|| waiters(&table) == index);
            let (table, words) = (Arc::clone(&table), Arc::clone(&words));
            thread::spawn(move || {
                let woken = thread.with(|l| table.wait_requeue_pi(&*words, l, word(0), 0, word(1), None));
                (woken, table.unlock_pi(&*words, &thread.identity, word(1)))
            })
        })
        .collect();
    until(|| waiters(&table) == 2);
    let moved = signaller.with(|l| table.requeue_pi(&*words, l, word(0), word(1), u32::MAX, 0));
    assert_eq!(moved, Ok(Some(2)));
    for thread in waiting {
        assert_eq!(thread.join().expect("joins"), (Ok(Ended::Woken), Ok(())));
    }
    assert_eq!(words.load(word(1).addr), Ok(0));
}

#[test]
fn robust_list_is_bounded_and_wakes() {
    let (table, words) = (Arc::new(Table::new()), Array::new());
    let set = |index: usize, value: u32| words.0[index].store(value, SeqCst);
    // Head at 16: first entry at 64, offset 8, nothing pending. The entry at 64 points to itself: endless.
    set(4, 64);
    set(6, 8);
    set(16, 64);
    set(18, 7 | FUTEX_WAITERS);
    table.exit_robust_list(&*words, &*words, UserAddr(16), 8);
    assert_eq!(words.load(UserAddr(72)), Ok(7 | FUTEX_WAITERS));
    table.exit_robust_list(&*words, &*words, UserAddr(16), 7);
    assert_eq!(words.load(UserAddr(72)), Ok(FUTEX_OWNER_DIED | FUTEX_WAITERS));
    assert_eq!(words.1.load(SeqCst), 1);
}
