//! The clocks that programs name: `clock_gettime(2)`, `clock_getcpuclockid(3)`.

use crate::task::{Task, ThreadGroup};
use abi::Errno;
use abi::clock::{
    CLOCK_BOOTTIME, CLOCK_BOOTTIME_ALARM, CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE, CLOCK_MONOTONIC_RAW,
    CLOCK_PROCESS_CPUTIME_ID, CLOCK_REALTIME, CLOCK_REALTIME_ALARM, CLOCK_REALTIME_COARSE, CLOCK_TAI,
    CLOCK_THREAD_CPUTIME_ID,
};
use rustix::time::{ClockId, DynamicClockId, clock_getres, clock_gettime, clock_gettime_dynamic};
use std::sync::{Arc, Weak};
use std::time::Duration;
use sync::{Clock, Deadline};

/// Whose processor time a clock counts.
#[derive(Clone, Debug)]
pub enum Counted {
    /// All threads of a process, dead ones included.
    Process(Weak<ThreadGroup>),
    /// One thread.
    Thread(Weak<Task>),
}

/// A clock that counts processor time.
#[derive(Clone, Debug)]
pub struct CpuClock {
    /// Whose.
    pub whose: Counted,
    /// Only what was spent in application code.
    pub only_user: bool,
}

impl CpuClock {
    /// The time so far; zero when nobody is there any more.
    pub fn now(&self) -> Duration {
        let usage = match &self.whose {
            Counted::Process(group) => group.upgrade().map(|group| group.usage()),
            Counted::Thread(task) => task.upgrade().map(|task| task.usage()),
        };
        let usage = usage.unwrap_or_default();
        if self.only_user { usage.user } else { usage.user + usage.system }
    }

    /// Nobody is there any more: it stands still.
    pub fn is_over(&self) -> bool {
        match &self.whose {
            Counted::Process(group) => group.upgrade().is_none_or(|group| group.status().is_some()),
            Counted::Thread(task) => task.upgrade().is_none_or(|task| !task.is_live()),
        }
    }

    /// Most threads that may count at a time.
    fn threads(&self) -> u32 {
        match &self.whose {
            Counted::Process(group) => group.upgrade().map_or(1, |group| group.tasks().len() as u32),
            Counted::Thread(_) => 1,
        }
    }

    /// When to look again at a clock that `left` is missing on; `looks` were in vain so far: a process that sleeps
    /// is looked at ever more seldom.
    pub fn look_again(&self, left: Duration, looks: u32) -> Option<Deadline> {
        const LEAST: Duration = Duration::from_millis(1);
        const MOST: Duration = Duration::from_millis(64);
        let least = LEAST.saturating_mul(1 << looks.min(6)).min(MOST);
        Deadline::after((left / self.threads().max(1)).max(least))
    }
}

/// A clock.
#[derive(Clone, Debug)]
pub enum ClockSource {
    /// One that can be waited on.
    Host(Clock),
    /// One that can only be read.
    ReadOnly(ClockId),
    /// `CLOCK_TAI`: the real-time clock without leap seconds.
    Tai,
    /// Processor time.
    Cpu(CpuClock),
}

impl ClockSource {
    /// Its time.
    pub fn now(&self) -> Duration {
        match self {
            Self::Host(clock) => sync::now(*clock),
            Self::ReadOnly(id) => {
                let time = clock_gettime(*id);
                Duration::new(time.tv_sec.max(0) as u64, time.tv_nsec as u32)
            }
            // Every Linux has it; one that did not would count no leap seconds.
            Self::Tai => clock_gettime_dynamic(DynamicClockId::Tai).map_or_else(
                |_| sync::now(Clock::Realtime),
                |time| Duration::new(time.tv_sec.max(0) as u64, time.tv_nsec as u32),
            ),
            Self::Cpu(clock) => clock.now(),
        }
    }

    /// Its resolution.
    pub fn resolution(&self) -> Duration {
        match self {
            Self::ReadOnly(id) => {
                let time = clock_getres(*id);
                Duration::new(time.tv_sec.max(0) as u64, time.tv_nsec as u32)
            }
            Self::Host(_) | Self::Tai | Self::Cpu(_) => Duration::from_nanos(1),
        }
    }

    /// The clock of a program's number; `EINVAL`.
    pub fn of(caller: &Arc<Task>, id: i32) -> Result<Self, Errno> {
        let cpu = |whose| Ok(Self::Cpu(CpuClock { whose, only_user: false }));
        match id {
            CLOCK_REALTIME | CLOCK_REALTIME_ALARM => Ok(Self::Host(Clock::Realtime)),
            CLOCK_TAI => Ok(Self::Tai),
            CLOCK_MONOTONIC => Ok(Self::Host(Clock::Monotonic)),
            CLOCK_BOOTTIME | CLOCK_BOOTTIME_ALARM => Ok(Self::Host(Clock::Boottime)),
            CLOCK_MONOTONIC_RAW => Ok(Self::ReadOnly(ClockId::MonotonicRaw)),
            CLOCK_REALTIME_COARSE => Ok(Self::ReadOnly(ClockId::RealtimeCoarse)),
            CLOCK_MONOTONIC_COARSE => Ok(Self::ReadOnly(ClockId::MonotonicCoarse)),
            CLOCK_PROCESS_CPUTIME_ID => cpu(Counted::Process(Arc::downgrade(caller.group()))),
            CLOCK_THREAD_CPUTIME_ID => cpu(Counted::Thread(Arc::downgrade(caller))),
            id if id < 0 => Self::dynamic(caller, id),
            _ => Err(Errno::EINVAL),
        }
    }

    /// A processor clock of a named process or thread: `~pid << 3 | per-thread 4 | kind` (posix-timers.h). Threads
    /// must be of the caller's own process.
    fn dynamic(caller: &Arc<Task>, id: i32) -> Result<Self, Errno> {
        let (pid, is_thread, kind) = (!(id >> 3), id & 4 != 0, id & 3);
        if kind == 3 {
            return Err(Errno::EINVAL);
        }
        let namespace = caller.pid_namespace();
        let found = if pid == 0 { Some(caller.clone()) } else { caller.kernel().tree().task(&namespace, pid) };
        let found = found.ok_or(Errno::EINVAL)?;
        let whose = if is_thread {
            if !Arc::ptr_eq(found.group(), caller.group()) {
                return Err(Errno::EINVAL);
            }
            Counted::Thread(Arc::downgrade(&found))
        } else {
            let is_leader = found.group().pid().within(&namespace) == pid;
            if pid != 0 && !is_leader && !Arc::ptr_eq(&found, caller) {
                return Err(Errno::EINVAL);
            }
            Counted::Process(Arc::downgrade(found.group()))
        };
        Ok(Self::Cpu(CpuClock { whose, only_user: kind == 1 }))
    }
}
