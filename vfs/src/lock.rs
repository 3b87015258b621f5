//! Locks of files: `flock(2)`, and the record locks of `fcntl_locking(2)`, those of processes and those of
//! open file descriptions.

use crate::caller::Caller;
use abi::Errno;
use abi::poll::Events;
use std::fmt;
use sync::{Fail, Mutex, Rank, WaitQueue};

/// Most record locks on one file.
const MAX_RANGES: usize = 1 << 16;

/// Who holds a record lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockOwner {
    /// A process, by its descriptor table: gone when it closes any descriptor of the file.
    Process(u64),
    /// An open file description (`F_OFD_SETLK`).
    Description(u64),
}

/// A lock on bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeLock {
    /// Who holds it.
    pub owner: LockOwner,
    /// Process that took it, as `F_GETLK` shows it.
    pub pid: i32,
    /// For writing: excludes all others.
    pub is_write: bool,
    /// First byte.
    pub start: u64,
    /// Last byte; `i64::MAX` is the end of the file, wherever it will be.
    pub last: u64,
}

impl RangeLock {
    const fn overlaps(&self, start: u64, last: u64) -> bool {
        self.start <= last && start <= self.last
    }

    fn conflicts(&self, other: &Self) -> bool {
        self.owner != other.owner && (self.is_write || other.is_write) && self.overlaps(other.start, other.last)
    }
}

#[derive(Default)]
struct State {
    /// Descriptions that hold a `flock`; true for an exclusive one.
    flocks: Vec<(u64, bool)>,
    /// Sorted by first byte; those of one owner do not overlap.
    ranges: Vec<RangeLock>,
}

/// Locks of one file.
pub struct FileLocks {
    state: Mutex<State>,
    /// Told (`OUT`) when a lock goes.
    queue: WaitQueue,
}

/// Who waits for whom: processes that sleep in `F_SETLKW`, for `EDEADLK`.
static WAITS: Mutex<Vec<(u64, u64)>> = Mutex::new(Rank::Leaf, Vec::new());

/// A waiting process's entries in [`WAITS`], taken out at the end.
struct Waiting(u64);

impl Waiting {
    /// Notes that it waits for `blocker`. False: that one waits for it, by way of others or not.
    fn set(&self, blocker: u64) -> bool {
        let mut waits = WAITS.lock();
        waits.retain(|&(waiter, _)| waiter != self.0);
        let mut at = blocker;
        for _ in 0..=waits.len() {
            if at == self.0 {
                return false;
            }
            let Some(&(_, next)) = waits.iter().find(|&&(waiter, _)| waiter == at) else { break };
            at = next;
        }
        waits.push((self.0, blocker));
        true
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITS.lock().retain(|&(waiter, _)| waiter != self.0);
    }
}

impl State {
    fn set_flock(&mut self, owner: u64, is_exclusive: bool) -> Result<(), Errno> {
        let conflict = |&(other, other_exclusive): &(u64, bool)| other != owner && (is_exclusive || other_exclusive);
        if self.flocks.iter().any(conflict) {
            return Err(Errno::EAGAIN);
        }
        self.flocks.retain(|&(other, _)| other != owner);
        self.flocks.push((owner, is_exclusive));
        Ok(())
    }

    /// Takes `owner` off the bytes `start..=last`.
    fn clear(&mut self, owner: LockOwner, start: u64, last: u64) {
        let mut rest = Vec::new();
        self.ranges.retain(|range| {
            if range.owner != owner || !range.overlaps(start, last) {
                return true;
            }
            if range.start < start {
                rest.push(RangeLock { last: start - 1, ..*range });
            }
            if range.last > last {
                rest.push(RangeLock { start: last + 1, ..*range });
            }
            false
        });
        for range in rest {
            self.insert(range);
        }
    }

    /// Puts a range in its order, joined with neighbours of the same kind.
    fn insert(&mut self, mut new: RangeLock) {
        self.ranges.retain(|range| {
            let is_same = range.owner == new.owner && range.is_write == new.is_write;
            let touches = range.start <= new.last.saturating_add(1) && new.start <= range.last.saturating_add(1);
            if is_same && touches {
                new.start = new.start.min(range.start);
                new.last = new.last.max(range.last);
            }
            !(is_same && touches)
        });
        let at = self.ranges.partition_point(|range| range.start < new.start);
        self.ranges.insert(at, new);
    }

    fn conflict(&self, lock: &RangeLock) -> Option<RangeLock> {
        self.ranges.iter().find(|range| range.conflicts(lock)).copied()
    }

    fn set_range(&mut self, lock: &RangeLock) -> Result<(), Errno> {
        if self.ranges.len() >= MAX_RANGES {
            return Err(Errno::ENOLCK);
        }
        self.clear(lock.owner, lock.start, lock.last);
        self.insert(*lock);
        Ok(())
    }
}

impl FileLocks {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(Rank::Inode, State::default()), queue: WaitQueue::new() }
    }

    /// `flock(2)` for a description; `EAGAIN` with `nonblock`.
    pub(crate) fn flock(&self, caller: &Caller, owner: u64, is_exclusive: bool, nonblock: bool) -> Result<(), Fail> {
        let attempt = || self.state.lock().set_flock(owner, is_exclusive);
        if attempt().is_ok() {
            return Ok(());
        }
        // A lock that is converted is given up first: flock(2).
        self.unflock(owner);
        caller.retry(&self.queue, Events::OUT, nonblock, attempt)
    }

    /// Gives a `flock` up.
    pub(crate) fn unflock(&self, owner: u64) {
        let released = {
            let mut state = self.state.lock();
            let before = state.flocks.len();
            state.flocks.retain(|&(other, _)| other != owner);
            state.flocks.len() != before
        };
        if released {
            self.queue.notify(Events::OUT);
        }
    }

    /// `F_SETLK`, and `F_SETLKW` with `wait`: `EAGAIN`, `EDEADLK`, `ENOLCK`.
    pub fn set(&self, caller: &Caller, lock: &RangeLock, wait: bool) -> Result<(), Fail> {
        let waiting = match lock.owner {
            LockOwner::Process(id) if wait => Some(Waiting(id)),
            _ => None,
        };
        let attempt = || {
            let mut state = self.state.lock();
            match state.conflict(lock) {
                None => state.set_range(lock),
                Some(RangeLock { owner: LockOwner::Process(blocker), .. }) => match &waiting {
                    Some(waiting) if !waiting.set(blocker) => Err(Errno::EDEADLK),
                    _ => Err(Errno::EAGAIN),
                },
                Some(_) => Err(Errno::EAGAIN),
            }
        };
        caller.retry(&self.queue, Events::OUT, !wait, attempt)?;
        // A lock that was weakened may let others go on.
        self.queue.notify(Events::OUT);
        Ok(())
    }

    /// `F_UNLCK` of the bytes `start..=last`.
    pub fn clear(&self, owner: LockOwner, start: u64, last: u64) {
        self.state.lock().clear(owner, start, last);
        self.queue.notify(Events::OUT);
    }

    /// A lock that stands in the way of this one: `F_GETLK`.
    pub fn conflict(&self, lock: &RangeLock) -> Option<RangeLock> {
        self.state.lock().conflict(lock)
    }

    /// Record locks, for /proc/locks and fdinfo.
    pub fn list(&self) -> Vec<RangeLock> {
        self.state.lock().ranges.clone()
    }

    /// An open file description is gone.
    pub(crate) fn release_description(&self, id: u64) {
        self.unflock(id);
        self.release(LockOwner::Description(id));
    }

    /// A process closed a descriptor of the file.
    pub(crate) fn release_process(&self, id: u64) {
        self.release(LockOwner::Process(id));
    }

    fn release(&self, owner: LockOwner) {
        let released = {
            let mut state = self.state.lock();
            let before = state.ranges.len();
            state.ranges.retain(|range| range.owner != owner);
            state.ranges.len() != before
        };
        if released {
            self.queue.notify(Events::OUT);
        }
    }
}

impl fmt::Debug for FileLocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileLocks")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn range(owner: u64, is_write: bool, start: u64, last: u64) -> RangeLock {
        RangeLock { owner: LockOwner::Process(owner), pid: 1, is_write, start, last }
    }

    #[test]
    fn ranges_split_and_join() {
        let mut state = State::default();
        state.set_range(&range(1, true, 0, 99)).expect("free");
        state.clear(LockOwner::Process(1), 40, 59);
        assert_eq!(state.ranges, [range(1, true, 0, 39), range(1, true, 60, 99)]);
        assert!(state.conflict(&range(2, false, 40, 59)).is_none());
        assert_eq!(state.conflict(&range(2, false, 50, 60)), Some(range(1, true, 60, 99)));
        state.set_range(&range(1, true, 40, 59)).expect("free");
        assert_eq!(state.ranges, [range(1, true, 0, 99)]);
        state.set_range(&range(1, false, 10, 19)).expect("own");
        assert_eq!(state.ranges, [range(1, true, 0, 9), range(1, false, 10, 19), range(1, true, 20, 99)]);
        assert!(state.conflict(&range(2, false, 10, 19)).is_none());
        assert!(state.conflict(&range(2, true, 10, 19)).is_some());
    }

    #[test]
    fn a_circle_of_waiters_is_seen() {
        let (one, two, three) = (Waiting(901), Waiting(902), Waiting(903));
        assert!(one.set(902));
        assert!(two.set(903));
        assert!(!three.set(901));
        drop(two);
        assert!(three.set(901));
    }

    #[test]
    fn flock_shares_and_excludes() {
        let mut state = State::default();
        assert_eq!(state.set_flock(1, false), Ok(()));
        assert_eq!(state.set_flock(2, false), Ok(()));
        assert_eq!(state.set_flock(2, true), Err(Errno::EAGAIN));
        state.flocks.retain(|&(owner, _)| owner != 1);
        assert_eq!(state.set_flock(2, true), Ok(()));
        assert_eq!(state.set_flock(1, false), Err(Errno::EAGAIN));
    }
}
