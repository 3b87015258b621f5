//! Timers as files: `timerfd_create(2)`.

use crate::clock::ClockSource;
use crate::timers::{Expire, Service, Setting, Timer};
use abi::Errno;
use abi::clock::Itimerspec;
use abi::poll::Events;
use mm::Sink;
use std::sync::{Arc, Weak};
use sync::{Clock, Fail, Mutex, Rank, WaitQueue};
use vfs::{File, Io};

struct State {
    timer: Timer,
    setting: Option<Setting>,
    /// Expirations that nobody has read.
    ticks: u64,
    /// Reads end with `ECANCELED` when the clock is set.
    cancel_on_set: bool,
    was_canceled: bool,
    /// Flags of the last setting, for fdinfo.
    flags: i32,
}

impl State {
    /// Counts what has run out.
    fn count(&mut self) {
        if let Some(setting) = self.setting.take() {
            let (count, rest) = setting.advance();
            self.ticks = self.ticks.saturating_add(count);
            self.setting = rest;
        }
    }

    fn arm(&mut self) {
        let at = self.setting.as_ref().and_then(|setting| setting.look_at(0));
        self.timer.arm(at);
    }

    fn spec(&self) -> Itimerspec {
        self.setting.as_ref().map_or_else(Itimerspec::default, Setting::to_spec)
    }
}

/// What a [`TimerFd`] and the timer thread share.
struct Shared {
    clock_id: i32,
    clock: Clock,
    state: Mutex<State>,
    events: WaitQueue,
}

/// A timer as a file.
pub struct TimerFd(Arc<Shared>);

impl TimerFd {
    /// A timer on a clock that `timerfd_create(2)` takes, not set. Host errors.
    pub fn new(service: &Arc<Service>, clock_id: i32, clock: Clock) -> Result<Self, Errno> {
        service.start()?;
        Ok(Self(Arc::new_cyclic(|me: &Weak<Shared>| {
            let timer = service.timer(me.clone());
            let state = State { timer, setting: None, ticks: 0, cancel_on_set: false, was_canceled: false, flags: 0 };
            Shared { clock_id, clock, state: Mutex::new(Rank::Buffer, state), events: WaitQueue::new() }
        })))
    }

    /// `timerfd_settime(2)`; what it was set to. `ECANCELED`: the clock was set since the last time (it is armed all
    /// the same).
    pub fn set(&self, spec: Itimerspec, flags: i32) -> Result<Itimerspec, Errno> {
        let is_absolute = flags & abi::clock::TIMER_ABSTIME != 0;
        let setting = Setting::new(spec, is_absolute, ClockSource::Host(self.0.clock))?;
        let mut state = self.0.state.lock();
        let was_canceled = std::mem::take(&mut state.was_canceled) && state.cancel_on_set;
        state.count();
        let old = state.spec();
        let follows = setting.as_ref().is_some_and(Setting::is_realtime);
        state.cancel_on_set = follows && flags & abi::clock::TFD_TIMER_CANCEL_ON_SET != 0;
        state.ticks = 0;
        state.setting = setting;
        state.flags = flags;
        state.arm();
        if was_canceled && state.cancel_on_set { Err(Errno::ECANCELED) } else { Ok(old) }
    }

    /// The clock that it follows.
    pub fn clock(&self) -> ClockSource {
        ClockSource::Host(self.0.clock)
    }

    /// `timerfd_gettime(2)`.
    pub fn spec(&self) -> Itimerspec {
        let mut state = self.0.state.lock();
        state.count();
        state.arm();
        state.spec()
    }
}

impl Shared {
    fn take(&self) -> Result<u64, Errno> {
        let mut state = self.state.lock();
        if state.cancel_on_set && std::mem::take(&mut state.was_canceled) {
            return Err(Errno::ECANCELED);
        }
        state.count();
        if state.ticks == 0 {
            return Err(Errno::EAGAIN);
        }
        state.arm();
        Ok(std::mem::take(&mut state.ticks))
    }
}

impl Expire for Shared {
    fn expire(&self) {
        let mut state = self.state.lock();
        state.count();
        // Not armed again: that is done when somebody reads.
        let is_ready = state.ticks > 0;
        if !is_ready {
            state.arm();
        }
        drop(state);
        if is_ready {
            self.events.notify(Events::IN | Events::RDNORM);
        }
    }

    fn clock_was_set(&self) {
        let mut state = self.state.lock();
        if state.cancel_on_set {
            state.was_canceled = true;
            drop(state);
            self.events.notify(Events::IN | Events::RDNORM);
        }
    }
}

impl File for TimerFd {
    fn read(&self, io: &Io<'_>, dst: &mut dyn Sink, _offset: &mut u64) -> Result<usize, Fail> {
        if dst.room() < 8 {
            return Err(Errno::EINVAL.into());
        }
        let ticks = io.caller.retry(&self.0.events, Events::IN, io.is_nonblock(), || self.0.take())?;
        Ok(dst.put(&ticks.to_ne_bytes())?)
    }

    fn readiness(&self) -> Events {
        let mut state = self.0.state.lock();
        state.count();
        if state.ticks > 0 || (state.cancel_on_set && state.was_canceled) {
            Events::IN | Events::RDNORM
        } else {
            Events::empty()
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.0.events)
    }

    fn fdinfo(&self) -> String {
        let spec = self.spec();
        let state = self.0.state.lock();
        let (value, interval) = (spec.value, spec.interval);
        format!(
            "clockid: {}\nticks: {}\nsettime flags: 0{:o}\nit_value: ({}, {})\nit_interval: ({}, {})\n",
            self.0.clock_id, state.ticks, state.flags, value.sec, value.nsec, interval.sec, interval.nsec
        )
    }

    fn anonymous_name(&self) -> Option<String> {
        Some("anon_inode:[timerfd]".to_owned())
    }
}
