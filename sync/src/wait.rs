//! The word that a task sleeps on.

use crate::awake;
use crate::clock::{Clock, Deadline};
use crate::later;
use crate::spin::{SPIN, Spin};
use rustix::io::Errno;
use rustix::thread::futex;
use rustix::time::Timespec;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};

/// Why [`WaitWord::sleep`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// Somebody called [`WaitWord::wake`]; check the condition again.
    Event,
    /// Somebody called [`WaitWord::interrupt`]. It stays set until the owner clears it.
    Interrupted,
    /// The deadline passed.
    TimedOut,
}

/// A condition was met since [`WaitWord::arm`].
const WOKEN: u32 = 1;
/// The owner must look at signals and stops before it goes on.
const INTERRUPTED: u32 = 2;
/// The owner must die: also ends sleeps that only a fatal signal may end.
const KILLED: u32 = 4;
/// The owner sleeps in the futex.
const SLEEPING: u32 = 8;
/// The owner runs application code.
const IN_APP: u32 = 16;
/// The owner's sleep does not end by `INTERRUPTED`.
const KILLABLE: u32 = 32;

/// One task's word: waking its sleep and kicking its application are the same atomic operation,
/// so neither can be lost between the other's steps.
///
/// One owner (the task's thread) sleeps; anybody wakes and interrupts.
#[derive(Debug, Default)]
pub struct WaitWord {
    word: AtomicU32,
    /// How often the owner has slept.
    sleeps: AtomicU64,
    spin: Spin,
}

impl WaitWord {
    /// A word with nothing pending.
    pub const fn new() -> Self {
        Self { word: AtomicU32::new(0), sleeps: AtomicU64::new(0), spin: Spin::new() }
    }

    /// How often its owner has gone to sleep on it.
    pub fn sleeps(&self) -> u64 {
        self.sleeps.load(Relaxed)
    }

    /// Forgets earlier wakes. Call before the condition is checked: arm, check, sleep.
    pub fn arm(&self) {
        self.word.fetch_and(!WOKEN, SeqCst);
    }

    /// Ends the owner's sleep, or its next one, once.
    pub fn wake(self: &Arc<Self>) {
        if self.set_woken() == Some(true) {
            self.rouse();
        }
    }

    /// The first half of [`Self::wake`]. `None`: the word was set already, and who set it sees to the rest. Else
    /// whether the owner sleeps and the caller must [`Self::rouse`] it.
    pub(crate) fn set_woken(&self) -> Option<bool> {
        let old = self.word.fetch_or(WOKEN, SeqCst);
        (old & WOKEN == 0).then_some(old & SLEEPING != 0)
    }

    /// The second half of [`Self::wake`]: has the host wake the owner, now or at the end of [`crate::wake_later`].
    pub(crate) fn rouse(self: &Arc<Self>) {
        if !later::note(self) {
            self.rouse_now();
        }
    }

    pub(crate) fn rouse_now(&self) {
        // Waking a word that exists cannot fail.
        let _ = futex::wake(&self.word, futex::Flags::PRIVATE, 1);
    }

    /// Somebody woke the owner, which has not taken note of it: see [`crate::WaitQueue::add_in_turn`].
    pub fn is_woken(&self) -> bool {
        self.word.load(SeqCst) & WOKEN != 0
    }

    /// Makes the owner look at its signals and stops. True: the owner runs application code and
    /// must be kicked out of it by the platform.
    #[must_use]
    pub fn interrupt(self: &Arc<Self>) -> bool {
        let old = self.word.fetch_or(INTERRUPTED, SeqCst);
        if old & SLEEPING != 0 {
            self.rouse();
        }
        old & IN_APP != 0
    }

    /// As [`Self::interrupt`], and ends [`Self::sleep_killable`] too.
    #[must_use]
    pub fn kill(self: &Arc<Self>) -> bool {
        let old = self.word.fetch_or(INTERRUPTED | KILLED, SeqCst);
        if old & SLEEPING != 0 {
            self.rouse();
        }
        old & IN_APP != 0
    }

    /// Takes note of an interrupt; the owner then looks at what caused it.
    pub fn clear_interrupt(&self) {
        self.word.fetch_and(!INTERRUPTED, SeqCst);
    }

    /// An interrupt is pending.
    pub fn is_interrupted(&self) -> bool {
        self.word.load(SeqCst) & INTERRUPTED != 0
    }

    /// The owner sleeps. One that was woken does not any more, even if the host has not let it run yet.
    pub fn is_sleeping(&self) -> bool {
        let word = self.word.load(SeqCst);
        let enders = WOKEN | if word & KILLABLE != 0 { KILLED } else { INTERRUPTED };
        word & SLEEPING != 0 && word & enders == 0
    }

    /// The owner runs application code.
    pub fn is_in_app(&self) -> bool {
        self.word.load(SeqCst) & IN_APP != 0
    }

    /// Somebody killed the owner.
    pub fn is_killed(&self) -> bool {
        self.word.load(SeqCst) & KILLED != 0
    }

    /// The owner, killed, has taken note of that and has something left to do: sleeps last again until it is killed
    /// once more. Owner only.
    pub fn survive(&self) {
        self.word.fetch_and(!KILLED, SeqCst);
    }

    /// The owner goes to application code; false when an interrupt is pending and must be seen to.
    #[must_use]
    pub fn enter_app(&self) -> bool {
        self.word.fetch_update(SeqCst, SeqCst, |word| (word & INTERRUPTED == 0).then_some(word | IN_APP)).is_ok()
    }

    /// The owner is back from application code.
    pub fn leave_app(&self) {
        self.word.fetch_and(!IN_APP, SeqCst);
    }

    /// Sleeps until woken, interrupted or past `deadline`. Owner only.
    pub fn sleep(&self, deadline: Option<Deadline>) -> Woken {
        if self.spin.is_due() && deadline.is_none_or(|deadline| deadline.left() > SPIN) {
            self.spin.look(&self.word, WOKEN | INTERRUPTED);
        }
        self.sleep_until(deadline, INTERRUPTED)
    }

    /// Sleeps until woken, killed or past `deadline`; other interrupts wait. Owner only.
    pub fn sleep_killable(&self, deadline: Option<Deadline>) -> Woken {
        self.sleep_until(deadline, KILLED)
    }

    fn sleep_until(&self, deadline: Option<Deadline>, breakers: u32) -> Woken {
        let asleep = if breakers == KILLED { SLEEPING | KILLABLE } else { SLEEPING };
        loop {
            let word = self.word.load(SeqCst);
            if word & WOKEN != 0 {
                self.word.fetch_and(!WOKEN, SeqCst);
                return Woken::Event;
            }
            if word & breakers != 0 {
                return Woken::Interrupted;
            }
            if self.word.compare_exchange(word, word | asleep, SeqCst, SeqCst).is_err() {
                continue;
            }
            let timed_out = self.futex_wait(word | asleep, deadline);
            let word = self.word.fetch_and(!asleep, SeqCst);
            if timed_out && word & (WOKEN | breakers) == 0 {
                return Woken::TimedOut;
            }
        }
    }

    /// True when the deadline passed.
    fn futex_wait(&self, value: u32, deadline: Option<Deadline>) -> bool {
        self.sleeps.fetch_add(1, Relaxed);
        let mut flags = futex::Flags::PRIVATE;
        let timeout = deadline.map(|deadline| {
            let deadline = match deadline.clock {
                Clock::Monotonic => deadline,
                Clock::Realtime => {
                    flags |= futex::Flags::CLOCK_REALTIME;
                    deadline
                }
                // The futex knows no boot-time clock; the machine does not suspend while we wait.
                Clock::Boottime => Deadline::after(deadline.left()).unwrap_or(deadline),
            };
            let time = deadline.to_timespec();
            Timespec { tv_sec: time.sec, tv_nsec: time.nsec }
        });
        let all = core::num::NonZeroU32::MAX;
        let waited = awake::asleep(|| futex::wait_bitset(&self.word, flags, value, timeout.as_ref(), all));
        waited == Err(Errno::TIMEDOUT)
    }
}

#[cfg(test)]
mod tests;
