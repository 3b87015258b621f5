//! A cgroup2 that shows a container its own group: `cgroups(7)`. Read only.

use crate::pseudo::{PseudoFs, StaticDir};
use std::sync::Arc;

/// `statfs(2)` magic.
const MAGIC: u64 = 0x6367_7270;

/// Files of the root group of a cgroup namespace, with what an idle machine without limits shows.
const FILES: [(&str, &str); 10] = [
    ("cgroup.controllers", "cpuset cpu io memory pids\n"),
    ("cgroup.max.depth", "max\n"),
    ("cgroup.max.descendants", "max\n"),
    ("cgroup.procs", ""),
    ("cgroup.stat", "nr_descendants 0\nnr_dying_descendants 0\n"),
    ("cgroup.subtree_control", "\n"),
    ("cgroup.threads", ""),
    ("cgroup.type", "domain\n"),
    ("cpu.stat", "usage_usec 0\nuser_usec 0\nsystem_usec 0\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n"),
    ("cpu.weight", "100\n"),
];

/// Limits of the group.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Microseconds of processor time in each period, and the period.
    pub cpu: Option<(u64, u64)>,
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Tasks at a time.
    pub tasks: Option<u64>,
}

/// A cgroup2 filesystem with a device number.
pub fn cgroup2(device: u64, limits: Limits) -> Arc<PseudoFs> {
    let number = |limit: Option<u64>| limit.map_or_else(|| "max\n".to_owned(), |limit| format!("{limit}\n"));
    let cpu = limits.cpu.map_or_else(|| "max 100000\n".to_owned(), |(quota, period)| format!("{quota} {period}\n"));
    let tree = FILES.iter().fold(StaticDir::new(), |dir, (name, content)| dir.file(name, *content));
    let tree =
        tree.file("cpu.max", cpu).file("memory.max", number(limits.memory)).file("pids.max", number(limits.tasks));
    let tree = Arc::new(tree);
    PseudoFs::new("cgroup2", MAGIC, device, String::new(), move || tree.clone().into())
}
