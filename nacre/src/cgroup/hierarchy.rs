//! Where the hierarchies are mounted.

use host::launch::read_text;
use std::path::{Path, PathBuf};

/// A hierarchy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hierarchy {
    /// Where it is mounted.
    pub mount: PathBuf,
    /// What it is.
    pub version: Version,
}

/// What a hierarchy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// With these controllers.
    One(Vec<String>),
    /// The unified one.
    Two,
}

/// Controllers of version 1 that a container is put under.
const CONTROLLERS: &[&str] =
    &["blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "hugetlb", "memory", "perf_event", "pids"];

/// The hierarchies that this process sees.
pub(super) fn mounted() -> Vec<Hierarchy> {
    // Without a /proc there is nothing to be limited with.
    parse(&kernel_text("/proc/self/mountinfo").unwrap_or_default())
}

/// A file of the kernel's; `None`: it is not there.
pub(super) fn kernel_text(path: impl AsRef<Path>) -> Option<String> {
    String::from_utf8(read_text(path).ok()?).ok()
}

/// With controllers of version 1, the unified hierarchy beside them has none and is left alone.
pub(super) fn parse(table: &str) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> = Vec::new();
    for hierarchy in table.lines().filter_map(one) {
        if !found.contains(&hierarchy) && !found.iter().any(|other| other.version == hierarchy.version) {
            found.push(hierarchy);
        }
    }
    if found.iter().any(|hierarchy| hierarchy.version != Version::Two) {
        found.retain(|hierarchy| hierarchy.version != Version::Two);
    }
    found
}

fn one(line: &str) -> Option<Hierarchy> {
    let mut words = line.split(' ');
    let mount = PathBuf::from(words.nth(4)?);
    let mut tail = words.skip_while(|word| *word != "-").skip(1);
    let (kind, options) = (tail.next()?, tail.nth(1)?);
    match kind {
        "cgroup2" => Some(Hierarchy { mount, version: Version::Two }),
        "cgroup" => {
            let controllers: Vec<String> =
                options.split(',').filter(|option| CONTROLLERS.contains(option)).map(str::to_owned).collect();
            (!controllers.is_empty()).then_some(Hierarchy { mount, version: Version::One(controllers) })
        }
        _ => None,
    }
}
