//! Queues of those who wait for an event.

use crate::lock::Mutex;
use crate::rank::Rank;
use abi::poll::Events;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst, fence};

/// Somebody who wants to know.
pub trait Wake: Send + Sync {
    /// `events` may have become true. Runs under the queue's lock: take no lock of lower rank, do
    /// little. False: this waiter did not consume the wake-up (see [`WaitQueue::notify_one`]).
    fn wake(&self, events: Events) -> bool;
}

struct Entry {
    id: usize,
    events: Events,
    waker: Arc<dyn Wake>,
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
    pub fn add(&self, events: Events, waker: Arc<dyn Wake>) -> Registration {
        let mut entries = self.entries.lock();
        let id = entries.next_id;
        entries.next_id += 1;
        entries.list.push(Entry { id, events, waker });
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

    /// Wakes all who wait for one of `events`. Call after the condition was made true. A waker may notify
    /// another queue in turn (an epoll instance its own); that these make no circle is its business.
    pub fn notify(&self, events: Events) {
        fence(SeqCst);
        if self.len.load(SeqCst) == 0 {
            return;
        }
        for entry in &self.entries.lock_nested().list {
            if entry.events.intersects(events) {
                entry.waker.wake(events);
            }
        }
    }

    /// Wakes in order of arrival until one waiter consumes the wake-up.
    pub fn notify_one(&self, events: Events) {
        fence(SeqCst);
        if self.len.load(SeqCst) == 0 {
            return;
        }
        for entry in &self.entries.lock_nested().list {
            if entry.events.intersects(events) && entry.waker.wake(events) {
                return;
            }
        }
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
