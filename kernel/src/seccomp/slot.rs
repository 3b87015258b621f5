//! The filters of a thread.

use super::filter::Filter;
use crate::task::Task;
use abi::Errno;
use abi::bpf::Instruction;
use abi::seccomp::{MODE_DISABLED, MODE_FILTER};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Acquire, Ordering::Release};
use sync::{Mutex, Rank};

/// What decides about the calls of a thread.
#[derive(Clone, Default)]
pub(super) struct State {
    /// `SECCOMP_MODE_*`.
    pub(super) mode: u8,
    /// The newest filter.
    pub(super) filter: Option<Arc<Filter>>,
    /// Filters that it has, or had when it ended.
    pub(super) count: u32,
}

/// The filters of a thread, as others see and change them.
pub(crate) struct Slot {
    /// How often the state was set; 0: never, nothing is filtered.
    changes: AtomicU32,
    state: Mutex<State>,
}

impl Slot {
    /// Without filters.
    pub(crate) fn new() -> Self {
        Self { changes: AtomicU32::new(0), state: Mutex::new(Rank::Task, State::default()) }
    }

    pub(super) fn state(&self) -> State {
        self.state.lock().clone()
    }

    /// Does something that depends on whether calls are filtered, and is over before that changes.
    pub(crate) fn steady<T>(&self, act: impl FnOnce(bool) -> T) -> T {
        let _state = self.state.lock();
        act(self.changes() != 0)
    }

    fn changes(&self) -> u32 {
        self.changes.load(Acquire)
    }
}

/// The filters of a thread, as it uses them itself: no lock for a call.
#[derive(Default)]
pub(crate) struct Own {
    changes: u32,
    state: State,
}

impl Own {
    /// What holds now.
    pub(super) fn current(&mut self, slot: &Slot) -> &State {
        let changes = slot.changes();
        if self.changes != changes {
            *self = Self { changes, state: slot.state() };
        }
        &self.state
    }
}

impl Task {
    /// The one place where a thread's filters change. Other threads of a process are changed under its signals'
    /// lock only.
    pub(super) fn set_seccomp(&self, state: State) {
        let mut current = self.seccomp.state.lock();
        let old = std::mem::replace(&mut *current, state);
        self.seccomp.changes.fetch_add(1, Release);
        self.ask_always();
        drop(current);
        drop(old);
    }

    /// Its calls are filtered: nobody but the sentry may answer any of them.
    pub fn is_filtered(&self) -> bool {
        self.seccomp.changes() != 0
    }

    /// `SECCOMP_MODE_*`, and how many filters it has: /proc/PID/status.
    pub fn seccomp_status(&self) -> (u8, u32) {
        let state = self.seccomp.state.lock();
        (state.mode, state.count)
    }

    /// The instructions of a filter, and that it is logged; the oldest one is number 0. `EINVAL`, `ENOENT`.
    pub(crate) fn seccomp_filter(&self, index: u64) -> Result<(Vec<Instruction>, bool), Errno> {
        let state = self.seccomp.state();
        if state.mode != MODE_FILTER {
            return Err(Errno::EINVAL);
        }
        let filter = state.filter.as_ref().and_then(|newest| newest.nth(index)).ok_or(Errno::ENOENT)?;
        Ok((filter.source().to_vec(), filter.is_logged()))
    }

    /// A child has what its parent has. Called under the lock of the signals of the process that it belongs to.
    pub(crate) fn inherit_seccomp(&self, parent: &Self) {
        let state = parent.seccomp.state();
        if state.mode == MODE_DISABLED {
            return;
        }
        self.set_seccomp(state);
        if parent.attributes().no_new_privs {
            self.with_attributes(|attributes| attributes.no_new_privs = true);
        }
    }

    /// Lets go of its filters at its end; who asks still sees that it had some.
    pub(crate) fn release_seccomp(&self) {
        let filter = self.seccomp.state.lock().filter.take();
        drop(filter);
    }
}
