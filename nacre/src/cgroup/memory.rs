//! How much memory the processes of a group may have.

use super::hierarchy::{Hierarchy, Version, kernel_text, mounted};
use std::path::{Component, Path};

/// Most bytes that this process and its children may have; `None` is no limit of any control group.
pub(crate) fn memory_limit() -> Option<u64> {
    let table = kernel_text("/proc/self/cgroup").unwrap_or_default();
    let of = |Hierarchy { mount, version }| least(&mount, &mount.join(path(&table, &version)?), &version);
    mounted().into_iter().filter_map(of).min()
}

/// The least limit of a group and of those above it, as far as they are there; figures beyond all memory are none.
pub(super) fn least(mount: &Path, dir: &Path, version: &Version) -> Option<u64> {
    let file = match version {
        Version::One(controllers) if controllers.iter().any(|name| name == "memory") => "memory.limit_in_bytes",
        Version::One(_) => return None,
        Version::Two => "memory.max",
    };
    let groups = dir.ancestors().take_while(|dir| dir.starts_with(mount));
    let limits = groups.filter_map(|dir| kernel_text(dir.join(file))?.trim().parse().ok());
    limits.filter(|&limit: &u64| limit < 1 << 62).min()
}

/// Where a process is in a hierarchy, by its cgroup(7) file. What is above the mount is not seen from here.
fn path<'a>(table: &'a str, version: &Version) -> Option<&'a str> {
    table.lines().find_map(|line| {
        let mut words = line.splitn(3, ':').skip(1);
        let (names, path) = (words.next()?, words.next()?.trim_start_matches('/'));
        let is_it = match version {
            Version::One(controllers) => names.split(',').any(|name| controllers.iter().any(|own| own == name)),
            Version::Two => names.is_empty(),
        };
        let is_below = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        is_it.then_some(if is_below { path } else { "" })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn paths_of_a_process() {
        let table = "9:cpu,cpuacct:/a\n5:memory:/b/c\n1:name=systemd:/d\n0::/../e\n";
        let memory = Version::One(vec!["memory".to_owned()]);
        assert_eq!(path(table, &memory), Some("b/c"));
        assert_eq!(path(table, &Version::One(vec!["pids".to_owned()])), None);
        assert_eq!(path(table, &Version::Two), Some(""));
        assert_eq!(path("0::/f/g\n", &Version::Two), Some("f/g"));
    }

    #[test]
    fn the_least_limit_counts() {
        let mount = std::env::temp_dir().join(format!("cgroup-memory-{}", std::process::id()));
        let dir = mount.join("a/b");
        fs::create_dir_all(&dir).unwrap();
        for (path, text) in [("memory.max", "max\n"), ("a/memory.max", "5000\n"), ("a/b/memory.max", "7000\n")] {
            fs::write(mount.join(path), text).unwrap();
        }
        assert_eq!(least(&mount, &dir, &Version::Two), Some(5000));
        assert_eq!(least(&mount, &dir.join("not/there"), &Version::Two), Some(5000));
        assert_eq!(least(&mount, &mount, &Version::Two), None);
        assert_eq!(least(&mount, &dir, &Version::One(vec!["cpu".to_owned()])), None);
        fs::remove_dir_all(&mount).unwrap();
    }
}
