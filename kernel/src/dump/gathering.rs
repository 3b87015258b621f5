//! How the threads of a process meet for its core dump.

use super::notes::ThreadImage;
use crate::signal::Signals;
use crate::status::Status;
use crate::task::{CurrentTask, ThreadGroup};
use abi::signal::SigInfo;
use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How often the dumper looks who is still there.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

#[derive(Default)]
struct State {
    /// Serial numbers of those who are on their way.
    missing: BTreeSet<u64>,
    images: Vec<ThreadImage>,
    is_over: bool,
}

/// The meeting of the threads of a process that dumps its core.
pub(crate) struct Gathering {
    dumper: u64,
    /// Why.
    pub(crate) signal: SigInfo,
    state: Mutex<State>,
    changed: Condvar,
}

impl Gathering {
    /// Calls the threads of a process that is about to end; `dumper` is the one that took the signal.
    pub(crate) fn call(signals: &mut Signals, dumper: u64, signal: SigInfo) {
        let others = signals.threads.iter().filter(|&(&serial, thread)| serial != dumper && !thread.is_leaving);
        let missing = others.map(|(&serial, _)| serial).collect();
        let state = Mutex::new(State { missing, ..State::default() });
        signals.dump = Some(Arc::new(Self { dumper, signal, state, changed: Condvar::new() }));
    }

    /// Brings the state of a thread, and waits until the file is written.
    fn arrive(&self, serial: u64, image: ThreadImage) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.missing.remove(&serial) {
            return;
        }
        state.images.push(image);
        self.changed.notify_all();
        while !state.is_over {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until all have arrived that are still there; their states.
    fn gather(&self, group: &ThreadGroup) -> Vec<ThreadImage> {
        loop {
            // One whose start failed never comes.
            let there: BTreeSet<u64> = group.signals.lock().threads.keys().copied().collect();
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.missing.retain(|serial| there.contains(serial));
            if state.missing.is_empty() {
                return std::mem::take(&mut state.images);
            }
            drop(self.changed.wait_timeout(state, LOOK_AGAIN));
        }
    }

    /// Lets all go.
    fn end(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
        self.changed.notify_all();
    }
}

impl CurrentTask {
    /// The thread is about to leave: it takes its part in a core dump, if there is one.
    pub(crate) fn leave_dump(&mut self) {
        let serial = self.task().serial();
        let gathering = {
            let mut signals = self.group().signals.lock();
            if let Some(thread) = signals.threads.get_mut(&serial) {
                thread.is_leaving = true;
            }
            signals.dump.clone()
        };
        let Some(gathering) = gathering else { return };
        let own = ThreadImage::of(self);
        if gathering.dumper != serial {
            gathering.arrive(serial, own);
            return;
        }
        let mut images = vec![own];
        images.extend(gathering.gather(self.group()));
        if let Err(fail) = self.write_core(&gathering.signal, &images) {
            host::debug!("[{}] no core: {fail:?}", self.task().tid());
        } else if let Some(Status::Signaled { core, .. }) = &mut self.group().signals.lock().ending {
            *core = true;
        }
        gathering.end();
    }
}
