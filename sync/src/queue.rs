//! Queues of those who wait for an event.

use crate::lock::Mutex;
use crate::rank::Rank;
use crate::sleepers::Sleepers;
use crate::wait::WaitWord;
use abi::poll::Events;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst, fence};

/// Somebody else than a sleeping task who wants to know.
pub trait Wake: Send + Sync {
    /// `events` may have become true. Runs under the queue's lock: take no lock of lower rank, do little; tasks that
    /// sleep are put among the `sleepers`, to be woken without the lock. False: the wake-up was of no use here, and
    /// goes on to the next one in turn.
    fn wake(&self, events: Events, sleepers: &mut Sleepers) -> bool;
}

/// Who is told of an event.
pub enum Waker {
    /// A task that sleeps on its word.
    Word(Arc<WaitWord>),
    /// Somebody else.
    Other(Arc<dyn Wake>),
}

impl Waker {
    fn wake(&self, events: Events, sleepers: &mut Sleepers) -> bool {
        match self {
            Self::Word(word) => sleepers.add(word),
            Self::Other(other) => other.wake(events, sleepers),
        }
    }
}

impl From<Arc<WaitWord>> for Waker {
    fn from(word: Arc<WaitWord>) -> Self {
        Self::Word(word)
    }
}

impl<T: Wake + 'static> From<Arc<T>> for Waker {
    fn from(other: Arc<T>) -> Self {
        Self::Other(other)
    }
}

impl From<Arc<dyn Wake>> for Waker {
    fn from(other: Arc<dyn Wake>) -> Self {
        Self::Other(other)
    }
}

struct Entry {
    id: usize,
    events: Events,
    waker: Waker,
    /// Woken only if no other one was that waits in turn.
    in_turn: bool,
}

#[derive(Default)]
struct Entries {
    next_id: usize,
    list: Vec<Entry>,
}

/// Waiters for the events of one file, process or other source. Costs two words while empty.
pub struct WaitQueue {
    len: AtomicUsize,
    entries: Mutex<Entries>,
}

impl WaitQueue {
    /// A queue without waiters.
    pub const fn new() -> Self {
        Self {
            len: AtomicUsize::new(0),
            entries: Mutex::new(Rank::WaitQueue, Entries { next_id: 0, list: Vec::new() }),
        }
    }

    /// Adds a waiter for any of `events`. Check the condition after this, not before.
    /// The registration is only an id: give it back to [`Self::remove`].
    pub fn add(&self, events: Events, waker: impl Into<Waker>) -> Registration {
        self.insert(events, waker.into(), false)
    }

    /// Adds a waiter that takes turns with others of its kind: of them a wake-up reaches one, in order of arrival, who
    /// has use for it. (An exclusive waiter, in Linux's words.) Who stops waiting and finds itself woken once more
    /// notifies the queue: the wake-up was meant for another.
    pub fn add_in_turn(&self, events: Events, waker: impl Into<Waker>) -> Registration {
        self.insert(events, waker.into(), true)
    }

    fn insert(&self, events: Events, waker: Waker, in_turn: bool) -> Registration {
        let mut entries = self.entries.lock();
        let id = entries.next_id;
        entries.next_id += 1;
        entries.list.push(Entry { id, events, waker, in_turn });
        self.len.store(entries.list.len(), SeqCst);
        fence(SeqCst);
        Registration(id)
    }

    /// Takes a waiter out.
    pub fn remove(&self, registration: Registration) {
        let removed = {
            let mut entries = self.entries.lock();
            let found = entries.list.iter().position(|entry| entry.id == registration.0);
            let removed = found.map(|i| entries.list.remove(i));
            self.len.store(entries.list.len(), SeqCst);
            removed
        };
        // The waker may own much: it is dropped outside the lock.
        drop(removed);
    }

    /// Wakes all who wait for one of `events`, but of those who take turns only one; an end (`HUP`, `ERR`) concerns
    /// them all. Call after the condition was made true and, best, after locks were released.
    pub fn notify(&self, events: Events) {
        let mut sleepers = Sleepers::default();
        self.notify_into(events, &mut sleepers);
        sleepers.wake();
    }

    /// As [`Self::notify`], by a waker that was told itself; tasks are put among the `sleepers`. That queues make no
    /// circle is the wakers' business. True: somebody had use for the wake-up.
    pub fn notify_into(&self, events: Events, sleepers: &mut Sleepers) -> bool {
        fence(SeqCst);
        if self.is_empty() {
            return false;
        }
        let is_end = events.intersects(Events::HUP | Events::ERR);
        let (mut is_used, mut turn_is_over) = (false, false);
        for entry in &self.entries.lock_nested().list {
            if !entry.events.intersects(events) || (entry.in_turn && turn_is_over) {
                continue;
            }
            let used = entry.waker.wake(events, sleepers);
            is_used |= used;
            turn_is_over |= used && entry.in_turn && !is_end;
        }
        is_used
    }

    /// Nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len.load(SeqCst) == 0
    }
}

impl Default for WaitQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WaitQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WaitQueue({} waiters)", self.len.load(SeqCst))
    }
}

/// A waiter's place in a [`WaitQueue`].
#[derive(Debug)]
#[must_use = "give it back with WaitQueue::remove"]
pub struct Registration(usize);

#[cfg(test)]
mod tests {
    use super::*;

    fn word() -> Arc<WaitWord> {
        let word = Arc::new(WaitWord::new());
        word.arm();
        word
    }

    #[test]
    fn turns_go_in_order_and_others_always_hear() {
        let queue = WaitQueue::new();
        let (all, one, two) = (word(), word(), word());
        let places = [
            queue.add_in_turn(Events::IN, one.clone()),
            queue.add_in_turn(Events::IN, two.clone()),
            queue.add(Events::IN, all.clone()),
        ];
        queue.notify(Events::OUT);
        assert!(!all.is_woken() && !one.is_woken());
        queue.notify(Events::IN);
        assert!(all.is_woken() && one.is_woken() && !two.is_woken());
        // The first has no use for a second wake-up.
        queue.notify(Events::IN);
        assert!(two.is_woken());
        for place in places {
            queue.remove(place);
        }
        assert!(queue.is_empty());
    }

    #[test]
    fn an_end_concerns_all() {
        let queue = WaitQueue::new();
        let words = [word(), word()];
        let places = words.clone().map(|word| queue.add_in_turn(Events::IN, word));
        queue.notify(Events::IN | Events::HUP);
        assert!(words.iter().all(|word| word.is_woken()));
        for place in places {
            queue.remove(place);
        }
    }

    struct Uninterested;
    impl Wake for Uninterested {
        fn wake(&self, _events: Events, _sleepers: &mut Sleepers) -> bool {
            false
        }
    }

    #[test]
    fn a_wake_up_of_no_use_goes_on() {
        let queue = WaitQueue::new();
        let last = word();
        let places =
            [queue.add_in_turn(Events::IN, Arc::new(Uninterested)), queue.add_in_turn(Events::IN, last.clone())];
        queue.notify(Events::IN);
        assert!(last.is_woken());
        for place in places {
            queue.remove(place);
        }
    }
}
