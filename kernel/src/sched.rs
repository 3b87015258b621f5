//! How a thread is scheduled: `sched(7)`. Kept and shown; the host schedules as it likes.

use abi::sched::SCHED_OTHER;
use std::sync::OnceLock;

/// Processors of the sandbox as a set: at most 1024 are known (`CPU_SETSIZE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuSet(pub [u64; CpuSet::WORDS]);

impl CpuSet {
    /// Words of a set.
    pub const WORDS: usize = 16;

    /// The processors with these numbers.
    pub fn of(numbers: impl IntoIterator<Item = usize>) -> Self {
        let mut words = [0; Self::WORDS];
        for number in numbers {
            if let Some(word) = words.get_mut(number / 64) {
                *word |= 1 << (number % 64);
            }
        }
        Self(words)
    }

    /// Their numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        (0..Self::WORDS * 64).filter(|&cpu| self.has(cpu))
    }

    /// One more than the highest number.
    pub fn end(&self) -> usize {
        self.iter().last().map_or(0, |last| last + 1)
    }

    /// As hexadecimal digits, as many as `width` processors need, in groups of 8.
    pub fn mask(&self, width: usize) -> String {
        let word = |index: usize| (self.0.get(index / 2).copied().unwrap_or(0) >> (index % 2 * 32)) as u32;
        let words = width.div_ceil(32).max(1);
        let top_digits = (width - (words - 1) * 32).div_ceil(4).max(1);
        let mut groups = vec![format!("{:0top_digits$x}", word(words - 1))];
        groups.extend((0..words - 1).rev().map(|index| format!("{:08x}", word(index))));
        groups.join(",")
    }

    /// As ranges: `0-2,5`.
    pub fn list(&self) -> String {
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for cpu in self.iter() {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == cpu => *last = cpu,
                _ => ranges.push((cpu, cpu)),
            }
        }
        let text = |&(first, last): &(usize, usize)| {
            if first == last { first.to_string() } else { format!("{first}-{last}") }
        };
        ranges.iter().map(text).collect::<Vec<_>>().join(",")
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
    /// `set_mempolicy(2)`.
    pub memory_policy: mm::Policy,
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
            memory_policy: mm::Policy::default(),
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

static CPUS: OnceLock<CpuSet> = OnceLock::new();

/// Processors of the sandbox: those that the sentry could use when the platform was started. (The thread that asks
/// may have been moved near its stub and be allowed a single one.) They have the host's numbers, which the
/// application learns without asking the sentry; those in between are off line.
pub fn cpus() -> CpuSet {
    CPUS.get().copied().unwrap_or_else(|| CpuSet::of([0]))
}

/// Sets [`cpus`]; the first machine of the process does.
pub(crate) fn set_cpus(set: CpuSet) {
    // A second machine runs on the same processors.
    let _ = CPUS.set(if set.is_empty() { CpuSet::of([0]) } else { set });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets() {
        let set = CpuSet::of(0..65);
        assert_eq!((set.0[0], set.0[1], set.len()), (u64::MAX, 1, 65));
        assert!(set.has(64) && !set.has(65) && !set.has(5000));
        assert!(CpuSet::of([]).is_empty());
        assert_eq!(set.and(CpuSet::of(0..2)), CpuSet::of([1, 0]));
    }

    #[test]
    fn masks_and_lists() {
        let set = CpuSet::of([0, 1, 2, 5]);
        assert_eq!((set.mask(8), set.list(), set.end()), ("27".into(), "0-2,5".into(), 6));
        assert_eq!((CpuSet::of(0..2).mask(2), CpuSet::of(0..2).list()), ("3".into(), "0-1".into()));
        assert_eq!(CpuSet::of(0..40).mask(40), "ff,ffffffff");
        assert_eq!(CpuSet::of([0]).mask(64), "00000000,00000001");
        assert_eq!((CpuSet::of([]).list(), CpuSet::of([]).end()), (String::new(), 0));
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
