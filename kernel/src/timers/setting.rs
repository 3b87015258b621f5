//! What a timer is set to.

use crate::clock::ClockSource;
use abi::Errno;
use abi::clock::Itimerspec;
use abi::time::Timespec;
use std::time::Duration;
use sync::{Clock, Deadline};

/// A valid time of a program as a span; `EINVAL`.
pub fn duration(time: Timespec) -> Result<Duration, Errno> {
    let nanos = u32::try_from(time.nsec).ok().filter(|&nsec| nsec < 1_000_000_000).ok_or(Errno::EINVAL)?;
    Ok(Duration::new(u64::try_from(time.sec).map_err(|_| Errno::EINVAL)?, nanos))
}

/// A span as a program gets it.
pub fn timespec(span: Duration) -> Timespec {
    Timespec { sec: i64::try_from(span.as_secs()).unwrap_or(i64::MAX), nsec: span.subsec_nanos().into() }
}

/// Farthest point in time of a timer: `KTIME_MAX` of Linux.
const FAR: Duration = Duration::from_nanos(i64::MAX as u64);

/// A timer that is set: its clock, its next expiration and its period.
#[derive(Clone, Debug)]
pub struct Setting {
    clock: ClockSource,
    at: Duration,
    interval: Duration,
}

impl Setting {
    /// As `timerfd_settime(2)` and `timer_settime(2)` say; `None`: disarmed. A relative time does not follow when
    /// the real-time clock is set. `EINVAL`.
    pub fn new(spec: Itimerspec, is_absolute: bool, clock: ClockSource) -> Result<Option<Self>, Errno> {
        let (value, interval) = (duration(spec.value)?, duration(spec.interval)?);
        Ok((!value.is_zero()).then(|| Self::from_spans(value, interval, is_absolute, clock)))
    }

    /// The same from checked spans.
    pub fn from_spans(value: Duration, interval: Duration, is_absolute: bool, clock: ClockSource) -> Self {
        let (clock, at) = if is_absolute {
            (clock, value)
        } else {
            let clock = match clock {
                ClockSource::Host(Clock::Realtime) => ClockSource::Host(Clock::Monotonic),
                clock => clock,
            };
            let now = clock.now();
            (clock, now.saturating_add(value))
        };
        Self { clock, at: at.min(FAR), interval: interval.min(FAR) }
    }

    /// It follows when the real-time clock is set.
    pub const fn is_realtime(&self) -> bool {
        matches!(self.clock, ClockSource::Host(Clock::Realtime))
    }

    /// The period; zero: once.
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// Time to the next expiration; a set timer never shows zero.
    pub fn left(&self) -> Duration {
        self.at.saturating_sub(self.clock.now()).max(Duration::from_nanos(1))
    }

    /// Time to the next expiration and the period, as a program gets them.
    pub fn to_spec(&self) -> Itimerspec {
        Itimerspec { interval: timespec(self.interval), value: timespec(self.left()) }
    }

    /// It has run out.
    pub fn is_due(&self) -> bool {
        self.at <= self.clock.now()
    }

    /// When the timer thread is to look at it. `looks`: how often it did in vain.
    pub(crate) fn look_at(&self, looks: u32) -> Option<Deadline> {
        match &self.clock {
            ClockSource::Host(clock) => Some(Deadline { clock: *clock, at: self.at }),
            ClockSource::ReadOnly(_) | ClockSource::Tai => Deadline::after(self.left()),
            ClockSource::Cpu(clock) if clock.is_over() => None,
            ClockSource::Cpu(clock) => clock.look_again(self.left(), looks),
        }
    }

    /// Counts expirations up to now and moves on to the next one: the count, and what is left of the setting
    /// (`None` when it was to run out once and has).
    pub fn advance(self) -> (u64, Option<Self>) {
        let now = self.clock.now();
        self.advance_to(now)
    }

    fn advance_to(self, now: Duration) -> (u64, Option<Self>) {
        let Some(late) = now.checked_sub(self.at) else { return (0, Some(self)) };
        if self.interval.is_zero() {
            return (1, None);
        }
        let periods = late.as_nanos() / self.interval.as_nanos() + 1;
        let at = (self.at.as_nanos() + periods * self.interval.as_nanos()).min(FAR.as_nanos());
        let count = u64::try_from(periods).unwrap_or(u64::MAX);
        (count, Some(Self { at: Duration::from_nanos(at as u64), ..self }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(at: u64, interval: u64) -> Setting {
        let clock = ClockSource::Host(Clock::Monotonic);
        Setting { clock, at: Duration::from_nanos(at), interval: Duration::from_nanos(interval) }
    }

    fn advance(setting: Setting, now: u64) -> (u64, Option<u128>) {
        let (count, rest) = setting.advance_to(Duration::from_nanos(now));
        (count, rest.map(|rest| rest.at.as_nanos()))
    }

    #[test]
    fn periods_are_counted() {
        assert_eq!(advance(setting(100, 0), 99), (0, Some(100)));
        assert_eq!(advance(setting(100, 0), 100), (1, None));
        assert_eq!(advance(setting(100, 10), 100), (1, Some(110)));
        assert_eq!(advance(setting(100, 10), 125), (3, Some(130)));
        assert_eq!(advance(setting(0, 1), i64::MAX as u64).1, Some(FAR.as_nanos()));
    }

    #[test]
    fn times_are_checked() {
        let time = |sec, nsec| duration(Timespec { sec, nsec });
        assert_eq!(time(-1, 0), Err(Errno::EINVAL));
        assert_eq!(time(0, 1_000_000_000), Err(Errno::EINVAL));
        assert_eq!(time(0, -1), Err(Errno::EINVAL));
        assert_eq!(time(i64::MAX, 5), Ok(Duration::new(i64::MAX as u64, 5)));
        let spec = Itimerspec { interval: Timespec::default(), value: Timespec { sec: i64::MAX, nsec: 0 } };
        let far = Setting::new(spec, false, ClockSource::Host(Clock::Monotonic)).expect("valid").expect("set");
        assert_eq!(far.at, FAR);
    }
}
