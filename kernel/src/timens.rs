//! Time namespaces: `time_namespaces(7)`. Times of the monotonic clock and of the one that counts since boot are
//! shifted; inside the sentry all times are the host's.

use abi::Errno;
use std::sync::Arc;
use std::time::Duration;
use sync::{Clock, Mutex, Rank};
use vfs::Owner;

/// Latest time of a clock, in seconds: `KTIME_SEC_MAX`.
const SECONDS_MAX: i64 = i64::MAX / 1_000_000_000;

/// How far clocks are ahead of the host's, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    /// `CLOCK_MONOTONIC` and its kin.
    pub monotonic: i64,
    /// `CLOCK_BOOTTIME` and its kin.
    pub boottime: i64,
}

impl Offsets {
    const fn of(self, clock: Clock) -> i64 {
        match clock {
            Clock::Monotonic => self.monotonic,
            Clock::Boottime => self.boottime,
            Clock::Realtime => 0,
        }
    }

    /// A time of the host's clock as the namespace has it.
    pub fn shown(self, clock: Clock, time: Duration) -> Duration {
        shift(time, self.of(clock))
    }

    /// A time of the namespace as the host's clock has it; the past when that lies before all time.
    pub fn meant(self, clock: Clock, time: Duration) -> Duration {
        shift(time, self.of(clock).saturating_neg())
    }
}

fn shift(time: Duration, by: i64) -> Duration {
    let span = Duration::from_nanos(by.unsigned_abs());
    if by < 0 { time.saturating_sub(span) } else { time.saturating_add(span) }
}

/// Offsets, and whether somebody has entered, so that they stay.
#[derive(Debug, Default)]
struct State {
    offsets: Offsets,
    is_frozen: bool,
}

/// A time namespace.
#[derive(Debug)]
pub struct TimeNamespace {
    /// Number in /proc/PID/ns.
    pub id: u64,
    /// The namespace whose root rules here.
    pub owner: Owner,
    state: Mutex<State>,
}

impl TimeNamespace {
    /// The sandbox's own: the host's clocks.
    pub(crate) fn root(id: u64, owner: impl Into<Owner>) -> Arc<Self> {
        let state = State { offsets: Offsets::default(), is_frozen: true };
        Arc::new(Self { id, owner: owner.into(), state: Mutex::new(Rank::Leaf, state) })
    }

    /// A namespace with the same offsets, which may be changed until somebody enters: `CLONE_NEWTIME`.
    pub(crate) fn child(&self, id: u64, owner: impl Into<Owner>) -> Arc<Self> {
        let state = State { offsets: self.offsets(), is_frozen: false };
        Arc::new(Self { id, owner: owner.into(), state: Mutex::new(Rank::Leaf, state) })
    }

    /// How far its clocks are ahead of the host's.
    pub fn offsets(&self) -> Offsets {
        self.state.lock().offsets
    }

    /// Somebody enters: the offsets stay.
    pub(crate) fn enter(&self) -> Offsets {
        let mut state = self.state.lock();
        state.is_frozen = true;
        state.offsets
    }

    /// Changes offsets: of a clock in seconds and nanoseconds. `EACCES` once somebody has entered, `ERANGE` for times
    /// that clocks do not have.
    pub fn set_offsets(&self, changes: &[(Clock, i64, u32)]) -> Result<(), Errno> {
        for &(clock, seconds, nanos) in changes {
            let now = sync::now(clock);
            let carry = i64::from(nanos + now.subsec_nanos() >= 1_000_000_000);
            let then = seconds.checked_add(now.as_secs() as i64 + carry).ok_or(Errno::ERANGE)?;
            if !(-SECONDS_MAX..=SECONDS_MAX).contains(&seconds) || !(0..=SECONDS_MAX / 2).contains(&then) {
                return Err(Errno::ERANGE);
            }
        }
        let mut state = self.state.lock();
        if state.is_frozen {
            return Err(Errno::EACCES);
        }
        for &(clock, seconds, nanos) in changes {
            let offset = seconds.saturating_mul(1_000_000_000).saturating_add(nanos.into());
            match clock {
                Clock::Monotonic => state.offsets.monotonic = offset,
                Clock::Boottime => state.offsets.boottime = offset,
                Clock::Realtime => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vfs::UserNamespace;

    #[test]
    fn offsets_stay_once_somebody_entered() {
        let user = UserNamespace::root();
        let root = TimeNamespace::root(1, user.clone());
        assert_eq!(root.set_offsets(&[(Clock::Monotonic, 1, 0)]), Err(Errno::EACCES));
        let ns = root.child(2, user);
        assert_eq!(ns.set_offsets(&[(Clock::Monotonic, i64::MIN, 0)]), Err(Errno::ERANGE));
        assert_eq!(ns.set_offsets(&[(Clock::Boottime, SECONDS_MAX, 0)]), Err(Errno::ERANGE));
        assert_eq!(ns.set_offsets(&[(Clock::Monotonic, 100, 5), (Clock::Boottime, 0, 999_999_999)]), Ok(()));
        assert_eq!(ns.enter(), Offsets { monotonic: 100_000_000_005, boottime: 999_999_999 });
        assert_eq!(ns.set_offsets(&[(Clock::Monotonic, 1, 0)]), Err(Errno::EACCES));
    }

    #[test]
    fn shown_and_meant() {
        let offsets = Offsets { monotonic: 5_000_000_000, boottime: -5_000_000_000 };
        let ten = Duration::from_secs(10);
        assert_eq!(offsets.shown(Clock::Monotonic, ten), Duration::from_secs(15));
        assert_eq!(offsets.meant(Clock::Monotonic, Duration::from_secs(15)), ten);
        assert_eq!(offsets.shown(Clock::Boottime, ten), Duration::from_secs(5));
        assert_eq!(offsets.meant(Clock::Monotonic, Duration::from_secs(1)), Duration::ZERO);
        assert_eq!(offsets.shown(Clock::Realtime, ten), ten);
    }
}
