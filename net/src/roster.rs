//! Lists of live sockets, for /proc/net.

use std::sync::{Arc, Weak};
use sync::{Mutex, Rank};

struct State<T> {
    list: Vec<Weak<T>>,
    /// Length at which the dead are taken out.
    prune_at: usize,
}

/// Sockets of a kind, the dead among them taken out now and then.
pub(crate) struct Roster<T> {
    state: Mutex<State<T>>,
}

impl<T> Roster<T> {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(Rank::Leaf, State { list: Vec::new(), prune_at: 64 }) }
    }

    pub(crate) fn add(&self, socket: &Arc<T>) {
        let mut state = self.state.lock();
        if state.list.len() >= state.prune_at {
            state.list.retain(|socket| socket.strong_count() > 0);
            state.prune_at = (state.list.len() * 2).max(64);
        }
        state.list.push(Arc::downgrade(socket));
    }

    /// The live ones, oldest first.
    pub(crate) fn live(&self) -> Vec<Arc<T>> {
        self.state.lock().list.iter().filter_map(Weak::upgrade).collect()
    }
}
