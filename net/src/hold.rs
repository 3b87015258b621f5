//! Ends the holding back of what is sent with more to come (`MSG_MORE`, `TCP_CORK`).
//!
//! All of it lasts equally long, so who comes first is done first: one thread sleeps from one end to the next, and
//! is there only while something is held back.

use crate::stream::Connection;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};
use sync::{Mutex, Rank};

/// How long something is held back at most: the first timeout of a retransmission.
pub(crate) const HOLD_MAX: Duration = Duration::from_millis(200);
/// Stack of the thread.
const STACK_LEN: usize = 128 << 10;

/// The writing end of a connection, and when to look at it.
struct Look {
    at: Instant,
    connection: Weak<Connection>,
    side: bool,
}

/// What is to be looked at, in the order of time, and whether the thread is there.
struct Looks {
    queue: VecDeque<Look>,
    is_served: bool,
}

static LOOKS: Mutex<Looks> = Mutex::new(Rank::Leaf, Looks { queue: VecDeque::new(), is_served: false });

/// Has a writing end looked at: [`Connection::end_hold`]. False: the host has no thread for it.
pub(crate) fn until(at: Instant, connection: &Arc<Connection>, side: bool) -> bool {
    let mut looks = LOOKS.lock();
    if !looks.is_served {
        let thread = thread::Builder::new().stack_size(STACK_LEN).name("hold".to_owned());
        // It waits for the lock.
        if thread.spawn(serve).is_err() {
            return false;
        }
        looks.is_served = true;
    }
    looks.queue.push_back(Look { at, connection: Arc::downgrade(connection), side });
    true
}

/// The thread's life.
fn serve() {
    while let Some(look) = next() {
        thread::sleep(look.at.saturating_duration_since(Instant::now()));
        let Some(connection) = look.connection.upgrade() else { continue };
        if let Some(at) = connection.end_hold(look.side) {
            LOOKS.lock().queue.push_back(Look { at, ..look });
        }
    }
}

/// What to look at next; `None` ends the thread.
fn next() -> Option<Look> {
    let mut looks = LOOKS.lock();
    let look = looks.queue.pop_front();
    looks.is_served = look.is_some();
    look
}
