//! What a timer is set to.

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

/// A timer that is set: its next expiration and its period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The next expiration.
    pub next: Deadline,
    /// The period; zero: once.
    pub interval: Duration,
}

impl Setting {
    /// As `timerfd_settime(2)` and `timer_settime(2)` say; `None`: disarmed. A relative time does not follow when
    /// the real-time clock is set. `EINVAL`.
    pub fn new(spec: Itimerspec, is_absolute: bool, clock: Clock) -> Result<Option<Self>, Errno> {
        let (value, interval) = (duration(spec.value)?, duration(spec.interval)?);
        if value.is_zero() {
            return Ok(None);
        }
        Ok(Some(Self::from_spans(value, interval, is_absolute, clock)))
    }

    /// The same from checked spans.
    pub fn from_spans(value: Duration, interval: Duration, is_absolute: bool, clock: Clock) -> Self {
        let next = if is_absolute {
            Deadline { clock, at: value.min(FAR) }
        } else {
            let clock = if clock == Clock::Realtime { Clock::Monotonic } else { clock };
            Deadline { clock, at: sync::now(clock).saturating_add(value).min(FAR) }
        };
        Self { next, interval: interval.min(FAR) }
    }

    /// Time to the next expiration and the period, as a program gets them; a set timer never shows zero.
    pub fn to_spec(self) -> Itimerspec {
        let left = self.next.left().max(Duration::from_nanos(1));
        Itimerspec { interval: timespec(self.interval), value: timespec(left) }
    }

    /// It has run out.
    pub fn is_due(&self) -> bool {
        self.next.left().is_zero()
    }

    /// Counts expirations up to now and moves on to the next one: the count, and what is left of the setting
    /// (`None` when it was to run out once and has).
    pub fn advance(self) -> (u64, Option<Self>) {
        self.advance_to(sync::now(self.next.clock))
    }

    fn advance_to(self, now: Duration) -> (u64, Option<Self>) {
        let Some(late) = now.checked_sub(self.next.at) else { return (0, Some(self)) };
        if self.interval.is_zero() {
            return (1, None);
        }
        let periods = late.as_nanos() / self.interval.as_nanos() + 1;
        let next = (self.next.at.as_nanos() + periods * self.interval.as_nanos()).min(FAR.as_nanos());
        let at = Duration::from_nanos(next as u64);
        let count = u64::try_from(periods).unwrap_or(u64::MAX);
        (count, Some(Self { next: Deadline { clock: self.next.clock, at }, ..self }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_counted() {
        let at = |nanos| Deadline { clock: Clock::Monotonic, at: Duration::from_nanos(nanos) };
        let once = Setting { next: at(100), interval: Duration::ZERO };
        assert_eq!(once.advance_to(Duration::from_nanos(99)), (0, Some(once)));
        assert_eq!(once.advance_to(Duration::from_nanos(100)), (1, None));
        let periodic = Setting { next: at(100), interval: Duration::from_nanos(10) };
        assert_eq!(periodic.advance_to(Duration::from_nanos(100)).0, 1);
        let (count, rest) = periodic.advance_to(Duration::from_nanos(125));
        assert_eq!((count, rest.expect("periodic").next.at), (3, Duration::from_nanos(130)));
        let fast = Setting { next: at(0), interval: Duration::from_nanos(1) };
        assert_eq!(fast.advance_to(FAR).1.expect("periodic").next.at, FAR);
    }

    #[test]
    fn times_are_checked() {
        let time = |sec, nsec| duration(Timespec { sec, nsec });
        assert_eq!(time(-1, 0), Err(Errno::EINVAL));
        assert_eq!(time(0, 1_000_000_000), Err(Errno::EINVAL));
        assert_eq!(time(0, -1), Err(Errno::EINVAL));
        assert_eq!(time(i64::MAX, 5), Ok(Duration::new(i64::MAX as u64, 5)));
        let spec = Itimerspec { interval: Timespec::default(), value: Timespec { sec: i64::MAX, nsec: 0 } };
        let far = Setting::new(spec, false, Clock::Monotonic).expect("valid").expect("set");
        assert_eq!(far.next.at, FAR);
    }
}
