//! Signals that are pending.

use crate::user::SignalCharge;
use abi::signal::{SI_TIMER, SIGRTMIN, SigInfo, SigSet};
use std::collections::VecDeque;
use std::sync::Arc;

/// What queued a signal and wants to know when it is taken (a timer that counts overruns).
pub trait Origin: Send + Sync {
    /// The signal was taken; its information may be completed. Runs without locks held.
    fn taken(&self, info: &mut SigInfo);
}

struct Entry {
    info: SigInfo,
    origin: Option<Arc<dyn Origin>>,
    _charge: Option<SignalCharge>,
}

/// Signals pending for a thread or a process.
#[derive(Default)]
pub(crate) struct Queue {
    set: SigSet,
    list: VecDeque<Entry>,
}

/// A signal that was taken.
pub(crate) struct Taken {
    pub(crate) info: SigInfo,
    pub(crate) origin: Option<Arc<dyn Origin>>,
}

impl Taken {
    /// Tells the origin, without locks held; the signal's information.
    pub(crate) fn finish(self) -> SigInfo {
        let mut info = self.info;
        if let Some(origin) = self.origin {
            origin.taken(&mut info);
        }
        info
    }
}

impl Queue {
    /// What is pending.
    pub(crate) const fn set(&self) -> SigSet {
        self.set
    }

    /// A standard signal that is pending already.
    pub(crate) const fn has_standard(&self, signal: u8) -> bool {
        signal < SIGRTMIN && self.set.has(signal)
    }

    /// Adds a signal with its information.
    pub(crate) fn push(&mut self, info: SigInfo, origin: Option<Arc<dyn Origin>>, charge: Option<SignalCharge>) {
        self.set.insert(info.signal());
        self.list.push_back(Entry { info, origin, _charge: charge });
    }

    /// Marks a signal as pending for which there is no room.
    pub(crate) const fn mark(&mut self, signal: u8) {
        self.set.insert(signal);
    }

    /// Information of those that have some, in order of arrival.
    pub(crate) fn infos(&self) -> impl Iterator<Item = SigInfo> {
        self.list.iter().map(|entry| entry.info)
    }

    /// Takes the signal of `wanted` that comes first: synchronous ones, then by number, then by arrival.
    pub(crate) fn take(&mut self, wanted: SigSet) -> Option<Taken> {
        let ready = self.set.and(wanted);
        let signal = ready.and(SigSet::SYNCHRONOUS).first().or_else(|| ready.first())?;
        let mut of_it = self.list.iter().enumerate().filter(|(_, entry)| entry.info.signal() == signal);
        let first = of_it.next().map(|(at, _)| at);
        let has_more = of_it.next().is_some();
        if !has_more {
            self.set.remove(signal);
        }
        let entry = first.and_then(|at| self.list.remove(at));
        // Without information: as Linux fills it in.
        Some(entry.map_or_else(
            || Taken { info: SigInfo::sent(signal, abi::signal::SI_USER, 0, 0), origin: None },
            |entry| Taken { info: entry.info, origin: entry.origin },
        ))
    }

    /// Forgets these signals.
    pub(crate) fn flush(&mut self, signals: SigSet) {
        if !self.set.and(signals).is_empty() {
            self.set = self.set.without(signals);
            self.list.retain(|entry| !signals.has(entry.info.signal()));
        }
    }

    /// Forgets signals of POSIX timers: execve deletes these.
    pub(crate) fn flush_timers(&mut self) {
        let gone: Vec<u8> = self.list.iter().filter(|e| e.info.code == SI_TIMER).map(|e| e.info.signal()).collect();
        self.list.retain(|entry| entry.info.code != SI_TIMER);
        for signal in gone {
            if !self.list.iter().any(|entry| entry.info.signal() == signal) {
                self.set.remove(signal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::signal::{SIGSEGV, SIGTERM, SIGUSR1};

    fn push(queue: &mut Queue, signal: u8, value: u64) {
        queue.push(SigInfo::queued(signal, abi::signal::SI_QUEUE, 1, 0, value), None, None);
    }

    fn take(queue: &mut Queue, wanted: SigSet) -> Option<(u8, u64)> {
        queue.take(wanted).map(|taken| (taken.info.signal(), taken.info.value()))
    }

    #[test]
    fn order() {
        let mut queue = Queue::default();
        for (signal, value) in [(40, 1), (SIGTERM, 2), (34, 3), (40, 4), (SIGSEGV, 5), (SIGUSR1, 6)] {
            push(&mut queue, signal, value);
        }
        let order: Vec<_> = std::iter::from_fn(|| take(&mut queue, SigSet::ALL)).collect();
        assert_eq!(order, [(SIGSEGV, 5), (SIGUSR1, 6), (SIGTERM, 2), (34, 3), (40, 1), (40, 4)]);
        assert!(queue.set().is_empty());
    }

    #[test]
    fn wanted_and_flushed() {
        let mut queue = Queue::default();
        push(&mut queue, SIGTERM, 0);
        queue.mark(35);
        assert!(queue.has_standard(SIGTERM) && !queue.has_standard(35));
        assert_eq!(take(&mut queue, SigSet::of(35)), Some((35, 0)));
        assert_eq!(take(&mut queue, SigSet::of(35)), None);
        queue.flush(SigSet::of(SIGTERM));
        assert_eq!(take(&mut queue, SigSet::ALL), None);
    }
}
