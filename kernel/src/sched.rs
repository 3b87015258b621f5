//! How a thread is scheduled: `sched(7)`. Kept and shown; the host schedules as it likes.

use abi::sched::SCHED_OTHER;
use std::sync::OnceLock;

/// Processors of the sandbox as a set: at most 1024 are known (`CPU_SETSIZE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuSet(pub [u64; CpuSet::WORDS]);

impl CpuSet {
    /// Words of a set.
    pub const WORDS: usize = 16;

    /// The first `count` processors.
    pub const fn first(count: usize) -> Self {
        let mut words = [0; Self::WORDS];
        let mut index = 0;
        while index < count && index < Self::WORDS * 64 {
            words[index / 64] |= 1 << (index % 64);
            index += 1;
        }
        Self(words)
    }

    /// In both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(std::array::from_fn(|index| self.0[index] & other.0[index]))
    }

    /// Holds none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    /// How many it holds.
    pub fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// The processor is in it.
    pub fn has(&self, cpu: usize) -> bool {
        self.0.get(cpu / 64).is_some_and(|word| word >> (cpu % 64) & 1 != 0)
    }
}

/// How a thread is scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheduling {
    /// `SCHED_*`.
    pub policy: u32,
    /// -20 to 19.
    pub nice: i32,
    /// Static priority: 1 to 99 for real-time policies, else 0.
    pub priority: u32,
    /// `SCHED_RESET_ON_FORK`.
    pub reset_on_fork: bool,
    /// Run time, deadline and period of `SCHED_DEADLINE`, in nanoseconds.
    pub deadline: [u64; 3],
    /// Processors that it may run on; `None`: all.
    pub affinity: Option<CpuSet>,
    /// `ioprio_set(2)`; 0 is none.
    pub ioprio: u16,
    /// `PR_SET_TIMERSLACK` in nanoseconds, and the default that 0 goes back to.
    pub timer_slack: (u64, u64),
    /// Mode and flags of `set_mempolicy(2)`.
    pub memory_policy: u32,
    /// Node 0 is named by it.
    pub memory_nodes: u64,
}

impl Default for Scheduling {
    fn default() -> Self {
        Self {
            policy: SCHED_OTHER,
            nice: 0,
            priority: 0,
            reset_on_fork: false,
            deadline: [0; 3],
            affinity: None,
            ioprio: 0,
            timer_slack: (50_000, 50_000),
            memory_policy: 0,
            memory_nodes: 0,
        }
    }
}

impl Scheduling {
    /// What a child starts with (`sched(7)`, "The nice value", "Resetting scheduling policy for child processes").
    #[must_use]
    pub fn for_child(self) -> Self {
        let child = Self { timer_slack: (self.timer_slack.0, self.timer_slack.0), ..self };
        if !self.reset_on_fork {
            return child;
        }
        let is_real_time = self.priority > 0 || self.policy == abi::sched::SCHED_DEADLINE;
        let policy = if is_real_time { SCHED_OTHER } else { self.policy };
        let nice = if is_real_time { 0 } else { self.nice.max(0) };
        Self { policy, nice, priority: 0, deadline: [0; 3], reset_on_fork: false, ..child }
    }
}

static COUNT: OnceLock<usize> = OnceLock::new();

/// Processors of the sandbox: those that the sentry could use when the platform was started. (The thread that asks
/// may have been moved near its stub and be allowed a single one.)
pub fn cpu_count() -> usize {
    COUNT.get().copied().unwrap_or(1)
}

/// Sets [`cpu_count`]; the first machine of the process does.
pub(crate) fn set_cpu_count(count: usize) {
    // A second machine runs on the same processors.
    let _ = COUNT.set(count.max(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets() {
        let set = CpuSet::first(65);
        assert_eq!((set.0[0], set.0[1], set.len()), (u64::MAX, 1, 65));
        assert!(set.has(64) && !set.has(65) && !set.has(5000));
        assert!(CpuSet::first(0).is_empty());
        assert_eq!(set.and(CpuSet::first(2)), CpuSet::first(2));
    }

    #[test]
    fn children() {
        let fifo =
            Scheduling { policy: abi::sched::SCHED_FIFO, priority: 9, reset_on_fork: true, ..Scheduling::default() };
        assert_eq!(fifo.for_child(), Scheduling::default());
        let nice = Scheduling { nice: -5, reset_on_fork: true, ..Scheduling::default() };
        assert_eq!(nice.for_child().nice, 0);
        let kept = Scheduling { nice: -5, ..Scheduling::default() };
        assert_eq!(kept.for_child(), kept);
    }
}
