//! Events that host threads wait for which are no tasks, or are tasks no more: an eventcount.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Counts events. Who waits reads the count, looks at what the events are about, and waits for more.
#[derive(Debug, Default)]
pub struct EventCount {
    state: Mutex<State>,
    advanced: Condvar,
}

#[derive(Debug, Default)]
struct State {
    count: u64,
    waiting: u32,
}

impl EventCount {
    /// Events so far.
    pub fn read(&self) -> u64 {
        self.state().count
    }

    /// One more: those who wait go on.
    pub fn advance(&self) {
        let is_awaited = {
            let mut state = self.state();
            state.count += 1;
            state.waiting > 0
        };
        // To tell nobody is a host call too.
        if is_awaited {
            self.advanced.notify_all();
        }
    }

    /// Waits until there have been more than `count`, or for so long.
    pub fn await_more(&self, count: u64, patience: Option<Duration>) {
        let mut state = self.state();
        state.waiting += 1;
        let has_none = |state: &mut State| state.count <= count;
        let mut state = match patience {
            Some(patience) => {
                let waited = self.advanced.wait_timeout_while(state, patience, has_none);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.advanced.wait_while(state, has_none).unwrap_or_else(PoisonError::into_inner),
        };
        state.waiting -= 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn no_event_is_missed() {
        let events = Arc::new(EventCount::default());
        let before = events.read();
        let other = Arc::clone(&events);
        let thread = std::thread::spawn(move || (0..1000).for_each(|_| other.advance()));
        for count in before..before + 1000 {
            events.await_more(count, None);
        }
        thread.join().expect("it ends");
        assert_eq!(events.read(), before + 1000);
        events.await_more(before + 1000, Some(Duration::from_millis(1)));
        assert_eq!(events.state().waiting, 0);
    }
}
