//! A process told from a later one with the same id.

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};
use std::fs;
use std::os::fd::OwnedFd;

/// A process: its id, and when it started, in clock ticks since boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    /// Process id.
    pub pid: i32,
    /// Field `starttime` of /proc/PID/stat.
    pub start_time: u64,
}

impl ProcessId {
    /// The process that has this id now.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        stat(pid).map(|(_, start_time)| Self { pid, start_time })
    }

    /// This process.
    pub(crate) fn own() -> Option<Self> {
        Self::of(rustix::process::getpid().as_raw_nonzero().get())
    }

    /// It runs; a zombie does not.
    pub(crate) fn is_alive(self) -> bool {
        stat(self.pid)
            .is_some_and(|(state, start_time)| start_time == self.start_time && !matches!(state, 'Z' | 'X' | 'x'))
    }

    /// A descriptor of it, if it runs.
    pub(crate) fn open(self) -> Option<OwnedFd> {
        let fd = pidfd_open(Pid::from_raw(self.pid)?, PidfdFlags::empty()).ok()?;
        // Looked at after the descriptor was opened: the descriptor is of this very process.
        self.is_alive().then_some(fd)
    }
}

/// State and start time.
fn stat(pid: i32) -> Option<(char, u64)> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name in parentheses may contain anything, parentheses too.
fn parse(stat: &str) -> Option<(char, u64)> {
    let mut words = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    let state = words.next()?.chars().next()?;
    Some((state, words.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive() {
        let own = ProcessId::own().unwrap();
        assert!(own.is_alive() && own.open().is_some());
        assert!(!ProcessId { start_time: own.start_time + 1, ..own }.is_alive());
    }

    #[test]
    fn names_may_be_odd() {
        let stat = "7 (a) R b) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 9";
        assert_eq!(parse(stat), Some(('S', 4711)));
        assert_eq!(parse("7 (x"), None);
    }
}
