//! Containers by single commands: paused and resumed, with further programs in them.

use super::{LIMIT, PATIENCE, Place, bundle, descendants, expect, kill, send};
use crate::process::{self, Done, End};
use crate::{place, real};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A container that is removed in the end, whatever happens. Its `/mnt` is a directory of the host.
pub(super) struct Container<'a> {
    pub(super) here: &'a Place,
    pub(super) root: String,
    pub(super) id: String,
    mnt: PathBuf,
}

impl<'a> Container<'a> {
    /// Creates and starts one that runs a script.
    pub(super) fn start(here: &'a Place, name: &str, script: &str) -> Result<Self, String> {
        let container = Self::new(here, name);
        let bundle = container.bundle(script, &[])?;
        container.must(&["create", "--bundle", &bundle])?;
        container.must(&["start"])?;
        Ok(container)
    }

    /// One that is yet to be created.
    pub(super) fn new(here: &'a Place, name: &str) -> Self {
        let root = here.scratch.join("state").to_string_lossy().into_owned();
        Self { here, root, id: format!("{name}-{}", std::process::id()), mnt: here.scratch.join("mnt") }
    }

    /// A bundle for it, with texts of its config.json replaced.
    pub(super) fn bundle(&self, script: &str, changes: &[(&str, &str)]) -> Result<String, String> {
        // Left by an earlier check, or not there.
        let _ = fs::remove_dir_all(&self.mnt);
        fs::create_dir_all(&self.mnt).map_err(|e| e.to_string())?;
        let bundle = bundle(self.here, &["sh", "-c", script])?;
        let file = Path::new(&bundle).join("config.json");
        let config = fs::read_to_string(&file).map_err(|e| e.to_string())?;
        let mount = format!(
            r#""mounts": [{{"destination": "/mnt", "source": "{}", "options": ["bind"]}},"#,
            self.mnt.display()
        );
        let config = config.replace(r#""mounts": ["#, &mount);
        let config = changes.iter().fold(config, |config, (from, to)| config.replace(from, to));
        fs::write(&file, config).map_err(|e| e.to_string())?;
        Ok(bundle)
    }

    /// A subcommand with its options, for this container.
    pub(super) fn call(&self, words: &[&str], rest: &[&str]) -> Result<Done, String> {
        self.here.call(&[&["--root", &self.root], words, &[&self.id], rest].concat())
    }

    pub(super) fn must(&self, words: &[&str]) -> Result<Done, String> {
        let done = self.call(words, &[])?;
        if done.end == End::Code(0) { Ok(done) } else { Err(format!("{words:?}: {:?}\n{}", done.end, done.tail(5))) }
    }

    /// It fails and says why.
    pub(super) fn must_fail(&self, words: &[&str], why: &str) -> Result<(), String> {
        let done = self.call(words, &[])?;
        let text = String::from_utf8_lossy(&done.stderr).into_owned();
        if done.end != End::Code(0) && text.contains(why) { Ok(()) } else { Err(format!("{words:?} says {text:?}")) }
    }

    fn status(&self) -> Result<String, String> {
        let state = self.must(&["state"])?;
        let text = String::from_utf8_lossy(&state.stdout).into_owned();
        let status = text.split(r#""status": ""#).nth(1).and_then(|rest| rest.split('"').next());
        status.map(str::to_owned).ok_or(text)
    }

    pub(super) fn must_be(&self, want: &str) -> Result<(), String> {
        match self.status()? {
            status if status == want => Ok(()),
            status => Err(format!("it is {status}, want {want}")),
        }
    }

    pub(super) fn must_become(&self, want: &str) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && self.must_be(want).is_err() {
            sleep(Duration::from_millis(20));
        }
        self.must_be(want)
    }

    /// Length of a file in its `/mnt`.
    pub(super) fn len(&self, name: &str) -> u64 {
        fs::metadata(self.mnt.join(name)).map_or(0, |data| data.len())
    }

    /// Waits until a file in its `/mnt` is longer than that.
    pub(super) fn await_more(&self, name: &str, len: u64) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        while self.len(name) <= len {
            if Instant::now() > deadline {
                return Err(format!("{name} does not grow beyond {len} bytes"));
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        // What fails here shows as something left behind.
        let _ = self.call(&["delete", "--force"], &[]);
    }
}

/// Processor time of all processes below this one, in clock ticks.
fn ticks() -> u64 {
    let used = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let words: Vec<&str> = text.rsplit(')').next()?.split_whitespace().collect();
        Some(words.get(11)?.parse::<u64>().ok()? + words.get(12)?.parse::<u64>().ok()?)
    };
    descendants(std::process::id()).into_iter().filter_map(used).sum()
}

/// A paused container stands still whatever its programs do, and goes on as if nothing had been.
pub(super) fn pause(here: &Place) -> Result<(), String> {
    let script = "trap 'echo term >> /mnt/term' TERM
        while :; do :; done &
        while :; do sleep 0.2; echo up >> /mnt/late; done &
        while :; do echo x >> /mnt/count; sleep 0.01; done";
    let container = Container::start(here, "pause", script)?;
    container.await_more("count", 10)?;
    container.await_more("late", 0)?;
    container.must(&["pause"])?;
    container.must_be("paused")?;
    let list = container.here.call(&["--root", &container.root, "list"])?;
    if !String::from_utf8_lossy(&list.stdout).contains("paused") {
        return Err(format!("the list does not say it\n{}", list.tail(5)));
    }
    container.must_fail(&["pause"], "not running")?;
    container.must_fail(&["delete"], "paused")?;
    // A signal waits.
    expect(&container.call(&["kill"], &["TERM"])?, End::Code(0), "")?;
    let (count, late, before) = (container.len("count"), container.len("late"), ticks());
    sleep(Duration::from_secs(1));
    let used = ticks() - before;
    if container.len("count") != count || container.len("late") != late || container.len("term") != 0 {
        return Err("it goes on while it is paused".to_owned());
    }
    if used > 1 {
        return Err(format!("paused, it uses {used} ticks in a second"));
    }
    container.must(&["resume"])?;
    container.must_be("running")?;
    container.must_fail(&["resume"], "not paused")?;
    container.await_more("count", count)?;
    container.await_more("late", late)?;
    container.await_more("term", 0)?;
    // SIGKILL does not wait.
    container.must(&["pause"])?;
    expect(&container.call(&["kill"], &["KILL"])?, End::Code(0), "")?;
    container.must_become("stopped")?;
    container.must_fail(&["pause"], "not running")?;
    container.must_fail(&["resume"], "not paused")?;
    drop(container);
    // Nor does removal.
    let container = Container::start(here, "pause", "while :; do :; done")?;
    container.must(&["pause"])?;
    container.must(&["delete", "--force"])?;
    container.must_fail(&["state"], "no container")
}

/// Paused before it is started, a container can be started only after it was resumed; as runc has it.
pub(super) fn pause_created(here: &Place) -> Result<(), String> {
    let bundle = bundle(here, &["true"])?;
    let container = Container::new(here, "early");
    container.must(&["create", "--bundle", &bundle])?;
    container.must(&["pause"])?;
    container.must_fail(&["start"], "paused")?;
    container.must(&["resume"])?;
    container.must_be("created")?;
    container.must(&["start"])?;
    container.must_become("stopped")
}

/// Files in memory take half of what the container may have, each filesystem, and whoever fills one is told.
pub(super) fn memory(here: &Place) -> Result<(), String> {
    let script = "grep MemTotal /proc/meminfo; stat -f -c %b / /dev/shm
        for dir in '' /dev/shm; do
            dd if=/dev/zero of=$dir/big bs=1M 2> /mnt/said; echo $?; grep -c 'No space' /mnt/said
            test $(stat -c %s $dir/big) -gt 30000000 && echo much; rm $dir/big
        done
        echo room > /file; cat /file";
    let container = Container::new(here, "memory");
    let limit = r#""linux": {"resources": {"memory": {"limit": 67108864}}, "#;
    let bundle = container.bundle(script, &[(r#""linux": {"#, limit)])?;
    let want = "MemTotal:          65536 kB\n8192\n8192\n1\n1\nmuch\n1\n1\nmuch\nroom\n";
    expect(&container.call(&["run", "--bundle", &bundle], &[])?, End::Code(0), want)
}

/// A first program that does nothing and ends when it is asked to.
pub(super) const IDLE: &str = "trap 'exit 0' TERM; while :; do sleep 0.1; done";

impl Container<'_> {
    /// A further program in it: how that ends and what it says.
    pub(super) fn exec(&self, options: &[&str], command: &[&str], code: i32, stdout: &str) -> Result<(), String> {
        let done = self.call(&[&["exec"], options].concat(), command)?;
        expect(&done, End::Code(code), stdout).map_err(|why| format!("exec {options:?} {command:?}: {why}"))
    }

    /// The command line of a further program.
    fn line(&self, options: &[&str], command: &[&str]) -> Result<std::process::Command, String> {
        let nacre = self.here.nacre.to_string_lossy();
        let words = [&[&*nacre, "--root", &self.root, "exec"], options, &[&self.id], command].concat();
        process::command(&words.into_iter().map(str::to_owned).collect::<Vec<_>>())
    }

    /// Nothing runs in it but its first program.
    pub(super) fn must_be_idle(&self) -> Result<(), String> {
        let script = "ls /proc | grep -c '^[0-9]*$'";
        let deadline = Instant::now() + PATIENCE;
        loop {
            let done = self.call(&["exec"], &["sh", "-c", script])?;
            let count = String::from_utf8_lossy(&done.stdout).trim().parse::<u32>();
            // The first program and its sleep, the shell and the two of its pipe.
            match count {
                Ok(..=5) => return Ok(()),
                count if Instant::now() > deadline => {
                    let list = self.call(&["exec"], &["ps", "-o", "pid,ppid,stat,args"])?;
                    return Err(format!("{count:?} processes in the container\n{}", list.tail(20)));
                }
                _ => sleep(Duration::from_millis(50)),
            }
        }
    }
}

/// A program in a running container: in its namespaces, as its options say, its end as if it had run directly.
pub(super) fn exec(here: &Place) -> Result<(), String> {
    let container = Container::start(here, "exec", &format!("echo x > /tmp/mark; cd /tmp; {IDLE}"))?;
    container.exec(&[], &["sh", "-c", "cat /tmp/mark; hostname; pwd; echo $PPID; exit 7"], 7, "x\nbundle\n/\n0\n")?;
    let options = ["--cwd", "/tmp", "--env", "ONE=1", "-u", "5:6", "-g", "9"];
    container.exec(&options, &["sh", "-c", "pwd; echo $ONE; id"], 0, "/tmp\n1\nuid=5 gid=6 groups=9\n")?;
    container.exec(&[], &["sh", "-c", "kill -9 $$"], 137, "")?;
    container.exec(&[], &["no-such-program"], 127, "")?;
    container.exec(&[], &["/etc/passwd"], 126, "")?;
    container.exec(&["--cwd", "/nowhere"], &["true"], 125, "")?;
    let file = here.scratch.join("process.json");
    let text = r#"{"cwd": "/tmp", "user": {"uid": 3, "gid": 4}, "env": ["PATH=/bin"], "args": ["id"]}"#;
    fs::write(&file, text).map_err(|e| e.to_string())?;
    container.exec(&["--process", &file.to_string_lossy()], &[], 0, "uid=3 gid=4\n")?;
    // Streams: what goes in comes out, and its end.
    let mut command = container.line(&[], &["cat"])?;
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
    child.stdin.take().ok_or("no stdin")?.write_all(b"text").map_err(|e| e.to_string())?;
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    if output.stdout != b"text" || !output.status.success() {
        return Err(format!("cat: {output:?}"));
    }
    // Signals.
    let script = "trap 'exit 5' TERM; echo up > /mnt/up; while :; do sleep 0.02; done";
    let mut child = container.line(&[], &["sh", "-c", script])?.spawn().map_err(|e| e.to_string())?;
    container.await_more("up", 0)?;
    send(&child, Signal::TERM)?;
    match process::wait(&mut child, Instant::now() + PATIENCE)? {
        End::Code(5) => {}
        end => return Err(format!("after SIGTERM: {end:?}")),
    }
    // Paused.
    container.must(&["pause"])?;
    container.exec(&[], &["true"], 1, "")?;
    container.must(&["resume"])?;
    // It ends with its container.
    let script = "echo up > /mnt/last; exec sleep 300";
    let mut child = container.line(&[], &["sh", "-c", script])?.spawn().map_err(|e| e.to_string())?;
    container.await_more("last", 0)?;
    expect(&container.call(&["kill"], &["KILL"])?, End::Code(0), "")?;
    match process::wait(&mut child, Instant::now() + PATIENCE)? {
        End::Code(137) => {}
        end => return Err(format!("after the end of its container: {end:?}")),
    }
    container.must_become("stopped")?;
    container.exec(&[], &["true"], 1, "")
}

/// A process stands for a detached program: it ends as that does, and that ends with it.
pub(super) fn exec_detached(here: &Place) -> Result<(), String> {
    let container = Container::start(here, "detached", IDLE)?;
    let pid_file = here.scratch.join("exec-pid").to_string_lossy().into_owned();
    let start = |script: &str| {
        container.exec(&["--detach", "--pid-file", &pid_file], &["sh", "-c", script], 0, "")?;
        let pid = fs::read_to_string(&pid_file).map_err(|e| e.to_string())?;
        pid.parse().ok().and_then(Pid::from_raw).ok_or_else(|| format!("pid file: {pid:?}"))
    };
    let end_of = |pid: Pid| match waitpid(Some(pid), WaitOptions::empty()) {
        Ok(Some((_, status))) => Ok(status.exit_status()),
        other => Err(format!("{other:?}")),
    };
    let pid = start("sleep 0.1; exit 6")?;
    if end_of(pid)? != Some(6) {
        return Err("its status is lost".to_owned());
    }
    let pid = start("trap 'exit 8' USR1; echo up > /mnt/up; while :; do sleep 0.02; done")?;
    container.await_more("up", 0)?;
    kill_process(pid, Signal::USR1).map_err(|e| e.to_string())?;
    if end_of(pid)? != Some(8) {
        return Err("a signal does not reach it".to_owned());
    }
    let pid = start("sleep 300 & sleep 300")?;
    kill_process(pid, Signal::KILL).map_err(|e| e.to_string())?;
    end_of(pid)?;
    container.must_be_idle()?;
    container.exec(&["--detach"], &["no-such-program"], 127, "")
}

/// Runs a script on the host that plays a person or an engine.
fn play(container: &Container<'_>, script: &str, arguments: &[&str]) -> Result<Done, String> {
    let path = place::absolute(&real::real_root())?.join("data").join(script).to_string_lossy().into_owned();
    let nacre = container.here.nacre.to_string_lossy();
    let words = ["/usr/bin/python3", &path, &nacre, &container.root, &container.id];
    let line: Vec<String> = words.iter().chain(arguments).map(|&word| word.to_owned()).collect();
    process::run(process::command(&line)?, LIMIT, &container.here.scratch, script)
}

/// Terminals: a person's, and one whose master end an engine takes.
pub(super) fn exec_terminal(here: &Place) -> Result<(), String> {
    let container = Container::start(here, "terminal", IDLE)?;
    let done = play(&container, "exec.py", &[])?;
    let want = "shown up /dev/pts/0\nshown got word\nshown size 33 99\nshown interrupted\nperson 9\nstarted 0\n\
        shown up /dev/pts/0\nshown size 44 88\nengine 9\nhung up 129\n";
    expect(&done, End::Code(0), want)?;
    container.must_be_idle()
}

/// A process that runs, and is not a sandbox's.
fn is_ours(pid: u32) -> bool {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/status")) else { return false };
    let words = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::split_whitespace);
    let is_sandbox = words("NSpid:").is_some_and(|ids| ids.count() > 1);
    let is_zombie = words("State:").is_some_and(|mut words| words.next() == Some("Z"));
    !is_sandbox && !is_zombie
}

/// kill -9 of `exec`, attached and detached, at any moment: the container goes on without the program.
pub(super) fn exec_killed(here: &Place) -> Result<(), String> {
    let container = Container::start(here, "killed", IDLE)?;
    for round in 0..40u64 {
        let options: &[&str] = if round % 2 == 0 { &[] } else { &["--detach"] };
        let before = descendants(std::process::id());
        let mut command = container.line(options, &["sh", "-c", "sleep 300 & sleep 300"])?;
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(|e| e.to_string())?;
        sleep(Duration::from_micros(round * 300));
        // Again until none is left: one may make another, which stands for a program by then, before it is killed, and
        // end between the look for others and the look at itself. Hence two looks that find none.
        let mut looks_in_vain = 0;
        while looks_in_vain < 2 {
            let mut all = descendants(std::process::id());
            all.retain(|pid| !before.contains(pid) && is_ours(*pid));
            looks_in_vain = if all.is_empty() { looks_in_vain + 1 } else { 0 };
            all.into_iter().for_each(kill);
            sleep(Duration::from_millis(1));
        }
        child.wait().map_err(|e| e.to_string())?;
        container.must_be_idle().map_err(|why| format!("after {} µs: {why}", round * 300))?;
    }
    container.must_be("running")
}

/// Programs in a container that is created: its first program waits, but keeps the id 1, and ends them when it ends.
pub(super) fn exec_created(here: &Place) -> Result<(), String> {
    let container = Container::new(here, "created");
    let bundle = container.bundle("cat /tmp/mark > /mnt/mark; exec sleep 60", &[])?;
    container.must(&["create", "--bundle", &bundle])?;
    container.exec(&[], &["sh", "-c", "echo $$; echo early > /tmp/mark; exit 3"], 3, "2\n")?;
    container.exec(&["--detach"], &["sleep", "61"], 0, "")?;
    container.must_be("created")?;
    container.must(&["start"])?;
    container.await_more("mark", 5)?;
    container.exec(&[], &["sh", "-c", "cat /proc/1/comm; ps | grep -c '[s]leep 61'"], 0, "sleep\n1\n")?;
    expect(&container.call(&["kill"], &["KILL"])?, End::Code(0), "")?;
    container.must_become("stopped")?;
    container.must(&["delete"])?;
    // One that is never started takes its programs along.
    container.must(&["create", "--bundle", &bundle])?;
    container.exec(&["--detach"], &["sleep", "62"], 0, "")?;
    container.must(&["delete"])?;
    container.must_fail(&["state"], "no container named")
}

/// What a caller finds out by `create` already, in the words that engines look for.
pub(super) fn no_program(here: &Place) -> Result<(), String> {
    for (program, why) in
        [("no-such-program", "executable file not found in $PATH"), ("/no/such", "no such file or directory")]
    {
        let container = Container::new(here, "nothing");
        let bundle = container.bundle("", &[(r#""args": ["sh", "-c", ""]"#, &format!(r#""args": ["{program}"]"#))])?;
        container.must_fail(&["create", "--bundle", &bundle], why)?;
        container.must_fail(&["state"], "no container named")?;
    }
    Ok(())
}

/// A container sees as many processors as its processor time could keep busy, and is not bound to them.
pub(super) fn processors(here: &Place) -> Result<(), String> {
    let container = Container::new(here, "processors");
    let limits = r#""linux": {"resources": {"cpu": {"quota": 50000, "period": 60000}}, "#;
    let script =
        "nproc; grep -c ^processor /proc/cpuinfo; grep -c '^cpu[0-9]' /proc/stat; cat /sys/devices/system/cpu/online
        seen=$(grep ^Cpus_allowed_list /proc/self/status); echo $seen; taskset -p ffff $$ > /mnt/set
        [ \"$seen\" = \"$(grep ^Cpus_allowed_list /proc/self/status)\" ] && echo same; nproc";
    let bundle = container.bundle(script, &[(r#""linux": {"#, limits)])?;
    let done = container.call(&["run", "--bundle", &bundle], &[])?;
    let of_host = fs::read_to_string("/proc/self/status").map_err(|e| e.to_string())?;
    let first: String = of_host
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .ok_or("no Cpus_allowed_list")?
        .trim()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    let want = format!("1\n1\n1\n{first}\nCpus_allowed_list: {first}\nsame\n1\n");
    expect(&done, End::Code(0), &want)
}

/// A profile that refuses execve refuses the first one, too.
pub(super) fn no_execve(here: &Place) -> Result<(), String> {
    for (action, why) in [("SCMP_ACT_ERRNO", "operation not permitted"), ("SCMP_ACT_KILL", "does not allow execve")] {
        let container = Container::new(here, "filtered");
        let profile = format!(
            r#""linux": {{"seccomp": {{"defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [{{"names": ["execve"], "action": "{action}"}}]}}, "#
        );
        let bundle = container.bundle("true", &[(r#""linux": {"#, &profile)])?;
        container.must(&["create", "--bundle", &bundle])?;
        container.must_fail(&["start"], why)?;
        container.must_become("stopped")?;
    }
    let container = Container::new(here, "notified");
    let profile = r#""linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/agent.sock",
        "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}, "#;
    let bundle = container.bundle("true", &[(r#""linux": {"#, profile)])?;
    container.must_fail(&["create", "--bundle", &bundle], "SCMP_ACT_NOTIFY is not supported")?;
    container.must_fail(&["state"], "no container named")
}

/// A terminal made for the first program, whose master end an engine takes; the streams of `create` end with it.
pub(super) fn create_terminal(here: &Place) -> Result<(), String> {
    let container = Container::new(here, "terminal");
    let program = "trap 'exit 3' HUP; echo up $(tty) $(stty size); read line; echo got $line; read line; echo bye; while :; do sleep 0.1; done";
    let bundle = container.bundle(program, &[(r#""terminal": false"#, r#""terminal": true"#)])?;
    let done = play(&container, "create.py", &[&bundle])?;
    let want = "created 0 b''\nstarted 0 b''\nshown up /dev/pts/0 55 77\nshown got word\nshown bye\n";
    expect(&done, End::Code(0), want)?;
    container.must_become("stopped")
}

/// What a container is of the host, and its limits changed.
pub(super) fn engine(here: &Place) -> Result<(), String> {
    let container = Container::start(here, "engine", "sleep 60 & sleep 60")?;
    let pid = container.must(&["state"])?;
    let pids = container.must(&["ps", "--format", "json"])?;
    let pids: Vec<u32> = String::from_utf8_lossy(&pids.stdout)
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|word| word.parse().ok())
        .collect();
    let is_first = pids.iter().any(|p| String::from_utf8_lossy(&pid.stdout).contains(&format!("\"pid\": {p}")));
    if !is_first || pids.len() < 3 {
        return Err(format!("ps: {pids:?}"));
    }
    let table = container.must(&["ps"])?;
    let lines = String::from_utf8_lossy(&table.stdout).lines().count();
    if lines < 4 {
        return Err(format!("ps has {lines} lines"));
    }
    container.must(&["update", "--pids-limit", "6"])?;
    let script = "for n in 1 2 3 4 5 6; do sleep 1 & done; wait; echo all";
    let done = container.call(&["exec"], &["sh", "-c", script])?;
    if String::from_utf8_lossy(&done.stdout).contains("all") {
        return Err("more tasks than the new limit allows".to_owned());
    }
    container.must(&["update", "--pids-limit", "-1"])?;
    container.exec(&[], &["sh", "-c", script], 0, "all\n")
}
