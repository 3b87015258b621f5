//! The life of a sandbox from outside: made, looked at, killed at any moment, nothing left.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::{Place, eventually, is_root, kill};
use serde_json::json;
use std::fs;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

const SIGKILL: i32 = 9;

fn places() -> impl Iterator<Item = Place> {
    [Some(Place::new()), Place::of_ordinary_user()].into_iter().flatten()
}

fn field(pid: i32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_once(':').unwrap().1.trim().to_owned()
}

#[test]
fn the_sentry_has_little() {
    for place in places() {
        assert!(place.create("a").status().unwrap().success());
        let pid = place.state_of("a")["pid"].as_i64().unwrap() as i32;
        assert_eq!(field(pid, "CapEff"), "000000000000001f");
        assert_eq!(field(pid, "CapPrm"), "000000000000001f");
        assert_eq!(field(pid, "CapBnd"), "0000000000000000");
        assert_eq!(field(pid, "NoNewPrivs"), "1");
        assert_eq!(field(pid, "Seccomp"), "2");
        assert!(field(pid, "NSpid").ends_with("\t1"));
        for namespace in ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"] {
            let link = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/{namespace}")).unwrap();
            assert_ne!(link(&pid.to_string()), link("self"), "{namespace}");
        }
        let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap();
        let points: Vec<_> = mounts.lines().map(|line| line.split(' ').nth(4).unwrap().to_owned()).collect();
        assert!(points.iter().all(|point| ["/", "/proc"].contains(&point.as_str())), "{mounts}");
        let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap();
        assert!(root.split(' ').nth(5).unwrap().starts_with("ro"), "{root}");
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
            let target = fs::read_link(entry.unwrap().path()).unwrap();
            assert!(!target.starts_with(place.state()), "{}", target.display());
        }
        assert!(place.output(&["delete", "--force", "a"]).status.success());
        place.assert_clean();
    }
}

#[test]
fn a_container_is_made_and_deleted() {
    for place in places() {
        let pid_file = place.dir.join("pid");
        let mut create = place.create("a");
        create.arg("--pid-file").arg(&pid_file);
        assert!(create.status().unwrap().success());
        let state = place.state_of("a");
        assert_eq!(state["status"], "created");
        assert_eq!(state["pid"].to_string(), fs::read_to_string(pid_file).unwrap());
        let again = place.nacre(&["create", "--bundle"]).arg(place.bundle()).arg("a").output().unwrap();
        assert!(String::from_utf8_lossy(&again.stderr).contains("exists already"));
        assert!(place.output(&["kill", "a", "TERM"]).status.success());
        eventually("a killed container stops", || place.state_of("a")["status"] == "stopped");
        assert!(!place.output(&["kill", "a"]).status.success());
        assert!(place.output(&["delete", "a"]).status.success());
        assert!(!place.output(&["state", "a"]).status.success());
        assert!(place.output(&["delete", "--force", "a"]).status.success());
        place.assert_clean();
    }
}

#[test]
fn a_killed_sentry_leaves_a_stopped_container() {
    let place = Place::new();
    place.write_config(|config| config["linux"]["cgroupsPath"] = json!(place.cgroup()));
    assert!(place.create("a").status().unwrap().success());
    kill(place.state_of("a")["pid"].as_i64().unwrap() as i32, SIGKILL);
    eventually("it stops", || place.state_of("a")["status"] == "stopped");
    assert!(place.processes().is_empty());
    assert!(place.output(&["delete", "a"]).status.success());
    place.assert_clean();
}

#[test]
fn a_create_killed_at_any_moment_leaves_nothing() {
    for place in places() {
        place.write_config(|config| config["linux"]["cgroupsPath"] = json!(place.cgroup()));
        for round in 0..60_u64 {
            let mut child = place.create("a").spawn().unwrap();
            sleep(Duration::from_micros(round * 400));
            kill(child.id() as i32, SIGKILL);
            let is_complete = child.wait().unwrap().success();
            if is_complete || place.output(&["state", "a"]).status.success() {
                // It was detached already, or is about to be cleaned up; both end by delete.
                eventually("delete", || place.output(&["delete", "--force", "a"]).status.success());
            }
            place.assert_clean();
        }
    }
}

#[test]
fn limits_are_set_and_removed() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    place.write_config(|config| {
        config["linux"]["cgroupsPath"] = json!(place.cgroup());
        config["linux"]["resources"] = json!({"pids": {"limit": 100}, "memory": {"limit": 256 << 20}});
    });
    let output = place.nacre(&["create", "--bundle"]).arg(place.bundle()).arg("a").stderr(Stdio::null()).status();
    assert!(output.unwrap().success());
    let pid = place.state_of("a")["pid"].as_i64().unwrap();
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    assert!(groups.lines().any(|line| line.ends_with(&place.cgroup())), "{groups}");
    assert!(place.output(&["delete", "--force", "a"]).status.success());
    place.assert_clean();
}

#[test]
fn hooks_run_with_the_state() {
    let place = Place::new();
    let out = place.dir.join("hook");
    place.write_config(|config| {
        let command = format!("cat > {}; test \"$X\" = 1", out.display());
        let hook = json!([{"path": "/bin/sh", "args": ["sh", "-c", command], "env": ["X=1"], "timeout": 5}]);
        config["hooks"] = json!({"createRuntime": hook});
    });
    assert!(place.create("a").status().unwrap().success());
    let state: serde_json::Value = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
    assert_eq!((state["status"].as_str(), state["id"].as_str()), (Some("creating"), Some("a")));
    assert!(state["pid"].as_i64().unwrap() > 0);
    assert!(place.output(&["delete", "a"]).status.success());
    place.write_config(|config| {
        let hook = json!([{"path": "/bin/sh", "args": ["sh", "-c", "sleep 60"], "timeout": 1}]);
        config["hooks"] = json!({"prestart": hook});
    });
    let output = place.nacre(&["create", "--bundle"]).arg(place.bundle()).arg("a").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("timeout"), "{output:?}");
    place.assert_clean();
}

#[test]
fn errors_say_what_to_do() {
    let place = Place::new();
    let cases: &[(&[&str], i32, &str)] = &[
        (&["do"], 125, "required"),
        (&["do", "--bind", "/x", "true"], 125, "write SRC:DST"),
        (&["do", "--rootfs", "/no/such", "true"], 125, "/no/such"),
        (&["do", "--user", "me", "true"], 125, "write numbers"),
        (&["create", "a/b"], 1, "config.json"),
        (&["create", "--bundle", "/no/such", "a"], 1, "/no/such"),
        (&["start", "nobody"], 1, "no container named"),
        (&["state", "../x"], 1, "can't name a container"),
        (&["kill", "a", "FOO"], 1, "no signal"),
        (&["frob"], 125, "unrecognized"),
    ];
    for (args, status, text) in cases {
        let output = place.output(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(*status), "{args:?}: {said}");
        assert!(said.contains(text), "{args:?}: {said}");
    }
    let log = place.dir.join("log");
    let mut command = place.nacre(&["--log-format", "json", "--log"]);
    command.arg(&log).args(["start", "nobody"]);
    assert_eq!(command.output().unwrap().status.code(), Some(1));
    let line: serde_json::Value = serde_json::from_slice(&fs::read(&log).unwrap()).unwrap();
    assert_eq!(line["level"], "error");
    place.assert_clean();
}

#[test]
fn help_and_features() {
    let place = Place::new();
    let help = place.output(&["--help"]);
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("sandbox"));
    let features: serde_json::Value = serde_json::from_slice(&place.output(&["features"]).stdout).unwrap();
    assert_eq!(features["ociVersionMin"], "1.0.0");
}
