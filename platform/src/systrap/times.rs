//! Processor time of a stub thread, as the host's /proc has it.

use super::process::Process;
use rustix::fs::{Mode, OFlags, openat};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};
use sync::{Mutex, Rank};

/// The host counts in ticks of this what was spent in application code and what in the host.
const TICK: Duration = Duration::from_millis(10);

/// What is known of one thread. Neither time ever goes back.
#[derive(Debug, Default)]
struct Known {
    user: Duration,
    system: Duration,
    /// Ticks in application code and in all, and when that was.
    ticks: Option<(u64, u64, Instant)>,
}

/// Processor time of one thread.
#[derive(Debug)]
pub(super) struct Times(Mutex<Known>);

impl Times {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Rank::Leaf, Known::default()))
    }

    /// In application code, in the host on its behalf. What was known last, for a thread that is gone (`tid` 0).
    pub(super) fn read(&self, process: &Process, tid: i32) -> (Duration, Duration) {
        let (proc, pid) = (process.shared.reaper.proc(), process.pid);
        let mut known = self.0.lock();
        if tid != 0 {
            let total = if process.is_alone() { process_total(pid) } else { read_total(proc, pid, tid) };
            // Less than a tick has none to be split by.
            let has_ticks = total.is_none_or(|total| total >= TICK);
            if has_ticks && known.ticks.is_none_or(|(.., when)| when.elapsed() >= TICK / 2) {
                known.ticks = read_ticks(proc, pid, tid).map(|(user, all)| (user, all, Instant::now()));
            }
            // A host that does not count exactly has the ticks.
            let ticks = known.ticks.map_or(0, |(_, all, _)| all);
            known.advance(total.unwrap_or_else(|| TICK.saturating_mul(ticks as u32)));
        }
        (known.user, known.system)
    }
}

impl Known {
    /// Splits the exact sum as the ticks are split.
    fn advance(&mut self, total: Duration) {
        if total <= self.user + self.system {
            return;
        }
        let (user, all) = self.ticks.map_or((0, 0), |(user, all, _)| (user, all));
        let nanos = total.as_nanos() as u64;
        let user = if all == 0 { nanos } else { (u128::from(nanos) * u128::from(user) / u128::from(all)) as u64 };
        let user = Duration::from_nanos(user).clamp(self.user, total.saturating_sub(self.system));
        (self.user, self.system) = (user, total.saturating_sub(user));
    }
}

/// Reads the start of a file of a thread, which is short.
fn read<'a>(proc: BorrowedFd<'_>, pid: i32, tid: i32, name: &str, buffer: &'a mut [u8]) -> Option<&'a str> {
    read_file(proc, &format!("{pid}/task/{tid}/{name}"), buffer)
}

/// Reads the start of a file of /proc, which is short.
pub(super) fn read_file<'a>(proc: BorrowedFd<'_>, path: &str, buffer: &'a mut [u8]) -> Option<&'a str> {
    let file = openat(proc, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let n = rustix::io::read(&file, &mut *buffer).ok()?;
    std::str::from_utf8(buffer.get(..n)?).ok()
}

/// The processor-time clock of a process: `clock_getcpuclockid(3)`.
fn process_total(pid: i32) -> Option<Duration> {
    // CPUCLOCK_SCHED, in the kernel's encoding.
    let clock = (!pid << 3) | 2;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: fills in `time`; a number that has no process any more is an error.
    let is_known = unsafe { libc::clock_gettime(clock, &raw mut time) } == 0;
    is_known.then(|| Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32))
}

/// Nanoseconds on a processor: the first number of /proc/PID/task/TID/schedstat.
fn read_total(proc: BorrowedFd<'_>, pid: i32, tid: i32) -> Option<Duration> {
    let mut buffer = [0; 128];
    let nanos = read(proc, pid, tid, "schedstat", &mut buffer)?.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

/// The host thread sleeps: the state of `proc_pid_stat(5)`.
pub(super) fn is_asleep(proc: BorrowedFd<'_>, pid: i32, tid: i32) -> bool {
    let mut buffer = [0; 256];
    let state = read(proc, pid, tid, "stat", &mut buffer).and_then(|stat| stat.rsplit_once(") ")?.1.chars().next());
    state == Some('S')
}

/// Ticks in application code, and in all: utime and stime of `proc_pid_stat(5)`.
fn read_ticks(proc: BorrowedFd<'_>, pid: i32, tid: i32) -> Option<(u64, u64)> {
    let mut buffer = [0; 1024];
    let stat = read(proc, pid, tid, "stat", &mut buffer)?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).map(str::parse::<u64>);
    let (user, system) = (fields.next()?.ok()?, fields.next()?.ok()?);
    Some((user, user.saturating_add(system)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_goes_back() {
        let ms = Duration::from_millis;
        let mut known = Known::default();
        known.advance(ms(10));
        assert_eq!((known.user, known.system), (ms(10), ms(0)));
        known.ticks = Some((1, 4, Instant::now()));
        known.advance(ms(20));
        assert_eq!((known.user, known.system), (ms(10), ms(10)));
        known.advance(ms(80));
        assert_eq!((known.user, known.system), (ms(20), ms(60)));
        known.ticks = Some((4, 4, Instant::now()));
        known.advance(ms(90));
        assert_eq!((known.user, known.system), (ms(30), ms(60)));
        known.advance(ms(70));
        assert_eq!((known.user, known.system), (ms(30), ms(60)));
    }
}
