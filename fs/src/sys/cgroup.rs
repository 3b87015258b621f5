//! A cgroup2 that shows a container its own, unlimited group: `cgroups(7)`. Read only.

use crate::pseudo::{PseudoFs, StaticDir};
use std::sync::Arc;

/// `statfs(2)` magic.
const MAGIC: u64 = 0x6367_7270;

/// Files of the root group of a cgroup namespace, with what an idle machine without limits shows.
const FILES: [(&str, &str); 13] = [
    ("cgroup.controllers", "cpuset cpu io memory pids\n"),
    ("cgroup.max.depth", "max\n"),
    ("cgroup.max.descendants", "max\n"),
    ("cgroup.procs", ""),
    ("cgroup.stat", "nr_descendants 0\nnr_dying_descendants 0\n"),
    ("cgroup.subtree_control", "\n"),
    ("cgroup.threads", ""),
    ("cgroup.type", "domain\n"),
    ("cpu.max", "max 100000\n"),
    ("cpu.stat", "usage_usec 0\nuser_usec 0\nsystem_usec 0\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n"),
    ("cpu.weight", "100\n"),
    ("memory.max", "max\n"),
    ("pids.max", "max\n"),
];

/// A cgroup2 filesystem with a device number.
pub fn cgroup2(device: u64) -> Arc<PseudoFs> {
    let tree = Arc::new(FILES.iter().fold(StaticDir::new(), |dir, (name, content)| dir.file(name, *content)));
    PseudoFs::new("cgroup2", MAGIC, device, String::new(), move || tree.clone().into())
}
