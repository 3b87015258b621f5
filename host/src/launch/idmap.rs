//! User and group ids of the sandbox's user namespace: user_namespaces(7).

use super::caps::has_capability;
use super::error::{Context, Result};
use super::text::read_text;
use rustix::process::{Pid, getegid, geteuid};
use rustix::thread::CapabilitySet;
use std::fmt::Write as _;
use std::fs;

/// A line of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdRange {
    /// First id in the sandbox's namespace.
    pub inside: u32,
    /// First id in the namespace of the one who starts it.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// The maps of a user namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdMaps {
    /// User ids.
    pub uid: Vec<IdRange>,
    /// Group ids.
    pub gid: Vec<IdRange>,
    /// setgroups(2) is denied: the condition under which an ordinary user may map their group.
    pub deny_setgroups: bool,
}

impl IdMaps {
    /// The caller may map ids that are not their own.
    pub fn may_map_all() -> bool {
        has_capability(CapabilitySet::SETUID | CapabilitySet::SETGID | CapabilitySet::SETFCAP)
    }

    /// Each id that the caller's own namespace has, as itself.
    pub fn identity() -> Result<Self> {
        let read = |name: &str| -> Result<Vec<IdRange>> {
            let path = format!("/proc/self/{name}");
            let text = read_text(&path).step(format!("read {path}"))?;
            Ok(String::from_utf8_lossy(&text).lines().filter_map(first_and_count).collect())
        };
        Ok(Self { uid: read("uid_map")?, gid: read("gid_map")?, deny_setgroups: false })
    }

    /// The caller's user and group alone, seen as `uid` and `gid` inside.
    pub fn own_as(uid: u32, gid: u32) -> Self {
        let one = |inside, outside| vec![IdRange { inside, outside, count: 1 }];
        Self { uid: one(uid, geteuid().as_raw()), gid: one(gid, getegid().as_raw()), deny_setgroups: true }
    }

    /// The id inside of the caller's effective user.
    pub fn uid_inside(&self) -> Option<u32> {
        inside(&self.uid, geteuid().as_raw())
    }

    /// Writes the maps of the user namespace that `child` was cloned into. Once, by the parent.
    pub fn write(&self, child: Pid) -> Result<()> {
        let path = |name: &str| format!("/proc/{}/{name}", child.as_raw_nonzero());
        let write = |name: &str, text: &str| {
            fs::write(path(name), text).step(format!("write the sandbox's {name} ({})", text.trim_end()))
        };
        if self.deny_setgroups {
            write("setgroups", "deny")?;
        }
        write("gid_map", &lines(&self.gid))?;
        write("uid_map", &lines(&self.uid))
    }
}

fn lines(ranges: &[IdRange]) -> String {
    ranges.iter().fold(String::new(), |mut text, range| {
        let _ = writeln!(text, "{} {} {}", range.inside, range.outside, range.count);
        text
    })
}

/// A line of the caller's own map as identity: its ids as the caller knows them.
fn first_and_count(line: &str) -> Option<IdRange> {
    let mut words = line.split_ascii_whitespace().map(str::parse::<u32>);
    let (first, _, count) = (words.next()?.ok()?, words.next()?.ok()?, words.next()?.ok()?);
    Some(IdRange { inside: first, outside: first, count })
}

fn inside(ranges: &[IdRange], outside: u32) -> Option<u32> {
    ranges.iter().find_map(|range| {
        let offset = outside.checked_sub(range.outside)?;
        if offset < range.count { range.inside.checked_add(offset) } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_line_becomes_identity() {
        let range = first_and_count("         0       1000      65536").unwrap();
        assert_eq!(range, IdRange { inside: 0, outside: 0, count: 65536 });
        assert_eq!(first_and_count("0 x 1"), None);
        assert_eq!(lines(&[range]), "0 0 65536\n");
    }

    #[test]
    fn ids_are_found_inside() {
        let map = [IdRange { inside: 0, outside: 100_000, count: 10 }, IdRange { inside: 10, outside: 5, count: 1 }];
        assert_eq!(inside(&map, 100_009), Some(9));
        assert_eq!(inside(&map, 5), Some(10));
        assert_eq!(inside(&map, 100_010), None);
    }
}
