//! Programs in sandboxes, from outside: streams, status, signals, files, and the end of all when one is killed.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::{Place, eventually, kill};
use serde_json::json;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

fn places() -> impl Iterator<Item = Place> {
    [Some(Place::new()), Place::of_ordinary_user()].into_iter().flatten()
}

fn run(place: &Place, args: &[&str]) -> Output {
    place.output(&[&["do"], args].concat())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A program that runs on and has said so.
fn start(place: &Place, args: &[&str]) -> Child {
    let mut command = place.nacre(&[&["do"], args].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut byte = [0];
    child.stdout.as_mut().unwrap().read_exact(&mut byte).unwrap();
    child
}

#[test]
fn status_of_a_program_is_handed_on() {
    for place in places() {
        let cases: &[(&[&str], i32)] = &[
            (&["true"], 0),
            (&["sh", "-c", "exit 7"], 7),
            (&["sh", "-c", "kill -9 $$"], 137),
            (&["sh", "-c", "kill -TERM $$"], 143),
            (&["nosuchprogram"], 127),
            (&["/no/such/program"], 127),
            (&["/etc/passwd"], 126),
            (&["/"], 126),
            (&["--cwd", "/etc/passwd", "true"], 125),
        ];
        for (args, status) in cases {
            let output = run(&place, args);
            assert_eq!(output.status.code(), Some(*status), "{args:?}: {output:?}");
            assert_eq!(output.stderr.is_empty(), !matches!(status, 125..=127), "{args:?}: {output:?}");
        }
        place.assert_clean();
    }
}

#[test]
fn options_change_what_the_program_sees() {
    for place in places() {
        let out = |args: &[&str]| {
            let output = run(&place, args);
            assert!(output.status.success(), "{args:?}: {output:?}");
            said(&output)
        };
        assert_eq!(out(&["--env", "X=a b", "sh", "-c", "echo \"$X\""]), "a b\n");
        assert_eq!(out(&["--cwd", "/usr", "pwd"]), "/usr\n");
        assert_eq!(out(&["--user", "12:34", "sh", "-c", "id -u; id -g; id -G"]), "12\n34\n34\n");
        assert_eq!(out(&["--hostname", "pearl", "uname", "-n"]), "pearl\n");
        assert_eq!(out(&["stat", "-c", "%u", "/"]), "0\n");
        assert_eq!(out(&["id", "-u"]), format!("{}\n", place.user()));
    }
}

#[test]
fn what_the_program_writes_is_gone() {
    for place in places() {
        let name = place.dir.join("written");
        let script = format!("echo x > {0} && cat {0} && rm /etc/passwd 2>&-; :", name.display());
        let output = run(&place, &["sh", "-c", &script]);
        assert_eq!(said(&output), "x\n", "{output:?}");
        assert!(!name.exists() && Path::new("/etc/passwd").exists());
    }
}

#[test]
fn binds_write_through_unless_read_only() {
    for place in places() {
        let source = place.dir.join("shared");
        fs::create_dir(&source).unwrap();
        place.give(&source);
        let bind = format!("{}:/mnt/x", source.display());
        let output = run(&place, &["--bind", &bind, "sh", "-c", "echo y > /mnt/x/f; chmod 640 /mnt/x/f"]);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(fs::read_to_string(source.join("f")).unwrap(), "y\n");
        let read_only = format!("{bind}:ro");
        let output = run(&place, &["--bind", &read_only, "sh", "-c", "cat /mnt/x/f; echo z > /mnt/x/f"]);
        assert!(!output.status.success() && said(&output) == "y\n", "{output:?}");
        assert_eq!(fs::read_to_string(source.join("f")).unwrap(), "y\n");
    }
}

#[test]
fn streams_are_the_callers() {
    let place = Place::new();
    let mut child = place.nacre(&["do", "cat"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(&vec![b'x'; 300_000]).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success() && output.stdout.len() == 300_000);
    // The reader sees the end when the program closes its output, not when the sandbox ends.
    let mut child = place.nacre(&["do", "sh", "-c", "exec >&-; sleep 20"]).stdout(Stdio::piped()).spawn().unwrap();
    let before = Instant::now();
    child.stdout.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
    assert!(before.elapsed() < Duration::from_secs(10));
    kill(child.id() as i32, 15);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    place.assert_clean();
}

#[test]
fn signals_reach_the_program() {
    let place = Place::new();
    for (signal, status) in [(15, 143), (2, 130), (1, 129), (10, 138)] {
        let mut child = start(&place, &["sh", "-c", "echo; exec sleep 60"]);
        kill(child.id() as i32, signal);
        assert_eq!(child.wait().unwrap().code(), Some(status), "signal {signal}");
    }
    let mut child = start(&place, &["sh", "-c", "trap 'exit 5' TERM; echo; while :; do sleep 0.05; done"]);
    kill(child.id() as i32, 15);
    assert_eq!(child.wait().unwrap().code(), Some(5));
    place.assert_clean();
}

#[test]
fn everything_ends_with_any_of_ours() {
    for place in places() {
        let many = ["sh", "-c", "sleep 60 & (setsid sleep 60 &) ; echo; wait"];
        let mut child = start(&place, &many);
        kill(child.id() as i32, 9);
        child.wait().unwrap();
        place.assert_clean();
        let mut child = start(&place, &many);
        let starter = child.id() as i32;
        let sentry = place.processes().into_iter().find(|pid| *pid != starter).unwrap();
        kill(sentry, 9);
        let mut text = String::new();
        child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(137));
        assert!(text.contains("killed"), "{text}");
        place.assert_clean();
    }
}

#[test]
fn a_start_killed_at_any_moment_leaves_nothing() {
    for place in places() {
        for round in 0..60_u64 {
            let mut child = place.nacre(&["do", "sleep", "60"]).spawn().unwrap();
            std::thread::sleep(Duration::from_micros(round * 500));
            kill(child.id() as i32, 9);
            child.wait().unwrap();
            place.assert_clean();
        }
    }
}

#[test]
fn many_one_after_another_leave_nothing() {
    let place = Place::new();
    for _ in 0..30 {
        assert!(run(&place, &["true"]).status.success());
    }
    place.assert_clean();
}

#[test]
fn a_terminal_is_a_terminal() {
    let place = Place::new();
    let command = format!("{} do sh -i", place.dir.join("nacre").display());
    let mut script = std::process::Command::new("script");
    script.args(["-qec", &command, "/dev/null"]).env("PS1", "$ ").stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut child) = script.spawn() else { return };
    let mut input = child.stdin.take().unwrap();
    for line in ["stty size; tty", "exec 3>/dev/tty && echo fine >&3", "exit 4"] {
        std::thread::sleep(Duration::from_millis(300));
        writeln!(input, "{line}").unwrap();
    }
    let output = child.wait_with_output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert!(text.contains("/dev/pts/0") && text.contains("fine\r\n"), "{text}");
}

/// A root directory with the programs of the machine, bound.
fn with_programs(place: &Place, args: &[&str]) {
    place.write_config(|config| {
        config["process"]["args"] = json!(args);
        let bind = |path: &&str| json!({"destination": path, "source": path, "options": ["rbind", "ro"]});
        let paths = ["/bin", "/lib", "/lib64", "/usr"];
        let binds = paths.iter().filter(|path| Path::new(path).exists()).map(bind);
        config["mounts"].as_array_mut().unwrap().extend(binds);
    });
}

#[test]
fn a_bundle_runs() {
    for place in places() {
        with_programs(&place, &["/bin/sh", "-c", "cat; echo out; exit 3"]);
        let mut run = place.nacre(&["run", "--bundle"]);
        run.arg(place.bundle()).arg("a").stdin(Stdio::null());
        let output = run.output().unwrap();
        assert_eq!((output.status.code(), said(&output).as_str()), (Some(3), "out\n"), "{output:?}");
        place.assert_clean();
    }
}

#[test]
fn a_container_is_started_and_killed() {
    for place in places() {
        with_programs(&place, &["/bin/sleep", "60"]);
        assert!(place.create("a").status().unwrap().success());
        assert_eq!(place.state_of("a")["status"], "created");
        let started = place.output(&["start", "a"]);
        assert!(started.status.success(), "{started:?}");
        assert_eq!(place.state_of("a")["status"], "running");
        assert!(!place.output(&["start", "a"]).status.success());
        assert!(!place.output(&["delete", "a"]).status.success());
        assert!(place.output(&["kill", "a", "KILL"]).status.success());
        eventually("it stops", || place.state_of("a")["status"] == "stopped");
        assert!(place.output(&["delete", "a"]).status.success());
        place.assert_clean();
    }
}

#[test]
fn a_program_that_is_not_there() {
    let place = Place::new();
    fs::remove_file(place.bundle().join("rootfs/true")).unwrap();
    let create = place.nacre(&["create", "--bundle"]).arg(place.bundle()).arg("a").output().unwrap();
    assert!(String::from_utf8_lossy(&create.stderr).contains("/true: no such file"), "{create:?}");
    place.assert_clean();
    let run = place.nacre(&["run", "--bundle"]).arg(place.bundle()).arg("a").output().unwrap();
    assert_eq!(run.status.code(), Some(127));
    assert!(String::from_utf8_lossy(&run.stderr).contains("/true"), "{run:?}");
    place.assert_clean();
}

#[test]
fn a_run_that_is_killed_leaves_nothing() {
    for place in places() {
        with_programs(&place, &["/bin/sleep", "60"]);
        place.write_config_more(|config| config["linux"]["cgroupsPath"] = json!(place.cgroup()));
        for round in 0..30_u64 {
            let mut run = place.nacre(&["run", "--bundle"]);
            let mut child = run.arg(place.bundle()).arg("a").stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(round));
            kill(child.id() as i32, 9);
            child.wait().unwrap();
            place.assert_clean();
        }
        assert!(place.output(&["list"]).status.success());
    }
}
