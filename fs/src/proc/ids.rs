//! Maps of user namespaces: `user_namespaces(7)`.

use super::process::Process;
use abi::Errno;
use std::sync::Arc;
use vfs::{Caller, Capability, Credentials, IdKind, IdRange, UserNamespace};

type Text = Result<Vec<u8>, Errno>;

/// Lines of a map at most.
const LINES_MAX: usize = 340;

fn show(process: &Process, caller: &Caller, kind: IdKind) -> Text {
    let ns = process.task.creds().user_ns.clone();
    let reader = &caller.creds.user_ns;
    // A reader inside sees the parent's ids, one outside its own.
    let seen_from = if Arc::ptr_eq(reader, &ns) { ns.parent.as_ref().unwrap_or(reader) } else { reader };
    let mut out = Vec::new();
    for &(first, kernel_id, count) in ns.ranges(kind) {
        let lower = seen_from.map_out(kind, kernel_id).unwrap_or(u32::MAX);
        put!(out, "{first:10} {lower:10} {count:10}\n");
    }
    Ok(out)
}

/// `proc_pid_uid_map(5)`.
pub(super) fn uid_map(process: &Process, caller: &Caller) -> Text {
    show(process, caller, IdKind::User)
}

/// `proc_pid_gid_map(5)`.
pub(super) fn gid_map(process: &Process, caller: &Caller) -> Text {
    show(process, caller, IdKind::Group)
}

/// Map of project ids, which quotas count by.
pub(super) fn projid_map(process: &Process, caller: &Caller) -> Text {
    show(process, caller, IdKind::Project)
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

/// The right over ids of this kind; any may be project ids.
const fn right(kind: IdKind) -> Option<Capability> {
    match kind {
        IdKind::User => Some(Capability::Setuid),
        IdKind::Group => Some(Capability::Setgid),
        IdKind::Project => None,
    }
}

/// May user 0 of the parent be mapped, if it is? Files could be given capabilities in its name.
fn may_map_root(writer: &Credentials, ns: &Arc<UserNamespace>, parent: &Arc<UserNamespace>, map: &[IdRange]) -> bool {
    if map.iter().all(|&(_, lower, _)| lower != 0) {
        return true;
    }
    if Arc::ptr_eq(&writer.user_ns, ns) { ns.maker_had_setfcap } else { writer.has_in(parent, Capability::Setfcap) }
}

/// May the writer set this map? Either it has the right over ids in the parent, or it maps its own id alone.
fn may_set(
    writer: &Credentials,
    ns: &Arc<UserNamespace>,
    parent: &Arc<UserNamespace>,
    kind: IdKind,
    map: &[IdRange],
) -> bool {
    if kind == IdKind::User && !may_map_root(writer, ns, parent, map) {
        return false;
    }
    if let [(_, lower, 1)] = *map
        && ns.owner == writer.euid
    {
        let is_own = match kind {
            IdKind::User => parent.kernel_uid(lower) == Some(writer.euid),
            IdKind::Group => ns.is_setgroups_denied() && parent.kernel_gid(lower) == Some(writer.egid),
            IdKind::Project => false,
        };
        if is_own {
            return true;
        }
    }
    right(kind).is_none_or(|right| writer.has_in(parent, right))
}

fn store(process: &Process, caller: &Caller, bytes: &[u8], kind: IdKind) -> Result<(), Errno> {
    let ns = process.task.creds().user_ns.clone();
    let parent = ns.parent.clone().ok_or(Errno::EPERM)?;
    let writer = &caller.creds;
    // The writer is in the namespace or in its parent.
    if !Arc::ptr_eq(&writer.user_ns, &ns) && !Arc::ptr_eq(&writer.user_ns, &parent) {
        return Err(Errno::EPERM);
    }
    if !ns.ranges(kind).is_empty() || (right(kind).is_some() && !writer.has_in(&ns, Capability::SysAdmin)) {
        return Err(Errno::EPERM);
    }
    let map = parse(bytes)?;
    if !may_set(writer, &ns, &parent, kind, &map) {
        return Err(Errno::EPERM);
    }
    let lower = |&(first, second, count): &IdRange| Some((first, parent.map_in(kind, second, count)?, count));
    let ranges: Vec<IdRange> = map.iter().map(|range| lower(range).ok_or(Errno::EPERM)).collect::<Result<_, _>>()?;
    ns.set_map(kind, ranges)
}

/// Sets the map of users, once.
pub(super) fn set_uid_map(process: &Process, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    store(process, caller, bytes, IdKind::User)
}

/// Sets the map of groups, once.
pub(super) fn set_gid_map(process: &Process, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    store(process, caller, bytes, IdKind::Group)
}

/// Sets the map of project ids, once.
pub(super) fn set_projid_map(process: &Process, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    store(process, caller, bytes, IdKind::Project)
}

/// `proc_pid_setgroups(5)`.
pub(super) fn setgroups(process: &Process, _caller: &Caller) -> Text {
    let is_denied = process.task.creds().user_ns.is_setgroups_denied();
    Ok(if is_denied { b"deny\n".to_vec() } else { b"allow\n".to_vec() })
}

/// Denies setgroups for good, before the map of groups is set.
pub(super) fn set_setgroups(process: &Process, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    let ns = process.task.creds().user_ns.clone();
    if !caller.creds.has_in(&ns, Capability::SysAdmin) {
        return Err(Errno::EACCES);
    }
    match bytes.trim_ascii_end() {
        b"allow" if ns.is_setgroups_denied() => Err(Errno::EPERM),
        b"allow" => Ok(()),
        b"deny" => ns.deny_setgroups(),
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
