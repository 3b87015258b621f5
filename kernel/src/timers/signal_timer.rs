//! A timer that sends a signal.

use super::{Expire, Service, Setting, Timer};
use crate::clock::ClockSource;
use crate::pid::Pid;
use crate::signal::Origin;
use crate::task::{Task, ThreadGroup};
use crate::user::SignalCharge;
use abi::Errno;
use abi::signal::{SI_TIMER, SigInfo};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::time::Duration;
use sync::{Clock, Deadline, Mutex, Rank};

/// Least time between two attempts to send a signal that nobody takes.
const RETRY: Duration = Duration::from_millis(4);

/// How a timer was asked for: what `timer_create(2)` was given.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Number of the clock.
    pub clock: i32,
    /// `SIGEV_*`.
    pub notify: i32,
    /// The signal.
    pub signal: i32,
    /// What goes with it.
    pub value: u64,
    /// The thread, or the process.
    pub target: Arc<Pid>,
}

/// What a timer sends, and to whom.
pub struct Notify {
    /// The process.
    pub group: Weak<ThreadGroup>,
    /// This thread only.
    pub thread: Option<Weak<Task>>,
    /// The signal; `None`: nothing (`SIGEV_NONE`).
    pub info: Option<SigInfo>,
}

#[derive(Default)]
struct State {
    setting: Option<Setting>,
    /// Expirations beyond the first since the last signal was sent.
    overrun: u64,
    /// The same when the last signal was taken: `timer_getoverrun(2)`.
    last_overrun: i32,
    /// Counts settings, so that signals of an earlier one do not move this one on.
    generation: u64,
    /// The timer thread looked in vain so often.
    looks: u32,
}

/// A timer that sends a signal. After one was sent it rests until that signal is taken, as on Linux: a period that
/// is too short costs nothing.
pub struct SignalTimer {
    me: Weak<Self>,
    clock: ClockSource,
    notify: Notify,
    state: Mutex<State>,
    timer: Mutex<Timer>,
    /// A signal of this generation was forgotten untaken: the timer thread is to go on; 0 for none.
    lost: AtomicU64,
    /// Its place in the count of queued signals.
    _charge: Option<SignalCharge>,
}

/// Goes with the signal and comes back when it is taken or forgotten.
struct Receipt {
    timer: Arc<SignalTimer>,
    generation: u64,
    is_taken: AtomicBool,
}

impl SignalTimer {
    /// A timer that is not set. `EAGAIN` and others when the host has no timers.
    pub fn with_clock(
        service: &Arc<Service>,
        clock: ClockSource,
        notify: Notify,
        charge: Option<SignalCharge>,
    ) -> Result<Arc<Self>, Errno> {
        service.start()?;
        Ok(Arc::new_cyclic(|me: &Weak<Self>| {
            let timer = service.timer(me.clone());
            Self {
                me: me.clone(),
                clock,
                notify,
                state: Mutex::new(Rank::Setting, State { generation: 1, ..State::default() }),
                timer: Mutex::new(Rank::Buffer, timer),
                lost: AtomicU64::new(0),
                _charge: charge,
            }
        }))
    }

    /// Its clock.
    pub const fn clock(&self) -> &ClockSource {
        &self.clock
    }

    /// Sets it; what it was set to.
    pub fn set(&self, setting: Option<Setting>) -> Option<Setting> {
        let mut state = self.state.lock();
        let old = state.current();
        state.generation += 1;
        state.overrun = 0;
        state.last_overrun = 0;
        state.setting = setting;
        self.arm(&mut state);
        old
    }

    /// What it is set to.
    pub fn setting(&self) -> Option<Setting> {
        self.state.lock().current()
    }

    /// How often it ran out between sending and taking of the last signal.
    pub fn overrun(&self) -> i32 {
        self.state.lock().last_overrun
    }

    /// The signal came to its end.
    fn settle(&self, generation: u64) -> Option<i32> {
        let mut state = self.state.lock();
        if state.generation != generation {
            return None;
        }
        if let Some(setting) = state.setting.take() {
            let (count, rest) = setting.advance();
            state.overrun = state.overrun.saturating_add(count);
            state.setting = rest;
        }
        state.last_overrun = i32::try_from(state.overrun).unwrap_or(i32::MAX);
        state.overrun = 0;
        self.arm(&mut state);
        Some(state.last_overrun)
    }

    /// Has the timer thread look when the setting may be due.
    fn arm(&self, state: &mut State) {
        state.looks = 0;
        let at = state.setting.as_ref().filter(|_| self.notify.info.is_some()).and_then(|setting| setting.look_at(0));
        self.timer.lock().arm(at);
    }
}

impl State {
    /// The setting; periods that nobody was told of are passed.
    fn current(&self) -> Option<Setting> {
        let setting = self.setting.clone()?;
        if setting.interval().is_zero() { Some(setting) } else { setting.advance().1 }
    }
}

impl Expire for SignalTimer {
    fn expire(&self) {
        let lost = self.lost.swap(0, SeqCst);
        if lost != 0 {
            self.settle(lost);
        }
        let Some(info) = self.notify.info else { return };
        let mut state = self.state.lock();
        let Some(setting) = state.setting.take() else { return };
        if !setting.is_due() {
            state.looks = state.looks.saturating_add(1);
            let at = setting.look_at(state.looks);
            state.setting = Some(setting);
            self.timer.lock().arm(at);
            return;
        }
        let (count, rest) = setting.advance();
        state.overrun = count - 1;
        state.setting = rest;
        let generation = state.generation;
        drop(state);
        if !self.send(info, generation) {
            self.retry(generation);
        }
    }
}

impl SignalTimer {
    /// Sends the signal; false: it was dropped.
    fn send(&self, info: SigInfo, generation: u64) -> bool {
        let Some(group) = self.notify.group.upgrade() else { return true };
        let thread = self.notify.thread.as_ref().map(Weak::upgrade);
        // Its thread is gone: on Linux the signal is lost and the timer stands still.
        let Some(thread) = thread.map_or(Some(None), |thread| thread.map(Some)) else { return true };
        let Some(timer) = self.me.upgrade() else { return true };
        let receipt = Arc::new(Receipt { timer, generation, is_taken: AtomicBool::new(false) });
        let sent = group.send_tracked(info, thread.as_deref(), receipt.clone());
        if !sent {
            receipt.is_taken.store(true, SeqCst);
        }
        sent
    }

    /// The signal was ignored, or there is one of the kind already: the timer goes on.
    fn retry(&self, generation: u64) {
        let state = self.state.lock();
        if state.generation != generation {
            return;
        }
        let soonest = Deadline::after(RETRY);
        let next = state.setting.as_ref().and_then(|setting| setting.look_at(0));
        let at = match (next, soonest) {
            (Some(next), Some(soonest)) if next.left() < RETRY => Some(soonest),
            (next, _) => next,
        };
        self.timer.lock().arm(at);
    }
}

impl Origin for Receipt {
    fn taken(&self, info: &mut SigInfo) {
        self.is_taken.store(true, SeqCst);
        let overrun = self.timer.settle(self.generation);
        if info.code == SI_TIMER {
            // si_overrun is the upper half of the first word.
            info.set_uid(overrun.unwrap_or(0) as u32);
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if !self.is_taken.load(SeqCst) {
            // Signal locks are held: the timer thread does the rest.
            self.timer.lost.store(self.generation, SeqCst);
            self.timer.timer.lock().arm(Some(Deadline { clock: Clock::Monotonic, at: Duration::ZERO }));
        }
    }
}
