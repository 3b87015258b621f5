//! The timers of one process.

use super::cpu_limit::CpuLimit;
use super::{Asked, Notify, Service, Setting, SignalTimer};
use crate::clock::{ClockSource, Counted, CpuClock};
use crate::task::ThreadGroup;
use abi::Errno;
use abi::resource::{RLIM_INFINITY, Resource};
use abi::signal::{SIGALRM, SIGPROF, SIGVTALRM, SigInfo};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use sync::{Clock, Mutex, Rank};

/// Which of the three timers of `setitimer(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Itimer {
    /// Real time; SIGALRM.
    Real,
    /// Time in application code; SIGVTALRM.
    Virtual,
    /// Processor time; SIGPROF.
    Prof,
}

impl Itimer {
    /// By number: `EINVAL`.
    pub fn from_number(which: i32) -> Result<Self, Errno> {
        match which {
            abi::clock::ITIMER_REAL => Ok(Self::Real),
            abi::clock::ITIMER_VIRTUAL => Ok(Self::Virtual),
            abi::clock::ITIMER_PROF => Ok(Self::Prof),
            _ => Err(Errno::EINVAL),
        }
    }

    const fn signal(self) -> u8 {
        match self {
            Self::Real => SIGALRM,
            Self::Virtual => SIGVTALRM,
            Self::Prof => SIGPROF,
        }
    }

    fn clock(self, group: &Arc<ThreadGroup>) -> ClockSource {
        let cpu = |only_user| ClockSource::Cpu(CpuClock { whose: Counted::Process(Arc::downgrade(group)), only_user });
        match self {
            Self::Real => ClockSource::Host(Clock::Monotonic),
            Self::Virtual => cpu(true),
            Self::Prof => cpu(false),
        }
    }
}

#[derive(Default)]
struct Posix {
    by_id: BTreeMap<i32, (Asked, Arc<SignalTimer>)>,
    next: i32,
}

/// The timers of one process. Not inherited by children; [`Self::delete_posix`] at execve.
pub struct ProcessTimers {
    itimers: [OnceLock<Arc<SignalTimer>>; 3],
    cpu_limit: OnceLock<Arc<CpuLimit>>,
    posix: Mutex<Posix>,
}

impl Default for ProcessTimers {
    fn default() -> Self {
        Self {
            itimers: Default::default(),
            cpu_limit: OnceLock::new(),
            posix: Mutex::new(Rank::Buffer, Posix::default()),
        }
    }
}

impl ProcessTimers {
    /// `setitimer(2)`: sets `which` to run out after `value` (zero: never) and then every `interval`; what it was
    /// set to.
    pub fn set_itimer(
        &self,
        service: &Arc<Service>,
        group: &Arc<ThreadGroup>,
        which: Itimer,
        value: Duration,
        interval: Duration,
    ) -> Result<Option<Setting>, Errno> {
        let slot = &self.itimers[which as usize];
        if slot.get().is_none() {
            if value.is_zero() {
                return Ok(None);
            }
            let notify =
                Notify { group: Arc::downgrade(group), thread: None, info: Some(SigInfo::kernel(which.signal())) };
            // Another thread may have been faster.
            let _ = slot.set(SignalTimer::with_clock(service, which.clock(group), notify, None)?);
        }
        let Some(timer) = slot.get() else { return Ok(None) };
        let setting = || Setting::from_spans(value, interval, false, which.clock(group));
        Ok(timer.set((!value.is_zero()).then(setting)))
    }

    /// `getitimer(2)`.
    pub fn itimer(&self, which: Itimer) -> Option<Setting> {
        self.itimers[which as usize].get()?.setting()
    }

    /// Adds a POSIX timer made by `make`, which gets its id. Their number is limited by who makes them. `EAGAIN`.
    pub fn add_posix(&self, make: impl FnOnce(i32) -> Result<(Asked, Arc<SignalTimer>), Errno>) -> Result<i32, Errno> {
        let mut posix = self.posix.lock();
        let mut id = posix.next;
        while posix.by_id.contains_key(&id) {
            id = id.checked_add(1).unwrap_or(0);
        }
        posix.next = id.checked_add(1).unwrap_or(0);
        // The place is taken while the timer is made: ids go on from here.
        drop(posix);
        let timer = make(id)?;
        let mut posix = self.posix.lock();
        if posix.by_id.contains_key(&id) {
            return Err(Errno::EAGAIN);
        }
        posix.by_id.insert(id, timer);
        Ok(id)
    }

    /// A POSIX timer; `EINVAL`.
    pub fn posix(&self, id: i32) -> Result<Arc<SignalTimer>, Errno> {
        self.posix.lock().by_id.get(&id).map(|(_, timer)| timer.clone()).ok_or(Errno::EINVAL)
    }

    /// The POSIX timers by id, as they were asked for: /proc/PID/timers.
    pub fn list_posix(&self) -> Vec<(i32, Asked)> {
        self.posix.lock().by_id.iter().map(|(&id, (asked, _))| (id, asked.clone())).collect()
    }

    /// `timer_delete(2)`; `EINVAL`.
    pub fn remove_posix(&self, id: i32) -> Result<(), Errno> {
        let (_, removed) = self.posix.lock().by_id.remove(&id).ok_or(Errno::EINVAL)?;
        removed.set(None);
        Ok(())
    }

    /// Deletes all POSIX timers: execve, exit.
    pub fn delete_posix(&self) {
        let all = std::mem::take(&mut self.posix.lock().by_id);
        for (_, timer) in all.values() {
            timer.set(None);
        }
    }

    /// The soft `RLIMIT_CPU` of the process may have changed: it is watched from now on. Where the host has no
    /// timers it is not.
    pub fn watch_cpu_limit(&self, group: &Arc<ThreadGroup>) {
        if let Some(watch) = self.cpu_limit.get() {
            watch.look();
        } else if group.limit(Resource::Cpu as u32) != RLIM_INFINITY
            && let Ok(watch) = CpuLimit::new(group)
        {
            // Another thread may have been faster.
            let _ = self.cpu_limit.set(watch);
            if let Some(watch) = self.cpu_limit.get() {
                watch.look();
            }
        }
    }

    /// Stops everything: the process ends.
    pub fn end(&self) {
        self.delete_posix();
        for timer in self.itimers.iter().filter_map(OnceLock::get) {
            timer.set(None);
        }
        if let Some(watch) = self.cpu_limit.get() {
            watch.end();
        }
    }
}
