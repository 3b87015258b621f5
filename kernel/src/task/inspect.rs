//! What /proc shows of a thread and nobody else asks for.

use crate::signal::Thread;
use crate::task::{Task, ThreadGroup};
use abi::signal::{NSIG, SigSet};

/// The signals of a thread and its process, as /proc/PID/status shows them.
#[derive(Clone, Copy, Debug, Default)]
pub struct SignalSets {
    /// Pending for the thread.
    pub pending: SigSet,
    /// Pending for the process.
    pub shared: SigSet,
    /// Blocked by the thread.
    pub blocked: SigSet,
    /// Ignored by choice.
    pub ignored: SigSet,
    /// With a handler.
    pub caught: SigSet,
}

impl Task {
    /// Its signals.
    pub fn signal_sets(&self) -> SignalSets {
        let signals = self.group().signals.lock();
        let shared = signals.shared.set();
        let own = signals.threads.get(&self.serial());
        let mut sets = SignalSets {
            pending: own.map_or(SigSet::EMPTY, |thread| thread.pending.set()),
            blocked: own.map_or(SigSet::EMPTY, Thread::mask),
            shared,
            ..SignalSets::default()
        };
        for signal in 1..=NSIG {
            match signals.actions.of(signal).handler {
                0 => {}
                1 => sets.ignored.insert(signal),
                _ => sets.caught.insert(signal),
            }
        }
        sets
    }
}

impl ThreadGroup {
    /// It is writing its core dump.
    pub fn is_dumping(&self) -> bool {
        self.signals.lock().dump.is_some()
    }

    /// The signal that its parent gets at its end; 0 is none.
    pub fn exit_signal(&self) -> u8 {
        self.kernel().tree().node_of(self).map_or(0, |node| node.exit_signal)
    }
}
