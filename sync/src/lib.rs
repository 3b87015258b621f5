//! Locks with ranks, wait words, wait queues and clocks.
//!
//! Second crate of the order, above `abi`. Its only host calls are the futex and the clocks.
//! - [`Mutex`], [`RwLock`]: locks that know their place in the one order of [`Rank`].
//! - [`WaitWord`]: what a blocked task sleeps on; wakers and interrupters both set it.
//! - [`WaitQueue`]: who wants to know about an event of a file or a process; [`Sleepers`]: whom it found asleep.
//! - [`wake_later`]: wake-ups that wait until their cause is done.
//! - [`EventCount`]: what host threads wait for that are no tasks.
//! - [`Awake`]: how many threads do not sleep.
//! - [`Fail`], [`Restart`]: how a call that blocks may end.
#![forbid(unsafe_code)]

mod awake;
mod clock;
mod event_count;
mod fail;
mod later;
mod lock;
mod queue;
mod rank;
mod sleepers;
mod spin;
mod wait;

pub use awake::{Awake, count_in};
pub use clock::{Clock, Deadline, now};
pub use event_count::EventCount;
pub use fail::{Fail, Restart};
pub use later::wake_later;
pub use lock::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use queue::{Registration, WaitQueue, Wake, Waker};
pub use rank::Rank;
pub use sleepers::Sleepers;
pub use wait::{WaitWord, Woken};
