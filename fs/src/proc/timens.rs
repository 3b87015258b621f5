//! /proc/PID/timens_offsets: `time_namespaces(7)`.

use super::process::Process;
use abi::Errno;
use sync::Clock;
use vfs::{Caller, Capability};

/// Names and numbers of the clocks that can be shifted.
const CLOCKS: [(&str, &str, Clock); 2] = [("monotonic", "1", Clock::Monotonic), ("boottime", "7", Clock::Boottime)];

/// The offsets of the namespace that children are made in.
pub(super) fn offsets(process: &Process, _caller: &Caller) -> Result<Vec<u8>, Errno> {
    let offsets = process.task.attributes().namespaces.time_for_children.offsets();
    let mut out = Vec::new();
    for (name, _, clock) in CLOCKS {
        let offset = if clock == Clock::Monotonic { offsets.monotonic } else { offsets.boottime };
        put!(out, "{name:<10} {:10} {:9}\n", offset.div_euclid(1_000_000_000), offset.rem_euclid(1_000_000_000));
    }
    Ok(out)
}

/// Lines of clock, seconds, nanoseconds, at most one a clock: `EINVAL`.
fn parse(bytes: &[u8]) -> Result<Vec<(Clock, i64, u32)>, Errno> {
    let text = std::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?;
    let mut changes = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(clock), Some(seconds), Some(nanos), None) = (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Errno::EINVAL);
        };
        let known = CLOCKS.iter().find(|(name, number, _)| clock == *name || clock == *number);
        let (_, _, clock) = known.ok_or(Errno::EINVAL)?;
        let seconds = seconds.parse().map_err(|_| Errno::EINVAL)?;
        let nanos = nanos.parse().ok().filter(|&nanos| nanos < 1_000_000_000).ok_or(Errno::EINVAL)?;
        changes.push((*clock, seconds, nanos));
    }
    if changes.is_empty() || changes.len() > CLOCKS.len() { Err(Errno::EINVAL) } else { Ok(changes) }
}

/// Sets offsets, until somebody is in the namespace.
pub(super) fn set_offsets(process: &Process, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    let changes = parse(bytes)?;
    let ns = process.task.attributes().namespaces.time_for_children;
    if !caller.creds.has_in(&ns.owner, Capability::SysTime) {
        return Err(Errno::EPERM);
    }
    ns.set_offsets(&changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        assert_eq!(parse(b"monotonic 5 6\n7 -1 0\n"), Ok(vec![(Clock::Monotonic, 5, 6), (Clock::Boottime, -1, 0)]));
        for bad in [&b""[..], b"realtime 1 1", b"monotonic 1", b"monotonic 1 1000000000", b"1 1 1 1"] {
            assert_eq!(parse(bad), Err(Errno::EINVAL), "{:?}", String::from_utf8_lossy(bad));
        }
    }
}
