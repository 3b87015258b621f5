//! How a sentry thread waits for its stub thread: where it runs, and whether it spins.
//!
//! Waking an idle core costs far more than a switch on the same core. So a sentry thread is in one of two states:
//! - *near*: allowed on the stub's core alone; both sides sleep at once, and a call costs two switches there.
//! - *apart*: allowed on all other cores; both sides spin for a while, and a call costs two cache misses.
//!
//! A run of calls in quick succession brings it apart; a spin that was for nothing, or a call that took long, brings
//! it near. Only as many threads are apart as there are cores to spare.

use super::ticks;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Ticks that both sides spin when apart: some 20 µs.
const SPIN: u64 = 50_000;
/// Calls in quick succession that bring a thread apart ...
const QUICK_CALLS: u32 = 8;
/// ... when they come within this many ticks, some 160 µs: so often that a spin mostly meets the next one.
const QUICK: u64 = 400_000;

/// The cores of the sandbox.
#[derive(Debug)]
pub(super) struct Cores {
    allowed: CpuSet,
    count: u32,
    /// Threads that are apart.
    apart: AtomicU32,
}

impl Cores {
    /// The cores that the calling thread may use.
    pub(super) fn of_host() -> Self {
        let allowed = sched_getaffinity(None).unwrap_or_default();
        Self { allowed, count: allowed.count(), apart: AtomicU32::new(0) }
    }

    /// Their numbers, which are the host's.
    pub(super) fn numbers(&self) -> impl Iterator<Item = usize> {
        (0..CpuSet::MAX_CPU).filter(|&cpu| self.allowed.is_set(cpu))
    }

    /// Confines a host thread to processors of the sandbox.
    pub(super) fn confine(&self, tid: i32, words: &[u64]) {
        let mut set = CpuSet::new();
        for cpu in self.numbers().filter(|cpu| words.get(cpu / 64).is_some_and(|word| word >> (cpu % 64) & 1 != 0)) {
            set.set(cpu);
        }
        // A thread that is gone needs no place; an empty set is refused by the host.
        let _ = sched_setaffinity(rustix::thread::Pid::from_raw(tid), &set);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Wherever the host puts it.
    Anywhere,
    Near(u32),
    Apart(u32),
}

/// The pace of one sentry thread.
#[derive(Debug)]
pub(super) struct Pace {
    place: Place,
    /// When the run of calls began that may become a quick one, and its length.
    since: u64,
    calls: u32,
    /// When the stub last gave the turn.
    turn: u64,
}

impl Pace {
    pub(super) const fn new() -> Self {
        Self { place: Place::Anywhere, since: 0, calls: 0, turn: 0 }
    }

    /// The stub is about to get the turn: ticks that it shall spin when it waits again.
    pub(super) fn before(&mut self, cores: &Cores, cpu: u32) -> u32 {
        if let Place::Apart(_) = self.place
            && ticks().wrapping_sub(self.turn) > SPIN
        {
            // The call took longer than the stub spins: it sleeps by now, and its core may have idled.
            self.go_near(cores, cpu);
        }
        if let Place::Apart(_) = self.place { SPIN as u32 } else { 0 }
    }

    /// The stub thread runs on another core and spins while it waits.
    pub(super) const fn is_apart(&self) -> bool {
        matches!(self.place, Place::Apart(_))
    }

    /// Ticks that the sentry thread shall spin now.
    pub(super) const fn spin(&self) -> u64 {
        if let Place::Apart(_) = self.place { SPIN } else { 0 }
    }

    /// The spin was for nothing: the thread is about to sleep.
    pub(super) fn sleeps(&mut self, cores: &Cores, cpu: u32) {
        if self.place != Place::Near(cpu) {
            self.go_near(cores, cpu);
        }
    }

    /// The stub gave the turn, from `cpu`.
    pub(super) fn after(&mut self, cores: &Cores, cpu: u32) {
        let now = ticks();
        self.turn = now;
        match self.place {
            Place::Apart(from) if from == cpu => {}
            Place::Apart(_) => self.go_apart(cores, cpu),
            _ => {
                self.calls += 1;
                if self.calls >= QUICK_CALLS {
                    let is_quick = now.wrapping_sub(self.since) < QUICK;
                    (self.calls, self.since) = (0, now);
                    if is_quick && cores.apart.fetch_add(1, Relaxed) + 1 < cores.count {
                        self.go_apart(cores, cpu);
                    } else if is_quick {
                        cores.apart.fetch_sub(1, Relaxed);
                    }
                }
            }
        }
    }

    /// The thread leaves its context: it may run anywhere again.
    pub(super) fn end(&mut self, cores: &Cores) {
        self.leave(cores);
        if self.place != Place::Anywhere {
            let _ = sched_setaffinity(None, &cores.allowed);
            self.place = Place::Anywhere;
        }
    }

    fn leave(&self, cores: &Cores) {
        if let Place::Apart(_) = self.place {
            cores.apart.fetch_sub(1, Relaxed);
        }
    }

    fn go_near(&mut self, cores: &Cores, cpu: u32) {
        self.leave(cores);
        self.place = Place::Near(cpu);
        (self.calls, self.since) = (0, ticks());
        if cores.count > 1 && (cpu as usize) < CpuSet::MAX_CPU && cores.allowed.is_set(cpu as usize) {
            let mut near = CpuSet::new();
            near.set(cpu as usize);
            let _ = sched_setaffinity(None, &near);
        }
    }

    /// The count of threads apart includes this one.
    fn go_apart(&mut self, cores: &Cores, cpu: u32) {
        self.place = Place::Apart(cpu);
        let mut others = cores.allowed;
        if (cpu as usize) < CpuSet::MAX_CPU {
            others.unset(cpu as usize);
        }
        if sched_setaffinity(None, &others).is_err() {
            self.leave(cores);
            self.place = Place::Anywhere;
        }
    }
}
