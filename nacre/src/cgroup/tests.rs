use super::hierarchy::{Hierarchy, Version, parse};
use super::path::relative;
use super::settings::Setting;
use super::{v1, v2};
use oci_spec::runtime::LinuxResources;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[test]
fn hierarchies_are_found() {
    let v1 = "30 24 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
              31 24 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n\
              32 24 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
              33 24 8:1 / / rw - ext4 /dev/sda1 rw\n";
    let cpu = Version::One(vec!["cpu".to_owned(), "cpuacct".to_owned()]);
    assert_eq!(parse(v1), [Hierarchy { mount: "/sys/fs/cgroup/cpu,cpuacct".into(), version: cpu }]);
    let v2 = "32 24 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    assert_eq!(parse(v2), [Hierarchy { mount: "/sys/fs/cgroup".into(), version: Version::Two }]);
    assert_eq!(parse("nonsense\n\n"), []);
}

#[test]
fn paths() {
    let relative = |path: &str| relative(Some(Path::new(path)), "id").ok();
    assert_eq!(relative("/docker/x"), Some("docker/x".into()));
    assert_eq!(relative("a/b"), Some("a/b".into()));
    assert_eq!(relative("user-1000.slice:podman:x"), Some("user.slice/user-1000.slice/podman-x.scope".into()));
    assert_eq!(relative(":cri:x"), Some("system.slice/cri-x.scope".into()));
    assert_eq!(relative("-.slice:cri:x"), Some("cri-x.scope".into()));
    for bad in ["/", "..", "/a/../b", "x:y:z", "a--b.slice:p:n", "a.slice:p:", "a.slice:p:../n"] {
        assert_eq!(relative(bad), None, "{bad}");
    }
    assert_eq!(super::path::relative(None, "id").unwrap(), PathBuf::from("nacre-id"));
}

fn resources(value: Value) -> LinuxResources {
    serde_json::from_value(value).unwrap()
}

fn all() -> LinuxResources {
    resources(json!({
        "memory": {"limit": 1000, "swap": 1500, "reservation": 500},
        "cpu": {"shares": 1024, "quota": 50000, "period": 100_000, "cpus": "0-1"},
        "pids": {"limit": 100}
    }))
}

#[test]
fn version_2_values() {
    let expected = [
        Setting::new("memory.max", 1000),
        Setting::new("memory.low", 500),
        Setting::new("memory.swap.max", 500),
        Setting::new("cpu.weight", 39),
        Setting::new("cpu.max", "50000 100000"),
        Setting::new("cpuset.cpus", "0-1"),
        Setting::new("pids.max", 456),
    ];
    let mut settings = v2::settings(&all()).unwrap();
    settings.sort_by_key(|setting| expected.iter().position(|other| other.file == setting.file));
    assert_eq!(settings, expected);
    let unlimited = resources(json!({"memory": {"limit": -1, "swap": -1}, "pids": {"limit": -1}}));
    assert!(v2::settings(&unlimited).unwrap().iter().all(|setting| setting.value == "max"));
    assert!(v2::settings(&resources(json!({"memory": {"limit": 10, "swap": 5}}))).is_err());
    assert!(v2::settings(&resources(json!({"unified": {"../x.y": "1"}}))).is_err());
}

#[test]
fn version_1_values() {
    let of = |controller: &str| v1::settings(&all(), &[controller.to_owned()]);
    assert_eq!(
        of("memory"),
        [
            Setting::new("memory.limit_in_bytes", 1000),
            Setting::new("memory.soft_limit_in_bytes", 500),
            Setting::new("memory.memsw.limit_in_bytes", 1500),
        ]
    );
    assert_eq!(of("pids"), [Setting::new("pids.max", 456)]);
    assert_eq!(of("cpuset"), [Setting::new("cpuset.cpus", "0-1")]);
    assert_eq!(of("freezer"), []);
}
