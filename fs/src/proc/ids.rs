//! Maps of user namespaces: `user_namespaces(7)`.

use super::process::Process;
use abi::Errno;
use std::sync::Arc;
use vfs::{Caller, Capability, Credentials, IdMaps, IdRange, UserNamespace};

type Text = Result<Vec<u8>, Errno>;

/// Lines of a map at most.
const LINES_MAX: usize = 340;

/// Which ids a file is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    User,
    Group,
}

impl Kind {
    fn of(self, maps: &IdMaps) -> &Vec<IdRange> {
        match self {
            Self::User => &maps.uid,
            Self::Group => &maps.gid,
        }
    }

    fn of_mut(self, maps: &mut IdMaps) -> &mut Vec<IdRange> {
        match self {
            Self::User => &mut maps.uid,
            Self::Group => &mut maps.gid,
        }
    }
}

/// A kernel id as a namespace has it; the overflow id when it has none.
fn inside(ns: &UserNamespace, kind: Kind, id: u32) -> Option<u32> {
    let maps = ns.maps.lock();
    let range = kind.of(&maps).iter().find(|range| id.wrapping_sub(range.1) < range.2)?;
    Some(range.0 + (id - range.1))
}

/// The kernel id of an id of a namespace.
fn outside(ns: &UserNamespace, kind: Kind, first: u32, count: u32) -> Option<u32> {
    let maps = ns.maps.lock();
    let range = kind.of(&maps).iter().find(|range| {
        let at = first.wrapping_sub(range.0);
        first >= range.0 && at < range.2 && count <= range.2 - at
    })?;
    Some(range.1 + (first - range.0))
}

fn show(process: &Process, caller: &Caller, kind: Kind) -> Text {
    let ns = process.task.creds().user_ns.clone();
    let ranges = kind.of(&ns.maps.lock()).clone();
    let reader = &caller.creds.user_ns;
    // A reader inside sees the parent's ids, one outside its own.
    let seen_from = if Arc::ptr_eq(reader, &ns) { ns.parent.as_ref().unwrap_or(reader) } else { reader };
    let mut out = Vec::new();
    for (first, kernel_id, count) in ranges {
        let lower = inside(seen_from, kind, kernel_id).unwrap_or(u32::MAX);
        put!(out, "{first:10} {lower:10} {count:10}\n");
    }
    Ok(out)
}

/// `proc_pid_uid_map(5)`.
pub(super) fn uid_map(process: &Process, caller: &Caller) -> Text {
    show(process, caller, Kind::User)
}

/// `proc_pid_gid_map(5)`.
pub(super) fn gid_map(process: &Process, caller: &Caller) -> Text {
    show(process, caller, Kind::Group)
}

/// Lines of a map as they were written: inside, outside, count. `EINVAL` for anything that is no map.
fn parse(bytes: &[u8]) -> Result<Vec<IdRange>, Errno> {
    let text = std::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?;
    let mut ranges: Vec<IdRange> = Vec::new();
    for line in text.lines() {
        let numbers: Vec<u32> =
            line.split_whitespace().map(|word| word.parse().map_err(|_| Errno::EINVAL)).collect::<Result<_, _>>()?;
        let &[inside, outside, count] = numbers.as_slice() else { return Err(Errno::EINVAL) };
        let overlaps = |a: u32, b: u32, len: u32| a < b.saturating_add(len) && b < a.saturating_add(count);
        if count == 0
            || inside.checked_add(count).is_none()
            || outside.checked_add(count).is_none()
            || ranges.iter().any(|range| overlaps(inside, range.0, range.2) || overlaps(outside, range.1, range.2))
        {
            return Err(Errno::EINVAL);
        }
        ranges.push((inside, outside, count));
    }
    if ranges.is_empty() || ranges.len() > LINES_MAX { Err(Errno::EINVAL) } else { Ok(ranges) }
}

/// May the writer set this map? Either it has the right over ids in the parent, or it maps its own id alone.
fn may_set(
    writer: &Credentials,
    ns: &Arc<UserNamespace>,
    parent: &Arc<UserNamespace>,
    kind: Kind,
    map: &[IdRange],
) -> bool {
    let capability = match kind {
        Kind::User => Capability::Setuid,
        Kind::Group => Capability::Setgid,
    };
    if let [(_, lower, 1)] = *map {
        let own = match kind {
            Kind::User => writer.euid,
            Kind::Group => writer.egid,
        };
        let is_allowed = kind == Kind::User || ns.maps.lock().setgroups_denied;
        if ns.owner == writer.euid && is_allowed && outside(parent, kind, lower, 1) == Some(own) {
            return true;
        }
    }
    writer.has_in(parent, capability)
}

fn store(process: &Process, caller: &Caller, bytes: &[u8], kind: Kind) -> Result<(), Errno> {
    let ns = process.task.creds().user_ns.clone();
    let parent = ns.parent.clone().ok_or(Errno::EPERM)?;
    let writer = &caller.creds;
    if !kind.of(&ns.maps.lock()).is_empty() || !writer.has_in(&ns, Capability::SysAdmin) {
        return Err(Errno::EPERM);
    }
    // The writer is in the namespace or in its parent.
    if !Arc::ptr_eq(&writer.user_ns, &ns) && !Arc::ptr_eq(&writer.user_ns, &parent) {
        return Err(Errno::EPERM);
    }
    let map = parse(bytes)?;
    if !may_set(writer, &ns, &parent, kind, &map) {
        return Err(Errno::EPERM);
    }
    let lower = |&(first, second, count): &IdRange| Some((first, outside(&parent, kind, second, count)?, count));
    let ranges: Vec<IdRange> = map.iter().map(|range| lower(range).ok_or(Errno::EPERM)).collect::<Result<_, _>>()?;
    let mut maps = ns.maps.lock();
    if !kind.of(&maps).is_empty() {
        return Err(Errno::EPERM);
    }
    *kind.of_mut(&mut maps) = ranges;
    Ok(())
}

/// Sets the map of users, once.
pub(super) fn set_uid_map(process: &Process, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    store(process, caller, bytes, Kind::User)
}

/// Sets the map of groups, once.
pub(super) fn set_gid_map(process: &Process, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    store(process, caller, bytes, Kind::Group)
}

/// `proc_pid_setgroups(5)`.
pub(super) fn setgroups(process: &Process, _caller: &Caller) -> Text {
    let is_denied = process.task.creds().user_ns.maps.lock().setgroups_denied;
    Ok(if is_denied { b"deny\n".to_vec() } else { b"allow\n".to_vec() })
}

/// Denies setgroups for good, before the map of groups is set.
pub(super) fn set_setgroups(process: &Process, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    let ns = process.task.creds().user_ns.clone();
    if !caller.creds.has_in(&ns, Capability::SysAdmin) {
        return Err(Errno::EACCES);
    }
    let mut maps = ns.maps.lock();
    match bytes.trim_ascii_end() {
        b"allow" if maps.setgroups_denied => Err(Errno::EPERM),
        b"allow" => Ok(()),
        b"deny" if !maps.gid.is_empty() => Err(Errno::EPERM),
        b"deny" => {
            maps.setgroups_denied = true;
            Ok(())
        }
        _ => Err(Errno::EINVAL),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_checked() {
        assert_eq!(parse(b"0 1000 1\n"), Ok(vec![(0, 1000, 1)]));
        assert_eq!(parse(b"0 1000 1\n1 100000 65536"), Ok(vec![(0, 1000, 1), (1, 100_000, 65536)]));
        for bad in [&b""[..], b"0 1", b"0 0 0", b"0 0 10\n5 20 1", b"0 0 10\n20 5 1", b"x 0 1", b"0 4294967295 1"] {
            assert_eq!(parse(bad), Err(Errno::EINVAL), "{:?}", String::from_utf8_lossy(bad));
        }
    }
}
