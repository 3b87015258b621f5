//! User and group ids of a container on the host.

use crate::error::{Result, bail};
use host::launch::{IdMaps, IdRange};
use oci_spec::runtime::{Linux, LinuxIdMapping};
use rustix::process::{getegid, geteuid};

/// The id that is shown for an owner outside the map: /proc/sys/kernel/overflowuid.
pub(super) const OVERFLOW: u32 = 65534;

/// Lines of a map that Linux takes.
const LINES: usize = 340;

/// The mappings asked for, as far as the caller may have them: an ordinary user has their own id alone.
pub(super) fn id_maps(linux: Option<&Linux>) -> Result<IdMaps> {
    let uid = ranges(linux.and_then(|linux| linux.uid_mappings().as_ref()), "linux.uidMappings")?;
    let gid = ranges(linux.and_then(|linux| linux.gid_mappings().as_ref()), "linux.gidMappings")?;
    if IdMaps::may_map_all() {
        return if uid.is_empty() || gid.is_empty() {
            Ok(IdMaps::identity()?)
        } else {
            Ok(IdMaps { uid, gid, deny_setgroups: false })
        };
    }
    let own_uid = inside(&uid, geteuid().as_raw()).unwrap_or(0);
    let own_gid = inside(&gid, getegid().as_raw()).unwrap_or(0);
    Ok(IdMaps::own_as(own_uid, own_gid))
}

fn ranges(mappings: Option<&Vec<LinuxIdMapping>>, key: &str) -> Result<Vec<IdRange>> {
    let mappings = mappings.map_or(&[][..], Vec::as_slice);
    if mappings.len() > LINES {
        bail!("{key}: {} lines; Linux takes {LINES}", mappings.len());
    }
    let range = |mapping: &LinuxIdMapping| {
        let range = IdRange { inside: mapping.container_id(), outside: mapping.host_id(), count: mapping.size() };
        let fits = |first: u32| first.checked_add(range.count).is_some();
        if range.count == 0 || !fits(range.inside) || !fits(range.outside) {
            bail!("{key}: {} {} {} is no range of ids", range.inside, range.outside, range.count);
        }
        Ok(range)
    };
    mappings.iter().map(range).collect()
}

fn inside(ranges: &[IdRange], outside: u32) -> Option<u32> {
    ranges.iter().find_map(|range| {
        let offset = outside.checked_sub(range.outside).filter(|&offset| offset < range.count)?;
        Some(range.inside + offset)
    })
}
