//! Containers that share a sandbox, annotated as Kubernetes' runtimes do.

use super::containers::{Container, IDLE};
use super::{PATIENCE, Place, descendants, expect, kill};
use crate::process::{self, End};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The place of annotations in a config.json, and of its namespaces.
const HEAD: &str = r#"{
  "ociVersion""#;
const NAMESPACES: &str = r#"{"type":"pid"},{"type":"network"},{"type":"ipc"},{"type":"uts"},{"type":"mount"}"#;

/// A container of a sandbox, not created yet, and its bundle. `namespaces`: as its config.json has them.
fn member<'a>(
    first: &Container<'a>,
    name: &str,
    script: &str,
    namespaces: &str,
) -> Result<(Container<'a>, String), String> {
    let container = Container::new(first.here, name);
    let annotations = format!(
        r#"{{
  "annotations": {{"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-id": "{}"}},
  "ociVersion""#,
        first.id
    );
    let bundle = container.bundle(script, &[(HEAD, &annotations), (NAMESPACES, namespaces)])?;
    Ok((container, bundle))
}

/// Created and started, with a pid namespace of its own and what Kubernetes shares.
fn started<'a>(first: &Container<'a>, name: &str, script: &str) -> Result<Container<'a>, String> {
    let (container, bundle) = member(first, name, script, &shared(first)?)?;
    container.must(&["create", "--bundle", &bundle])?;
    container.must(&["start"])?;
    Ok(container)
}

fn shared(first: &Container<'_>) -> Result<String, String> {
    let pid = pid_of(first)?;
    let path = |kind: &str, name: &str| format!(r#"{{"type":"{kind}","path":"/proc/{pid}/ns/{name}"}}"#);
    let paths = [path("network", "net"), path("ipc", "ipc"), path("uts", "uts")].join(",");
    Ok(format!(r#"{{"type":"pid"}},{{"type":"mount"}},{paths}"#))
}

/// Its pid namespace, as it sees it.
fn pids_of(container: &Container<'_>) -> Result<String, String> {
    let done = container.call(&["exec"], &["readlink", "/proc/self/ns/pid"])?;
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

fn pid_of(container: &Container<'_>) -> Result<u32, String> {
    let state = container.must(&["state"])?;
    let text = String::from_utf8_lossy(&state.stdout).into_owned();
    let pid = text.split(r#""pid": "#).nth(1).and_then(|rest| rest.split(['\n', ',']).next());
    pid.and_then(|pid| pid.trim().parse().ok()).ok_or(text)
}

/// Two containers beside the first: what is theirs, what they share, whose end ends whom.
pub(super) fn pod(here: &Place) -> Result<(), String> {
    let first = Container::start(here, "pod", IDLE)?;
    let one = started(&first, "one", IDLE)?;
    let two = started(&first, "two", IDLE)?;
    // Its first program and that one's sleep, the shell, and the three that count.
    let count = "echo x > /tmp/mark; cat /proc/1/comm
        until [ $(ls /proc | grep -c '^[0-9]*$') = 6 ]; do sleep 0.05; done; echo alone";
    one.exec(&[], &["sh", "-c", count], 0, "sh\nalone\n")?;
    two.exec(&[], &["sh", "-c", "ls /tmp"], 0, "")?;
    // Nor does the first see the processes of the others; for the host they are in one sandbox.
    one.exec(&["--detach"], &["sleep", "71"], 0, "")?;
    let looks = "cat /proc/1/comm; ps | grep -c '[s]leep 71'";
    first.exec(&[], &["sh", "-c", looks], 1, "sh\n0\n")?;
    one.exec(&[], &["sh", "-c", looks], 0, "sh\n1\n")?;
    first.exec(&[], &["sh", "-c", "kill -0 -1; readlink /proc/self/ns/pid"], 0, &pids_of(&first)?)?;
    if pids_of(&first)? == pids_of(&one)? {
        return Err("two containers have one pid namespace".to_owned());
    }
    one.exec(&[], &["sh", "-c", "killall sleep; true"], 0, "")?;
    let names = "readlink /proc/self/ns/net /proc/self/ns/uts /proc/self/ns/ipc; hostname";
    let of_first = first.call(&["exec"], &["sh", "-c", names])?;
    one.exec(&[], &["sh", "-c", names], 0, &String::from_utf8_lossy(&of_first.stdout))?;
    // One serves, the other asks, over the loopback device that they share.
    one.exec(&["--detach"], &["sh", "-c", "echo hello | nc -l -p 4000"], 0, "")?;
    two.exec(&[], &["sh", "-c", "until nc 127.0.0.1 4000 2> /dev/null; do sleep 0.05; done"], 0, "hello\n")?;
    let list = here.call(&["--root", &first.root, "list", "--quiet"])?;
    let listed = String::from_utf8_lossy(&list.stdout).lines().count();
    if listed != 3 {
        return Err(format!("{listed} containers are listed"));
    }
    one.must(&["pause"])?;
    one.must_be("paused")?;
    two.exec(&[], &["echo", "alive"], 0, "alive\n")?;
    one.must(&["resume"])?;
    // A signal to one, the end of one.
    expect(&one.call(&["kill"], &["TERM"])?, End::Code(0), "")?;
    one.must_become("stopped")?;
    one.must(&["delete"])?;
    two.exec(&[], &["echo", "alive"], 0, "alive\n")?;
    first.must_be("running")?;
    // The name is free again; a program that is not there does no harm to others.
    let (again, bundle) = member(&first, "one", "true", &shared(&first)?)?;
    again.must(&["create", "--bundle", &bundle])?;
    again.must_be("created")?;
    again.must(&["delete"])?;
    // The end of the first is the end of all.
    expect(&first.call(&["kill"], &["KILL"])?, End::Code(0), "")?;
    first.must_become("stopped")?;
    two.must_become("stopped")?;
    two.exec(&[], &["true"], 1, "")
}

/// A pid namespace in common: each sees the other, and the end of one's first process ends its others alone.
pub(super) fn shared_pids(here: &Place) -> Result<(), String> {
    let first = Container::start(here, "pod", IDLE)?;
    let namespaces = format!(r#"{{"type":"mount"}},{{"type":"pid","path":"/proc/{}/ns/pid"}}"#, pid_of(&first)?);
    let (one, bundle) = member(&first, "one", "sleep 61 & exec sleep 62", &namespaces)?;
    one.must(&["create", "--bundle", &bundle])?;
    one.must(&["start"])?;
    let count = "ps | grep -c '[s]leep 6[12]'";
    first.exec(&[], &["sh", "-c", &format!("until [ $({count}) = 2 ]; do sleep 0.05; done")], 0, "")?;
    expect(&one.call(&["kill"], &["KILL"])?, End::Code(0), "")?;
    one.must_become("stopped")?;
    first.exec(&[], &["sh", "-c", &format!("until [ $({count}) = 0 ]; do sleep 0.05; done")], 0, "")
}

/// The number of tasks is limited for each container alone.
pub(super) fn limits(here: &Place) -> Result<(), String> {
    let first = Container::start(here, "pod", IDLE)?;
    let limit = r#"{"type":"pid"}],"resources":{"pids":{"limit":8}},"x":["#;
    let script = "for n in 1 2 3 4 5 6 7 8 9; do sleep 300 & done; echo all > /mnt/all";
    let (one, bundle) = member(&first, "one", script, limit)?;
    one.must(&["create", "--bundle", &bundle])?;
    one.must(&["start"])?;
    one.must_become("stopped")?;
    if one.len("all") != 0 {
        return Err("more tasks than the limit allows".to_owned());
    }
    let script = "for n in 1 2 3 4 5 6 7 8 9; do sleep 0.1 & done; echo all";
    first.exec(&[], &["sh", "-c", script], 0, "all\n")
}

/// Each container sees limits of its own, and the tasks of one are bound to its processors.
pub(super) fn seen_limits(here: &Place) -> Result<(), String> {
    let first = Container::start(here, "pod", IDLE)?;
    let cpus = first.call(&["exec"], &["sh", "-c", "grep Cpus_allowed_list /proc/self/status | grep -o '[0-9]*$'"])?;
    let cpu = String::from_utf8_lossy(&cpus.stdout).trim().to_owned();
    let limits = format!(
        r#"{{"type":"pid"}}],"resources":{{"memory":{{"limit":67108864}},"cpu":{{"quota":50000,"cpus":"{cpu}"}},
        "pids":{{"limit":64}}}},"x":["#
    );
    let (one, bundle) = member(&first, "one", IDLE, &limits)?;
    let file = Path::new(&bundle).join("config.json");
    let config = fs::read_to_string(&file).map_err(|e| e.to_string())?;
    let mount = r#""mounts": [{"destination": "/limits", "type": "cgroup", "source": "cgroup"},"#;
    fs::write(&file, config.replacen(r#""mounts": ["#, mount, 1)).map_err(|e| e.to_string())?;
    one.must(&["create", "--bundle", &bundle])?;
    one.must(&["start"])?;
    let look = "grep -o 'MemTotal: *[0-9]*' /proc/meminfo | grep -o '[0-9]*$'";
    one.exec(&[], &["sh", "-c", look], 0, "65536\n")?;
    let of_first = first.call(&["exec"], &["sh", "-c", look])?;
    if String::from_utf8_lossy(&of_first.stdout) == "65536\n" {
        return Err("the first container sees another's limit".to_owned());
    }
    one.exec(
        &[],
        &["sh", "-c", "nproc; cd /limits; cat cpu.max memory.max pids.max"],
        0,
        "1\n50000 100000\n67108864\n64\n",
    )?;
    // It cannot get itself other processors.
    let widen = "taskset -p ffff $$ > /dev/null 2>&1; grep -c \"Cpus_allowed_list:.$CPU$\" /proc/self/status";
    one.exec(&["--env", &format!("CPU={cpu}")], &["sh", "-c", widen], 0, "1\n")?;
    one.must(&["update", "--memory", "134217728"])?;
    one.exec(&[], &["sh", "-c", look], 0, "131072\n")
}

/// What is refused, and why.
pub(super) fn refusals(here: &Place) -> Result<(), String> {
    let first = Container::start(here, "pod", IDLE)?;
    let nobody = Container::new(here, "nobody");
    let (one, bundle) = member(&nobody, "one", "true", NAMESPACES)?;
    one.must_fail(&["create", "--bundle", &bundle], "no container named")?;
    let (one, bundle) = member(&first, "one", "true", r#"{"type":"pid","path":"/proc/1/ns/pid"}"#)?;
    one.must_fail(&["create", "--bundle", &bundle], "stands for no container")?;
    let (one, bundle) = member(&first, "one", "true", NAMESPACES)?;
    one.must_fail(&["run", "--bundle", &bundle], "--detach")?;
    one.must_fail(&["state"], "no container named")
}

/// kill -9 of `create` and of what stands for a container at any moment: nothing is left of it, the others go on, and
/// the sentry keeps nothing.
pub(super) fn killed(here: &Place) -> Result<(), String> {
    let first = Container::start(here, "pod", IDLE)?;
    let sentry = pid_of(&first)?;
    let open = || fs::read_dir(format!("/proc/{sentry}/fd")).map_or(0, Iterator::count);
    let (one, bundle) = member(&first, "one", "sleep 300 & sleep 300", &shared(&first)?)?;
    // The first time something may be kept for all others.
    one.must(&["run", "--detach", "--bundle", &bundle])?;
    one.must(&["delete", "--force"])?;
    first.must_be_idle()?;
    let (before, others) = (open(), descendants(std::process::id()));
    for round in 0..60u64 {
        let nacre = here.nacre.to_string_lossy();
        let line = [&*nacre, "--root", &one.root, "run", "--detach", "--bundle", &bundle, &one.id].map(str::to_owned);
        let mut command = process::command(&line)?;
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(|e| e.to_string())?;
        sleep(Duration::from_micros(round * 400));
        if round % 3 == 0 {
            // All of ours, but for the sandbox.
            descendants(std::process::id()).into_iter().filter(|pid| !others.contains(pid)).for_each(kill);
        } else {
            child.kill().map_err(|e| e.to_string())?;
        }
        child.wait().map_err(|e| e.to_string())?;
        let after = |why: String| format!("after {} µs: {why}", round * 400);
        one.must(&["delete", "--force"]).map_err(after)?;
        first.must_be_idle().map_err(after)?;
    }
    let state = Path::new(&first.root);
    let left: Vec<_> =
        fs::read_dir(state).into_iter().flatten().filter_map(Result::ok).map(|e| e.file_name()).collect();
    if left.len() != 1 {
        return Err(format!("state is left: {left:?}"));
    }
    if open() > before + 2 {
        return Err(format!("{} descriptors are left in the sentry", open() - before));
    }
    first.must_be("running")?;
    // The sandbox is killed: what stands for the others goes, too.
    let two = started(&first, "two", IDLE)?;
    let stand_in = pid_of(&two)?;
    kill(sentry);
    two.must_become("stopped")?;
    two.must(&["delete"])?;
    drop(first);
    let deadline = Instant::now() + PATIENCE;
    while Path::new(&format!("/proc/{stand_in}/exe")).exists() {
        if Instant::now() > deadline {
            return Err("what stands for a container outlives the sandbox".to_owned());
        }
        sleep(Duration::from_millis(5));
    }
    Ok(())
}
