//! `sandbox`: what a user of the command line sees from outside: exit codes, signals, the host untouched, and
//! nothing left behind however the sandbox ends.
//!
//! This process makes itself the reaper of orphans, so that whatever a sandbox leaves becomes its child.

mod changes;
mod containers;
mod pods;

use crate::args::Args;
use crate::process::{self, Done, End};
use crate::tally::Tally;
use crate::{Outcome, image, place, real};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, set_child_subreaper, wait};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_mins(2);

/// What comes at all has come by then, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(30);

/// What every check needs.
struct Place {
    nacre: PathBuf,
    scratch: PathBuf,
    count: usize,
}

type Check = fn(&Place) -> Result<(), String>;

const CHECKS: &[(&str, Check)] = &[
    ("exit-codes", exit_codes),
    ("messages", messages),
    ("streams", streams),
    ("environment", environment),
    ("host-untouched", host_untouched),
    ("binds", binds),
    ("host-changes-show-in-binds", changes::binds),
    ("image-changes-do-no-harm", changes::image),
    ("signals-are-passed-on", signals),
    ("terminal", terminal),
    ("job-of-a-shell", job),
    ("bundle-run", bundle_run),
    ("bundle-life", bundle_life),
    ("bundle-seccomp", bundle_seccomp),
    ("bundle-memory", containers::memory),
    ("bundle-processors", containers::processors),
    ("paused", containers::pause),
    ("paused-before-its-start", containers::pause_created),
    ("exec", containers::exec),
    ("create-with-terminal", containers::create_terminal),
    ("exec-in-a-created-container", containers::exec_created),
    ("no-program", containers::no_program),
    ("no-execve", containers::no_execve),
    ("ps-and-update", containers::engine),
    ("exec-detached", containers::exec_detached),
    ("exec-terminal", containers::exec_terminal),
    ("exec-killed-at-any-moment", containers::exec_killed),
    ("pod", pods::pod),
    ("pod-with-shared-pids", pods::shared_pids),
    ("pod-limits", pods::limits),
    ("pod-limits-as-seen", pods::seen_limits),
    ("pod-refusals", pods::refusals),
    ("pod-killed-at-any-moment", pods::killed),
    ("killed-at-any-moment", killed),
    ("bundle-killed-at-any-moment", bundle_killed),
    ("any-process-killed", any_process_killed),
    ("many-in-a-row", many),
    ("two-at-once", two_at_once),
    ("fork-bomb", fork_bomb),
];

/// Says that a check needs an option that the binary does not have yet.
const PENDING: &str = "pending: ";

/// The chore.
pub(crate) fn run(args: &mut Args) -> Outcome {
    let filter = args.value("--filter")?.unwrap_or_default();
    let count = args.number("--count", 100)?;
    args.finish()?;
    let here = Place { nacre: place::nacre()?, scratch: place::scratch("sandbox")?, count };
    let me = Pid::from_raw(1).ok_or("no pid")?;
    set_child_subreaper(Some(me)).map_err(|e| format!("subreaper: {e}"))?;
    let mut tally = Tally::default();
    for (name, check) in CHECKS.iter().filter(|(name, _)| name.contains(&filter)) {
        let before = Traces::now();
        let result = check(&here).and_then(|()| left_nothing(&before));
        match result {
            Err(why) if why.starts_with(PENDING) => {
                println!("pending {name}: {}", &why[PENDING.len()..]);
                tally.pending += 1;
            }
            result => tally.note(name, result),
        }
    }
    Ok(tally)
}

/// What a sandbox could leave on the host.
struct Traces {
    mounts: usize,
    cgroups: usize,
    files: BTreeSet<PathBuf>,
}

impl Traces {
    fn now() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default().lines().count();
        let mut files = BTreeSet::new();
        for directory in ["/tmp", "/run", "/var/tmp", "/dev/shm", "/run/nacre"] {
            let list = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
            files.extend(list.map(|entry| entry.path()).filter(|path| is_ours(path)));
        }
        Self { mounts, cgroups: directories(Path::new("/sys/fs/cgroup")), files }
    }
}

/// Whether the name of a file says that Nacre made it; not the directories of these very tests.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_tests = ["nacre-real-", "nacre-test-"].iter().any(|start| name.starts_with(start));
    (name.starts_with("nacre") || path.starts_with("/run/nacre")) && !is_tests && path != Path::new("/run/nacre")
}

fn directories(root: &Path) -> usize {
    let list = fs::read_dir(root).into_iter().flatten().filter_map(Result::ok);
    list.filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir())).map(|entry| 1 + directories(&entry.path())).sum()
}

/// Nothing is left that was not there before; what is about to end gets some time, what a check starts in a sandbox is
/// to last longer than that.
fn left_nothing(before: &Traces) -> Result<(), String> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        let (children, now) = (descendants(std::process::id()), Traces::now());
        let files: Vec<_> = now.files.difference(&before.files).collect();
        if children.is_empty() && now.mounts <= before.mounts && now.cgroups <= before.cgroups && files.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            let names: Vec<String> = children.iter().map(|pid| format!("{pid} {}", name_of(*pid))).collect();
            for pid in &children {
                kill(*pid);
            }
            return Err(format!(
                "left behind: processes {names:?}, mounts {} more, cgroups {} more, files {files:?}",
                now.mounts.saturating_sub(before.mounts),
                now.cgroups.saturating_sub(before.cgroups),
            ));
        }
        sleep(Duration::from_millis(20));
    }
}

/// All processes below one, by the parents that /proc tells.
pub(crate) fn descendants(root: u32) -> Vec<u32> {
    let list = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let pids = list.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    let parents: Vec<(u32, u32)> = pids.filter_map(|pid| Some((pid, parent_of(pid)?))).collect();
    let mut found = vec![root];
    let mut at = 0;
    while let Some(of) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(_, parent)| *parent == of).map(|(pid, _)| *pid));
        at += 1;
    }
    found.split_off(1)
}

fn parent_of(pid: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}

fn name_of(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

/// kill -9.
pub(crate) fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended meanwhile.
        let _ = kill_process(pid, Signal::KILL);
    }
}

impl Place {
    /// `nacre do OPTIONS -- WORDS`.
    fn line(&self, options: &[&str], words: &[&str]) -> Vec<String> {
        let nacre = self.nacre.to_string_lossy().into_owned();
        let all = [&["do"], options, &["--"], words].concat();
        std::iter::once(nacre).chain(all.into_iter().map(str::to_owned)).collect()
    }

    fn run_with(&self, options: &[&str], words: &[&str]) -> Result<Done, String> {
        let command = process::command(&self.line(options, words))?;
        process::run(command, LIMIT, &self.scratch, "sandbox")
    }

    fn run(&self, words: &[&str]) -> Result<Done, String> {
        self.run_with(&[], words)
    }

    /// Runs any subcommand.
    fn call(&self, words: &[&str]) -> Result<Done, String> {
        let mut line = vec![self.nacre.to_string_lossy().into_owned()];
        line.extend(words.iter().map(|word| (*word).to_owned()));
        process::run(process::command(&line)?, LIMIT, &self.scratch, "sandbox")
    }

    /// Starts a sandbox and waits until it has printed a line.
    fn start(&self, words: &[&str]) -> Result<Child, String> {
        let mut command = process::command(&self.line(&[], words))?;
        let out = self.scratch.join("started");
        command.stdout(fs::File::create(&out).map_err(|e| e.to_string())?).stderr(Stdio::null());
        let child = command.spawn().map_err(|e| e.to_string())?;
        let deadline = Instant::now() + PATIENCE;
        while fs::read(&out).is_ok_and(|bytes| bytes.is_empty()) {
            if Instant::now() > deadline {
                process::kill_group(&child);
                return Err("the sandbox does not start".to_owned());
            }
            sleep(Duration::from_millis(2));
        }
        Ok(child)
    }
}

fn expect(done: &Done, end: End, stdout: &str) -> Result<(), String> {
    if done.end != end {
        return Err(format!("{:?}, want {end:?}\n{}", done.end, done.tail(10)));
    }
    let got = String::from_utf8_lossy(&done.stdout);
    if got == stdout { Ok(()) } else { Err(format!("stdout {got:?}, want {stdout:?}\n{}", done.tail(10))) }
}

fn exit_codes(here: &Place) -> Result<(), String> {
    let plain = here.scratch.join("plain-file");
    fs::write(&plain, "no program").map_err(|e| e.to_string())?;
    let plain = plain.to_string_lossy().into_owned();
    let cases: [(&[&str], i32); 7] = [
        (&["true"], 0),
        (&["false"], 1),
        (&["sh", "-c", "exit 77"], 77),
        (&["sh", "-c", "kill -TERM $$"], 143),
        (&["sh", "-c", "kill -KILL $$"], 137),
        (&["/no/such/program"], 127),
        (&[&plain], 126),
    ];
    for (words, code) in cases {
        expect(&here.run(words)?, End::Code(code), "").map_err(|why| format!("{words:?}: {why}"))?;
    }
    Ok(())
}

fn messages(here: &Place) -> Result<(), String> {
    let missing = here.run(&["no-such-program"])?;
    if !String::from_utf8_lossy(&missing.stderr).contains("no-such-program") {
        return Err(format!("the missing program is not named\n{}", missing.tail(5)));
    }
    let bundle = here.call(&["run", "--bundle", "/no/such/bundle", "x"])?;
    if bundle.end == End::Code(0) || !String::from_utf8_lossy(&bundle.stderr).contains("/no/such/bundle") {
        return Err(format!("the missing bundle is not named\n{}", bundle.tail(5)));
    }
    let help = here.call(&["--help"])?;
    if help.end != End::Code(0) || help.stdout.is_empty() {
        return Err("no help".to_owned());
    }
    Ok(())
}

fn streams(here: &Place) -> Result<(), String> {
    let mut command = process::command(&here.line(&[], &["sh", "-c", "cat; echo error >&2"]))?;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    let text: Vec<u8> = (0..1_000_000u32).map(|n| b'a' + (n % 26).to_le_bytes()[0]).collect();
    let mut stdin = child.stdin.take().ok_or("no stdin")?;
    let sent = text.clone();
    let writer = std::thread::spawn(move || stdin.write_all(&sent));
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    writer.join().map_err(|_| "writer")?.map_err(|e| e.to_string())?;
    if output.stdout != text {
        return Err(format!("{} bytes came back of {}", output.stdout.len(), text.len()));
    }
    if output.stderr == b"error\n" { Ok(()) } else { Err("stderr differs".to_owned()) }
}

fn environment(here: &Place) -> Result<(), String> {
    let options = ["--env", "ONE=1", "--cwd", "/usr", "--hostname", "pearl", "--user", "1000:1001"];
    let script = "echo $ONE; pwd; uname -n; id -u; id -g";
    expect(&here.run_with(&options, &["sh", "-c", script])?, End::Code(0), "1\n/usr\npearl\n1000\n1001\n")
}

/// Only files that this test made are at risk, should the sandbox leak.
fn host_untouched(here: &Place) -> Result<(), String> {
    let (old, new) = (here.scratch.join("old"), here.scratch.join("new"));
    fs::write(&old, "old\n").map_err(|e| e.to_string())?;
    let script = format!(
        "cat {old}; echo changed > {old}; cat {old}; rm {old}; test ! -e {old} && echo gone; echo new > {new} && cat {new}",
        old = old.display(),
        new = new.display(),
    );
    let result = expect(&here.run(&["sh", "-c", &script])?, End::Code(0), "old\nchanged\ngone\nnew\n");
    if new.exists() || fs::read_to_string(&old).ok().as_deref() != Some("old\n") {
        // The next run starts afresh.
        let _ = fs::remove_file(&new);
        return Err("a write reached the host".to_owned());
    }
    result?;
    let others = "test $(ls /proc | grep -c '^[0-9]*$') -lt 8 && echo alone";
    expect(&here.run(&["sh", "-c", others])?, End::Code(0), "alone\n")
}

fn binds(here: &Place) -> Result<(), String> {
    let (shared, closed) = (here.scratch.join("shared"), here.scratch.join("closed"));
    for directory in [&shared, &closed] {
        fs::create_dir_all(directory).map_err(|e| e.to_string())?;
        fs::write(directory.join("in"), "from the host\n").map_err(|e| e.to_string())?;
    }
    let one = format!("{}:/mnt/shared", shared.display());
    let two = format!("{}:/mnt/closed:ro", closed.display());
    let script = "cat /mnt/shared/in /mnt/closed/in; echo back > /mnt/shared/out; \
                  echo x 2>/dev/null > /mnt/closed/out || echo refused";
    let done = here.run_with(&["--bind", &one, "--bind", &two], &["sh", "-c", script])?;
    expect(&done, End::Code(0), "from the host\nfrom the host\nrefused\n")?;
    match fs::read_to_string(shared.join("out")) {
        Ok(text) if text == "back\n" && !closed.join("out").exists() => Ok(()),
        other => Err(format!("the bind mount shows {other:?}")),
    }
}

fn signals(here: &Place) -> Result<(), String> {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let mut child = here.start(&["sh", "-c", "echo up; exec sleep 300"])?;
        send(&child, signal)?;
        let end = process::wait(&mut child, Instant::now() + PATIENCE)?;
        if end != End::Code(code) && end != End::Signal(code - 128) {
            return Err(format!("{signal:?}: {end:?}"));
        }
    }
    let mut child = here.start(&["sh", "-c", "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done"])?;
    send(&child, Signal::TERM)?;
    let end = process::wait(&mut child, Instant::now() + PATIENCE)?;
    if end == End::Code(5) { Ok(()) } else { Err(format!("trap: {end:?}")) }
}

fn send(child: &Child, signal: Signal) -> Result<(), String> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or("pid")?;
    kill_process(pid, signal).map_err(|e| e.to_string())
}

/// A shell on a terminal: line editing, Ctrl-C, Ctrl-Z, fg, window size, full-screen programs.
fn terminal(here: &Place) -> Result<(), String> {
    let shell = ["bash", "--norc", "--noprofile", "-i"];
    let native = shell.iter().map(|word| (*word).to_owned()).collect();
    played(here, "terminal.py", native, here.line(&[], &shell))
}

/// A sandbox as a job of the user's shell: stopped, continued, and no reader of what it has not asked for.
fn job(here: &Place) -> Result<(), String> {
    played(here, "background.py", Vec::new(), here.line(&[], &[]))
}

/// A script that plays a person sees the same with either command line.
fn played(here: &Place, script: &str, native: Vec<String>, inside: Vec<String>) -> Result<(), String> {
    let script = place::absolute(&real::real_root())?.join("data").join(script).to_string_lossy().into_owned();
    let play = |line: Vec<String>| {
        let words = ["/usr/bin/python3".to_owned(), script.clone()].into_iter().chain(line).collect::<Vec<_>>();
        process::run(process::command(&words)?, LIMIT, &here.scratch, "terminal")
    };
    let native = play(native)?;
    let inside = play(inside)?;
    let want = String::from_utf8_lossy(&native.stdout);
    expect(&native, End::Code(0), &want).map_err(|why| format!("on Linux: {why}"))?;
    expect(&inside, End::Code(0), &want)
}

fn bundle(here: &Place, command: &[&str]) -> Result<String, String> {
    let directory = here.scratch.join("bundle");
    image::make(&directory, command)?;
    Ok(directory.to_string_lossy().into_owned())
}

fn bundle_run(here: &Place) -> Result<(), String> {
    let id = format!("test-{}", std::process::id());
    let script = "echo hello; hostname; cat /proc/1/comm; ls /bin/busybox; exit 9";
    let bundle = bundle(here, &["sh", "-c", script])?;
    let root = here.scratch.join("state").to_string_lossy().into_owned();
    let done = here.call(&["--root", &root, "run", "--bundle", &bundle, &id])?;
    expect(&done, End::Code(9), "hello\nbundle\nsh\n/bin/busybox\n")
}

/// A container's life by single commands, ended whatever happens in between.
/// A profile that refuses some calls, allows others by their arguments, and names one that nobody has.
const PROFILE: &str = r#""seccomp": {
    "defaultAction": "SCMP_ACT_ALLOW",
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
    "syscalls": [
        {"names": ["mkdir", "mkdirat", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 30},
        {"names": ["kill"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "value": 15, "op": "SCMP_CMP_EQ"}]},
        {"names": ["sethostname"], "action": "SCMP_ACT_KILL_PROCESS"}
    ]
}, "#;

fn bundle_seccomp(here: &Place) -> Result<(), String> {
    let script = "grep ^Seccomp /proc/self/status; mkdir /tmp/d 2>&1; kill -15 $$ 2>&1; kill -0 $$ && echo alive
        hostname other; echo $?; exit 4";
    let bundle = bundle(here, &["sh", "-c", script])?;
    let file = Path::new(&bundle).join("config.json");
    let config = fs::read_to_string(&file).map_err(|e| e.to_string())?;
    let config = config.replace(r#""linux": {"#, &format!(r#""linux": {{{PROFILE}"#));
    fs::write(&file, config).map_err(|e| e.to_string())?;
    let (root, id) = (here.scratch.join("state"), format!("test-{}", std::process::id()));
    let done = here.call(&["--root", &root.to_string_lossy(), "run", "--bundle", &bundle, &id])?;
    let want = "Seccomp:\t2\nSeccomp_filters:\t1\nmkdir: can't create directory '/tmp/d': Read-only file system\n\
        sh: can't kill pid 1: Operation not permitted\nalive\n159\n";
    expect(&done, End::Code(4), want)
}

fn bundle_life(here: &Place) -> Result<(), String> {
    let id = format!("life-{}", std::process::id());
    let root = here.scratch.join("state").to_string_lossy().into_owned();
    let result = live(here, &root, &id);
    if result.is_err() {
        // What fails here has been told.
        let _ = here.call(&["--root", &root, "kill", &id, "KILL"]);
        let _ = here.call(&["--root", &root, "delete", &id]);
    }
    result
}

fn live(here: &Place, root: &str, id: &str) -> Result<(), String> {
    let bundle = bundle(here, &["sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.1; done"])?;
    let pid_file = here.scratch.join("pid").to_string_lossy().into_owned();
    let call = |words: &[&str]| {
        let done = here.call(&[&["--root", root], words].concat())?;
        if done.end == End::Code(0) { Ok(done) } else { Err(format!("{words:?}: {:?}\n{}", done.end, done.tail(5))) }
    };
    let status = || Ok::<_, String>(String::from_utf8_lossy(&call(&["state", id])?.stdout).replace([' ', '\n'], ""));
    let expect = |want: &str| match status()? {
        text if text.contains(&format!("\"status\":\"{want}\"")) => Ok(()),
        text => Err(format!("state is {text}, want {want}")),
    };
    call(&["create", "--bundle", &bundle, "--pid-file", &pid_file, id])?;
    expect("created")?;
    let pid = fs::read_to_string(&pid_file).map_err(|e| format!("pid file: {e}"))?;
    if !Path::new("/proc").join(pid.trim()).exists() {
        return Err(format!("pid file names {pid}, which does not live"));
    }
    call(&["start", id])?;
    expect("running")?;
    // The first process of a container ignores the signal until it has set its trap.
    let deadline = Instant::now() + PATIENCE;
    while expect("stopped").is_err() && Instant::now() < deadline {
        here.call(&["--root", root, "kill", id, "TERM"])?;
        sleep(Duration::from_millis(50));
    }
    expect("stopped")?;
    call(&["delete", id])?;
    match here.call(&["--root", root, "state", id])?.end {
        End::Code(0) => Err("the state is still told after delete".to_owned()),
        _ => Ok(()),
    }
}

/// kill -9 of the command line, after 0 to 100 ms.
fn killed(here: &Place) -> Result<(), String> {
    for round in 0..25u64 {
        let before = Traces::now();
        let mut command = process::command(&here.line(&[], &["sh", "-c", "sleep 300 & sleep 300 & wait"]))?;
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(|e| e.to_string())?;
        sleep(Duration::from_millis(round * 4));
        child.kill().map_err(|e| e.to_string())?;
        child.wait().map_err(|e| e.to_string())?;
        left_nothing(&before).map_err(|why| format!("after {} ms: {why}", round * 4))?;
    }
    Ok(())
}

/// kill -9 of `run` while it makes, keeps or removes a container: nothing is kept of it.
fn bundle_killed(here: &Place) -> Result<(), String> {
    let bundle = bundle(here, &["sh", "-c", "sleep 0.02"])?;
    let state = here.scratch.join("state-killed");
    let root = state.to_string_lossy().into_owned();
    for round in 0..100u64 {
        let before = Traces::now();
        let nacre = here.nacre.to_string_lossy();
        let line = [&nacre, "--root", &root, "run", "--bundle", &bundle, "killed"].map(str::to_owned);
        let mut child = process::command(&line)?.spawn().map_err(|e| e.to_string())?;
        sleep(Duration::from_micros(round * 400));
        child.kill().map_err(|e| e.to_string())?;
        child.wait().map_err(|e| e.to_string())?;
        left_nothing(&before).map_err(|why| format!("after {} µs: {why}", round * 400))?;
        if fs::read_dir(&state).is_ok_and(|mut list| list.next().is_some()) {
            return Err(format!("after {} µs: the state is still there", round * 400));
        }
    }
    Ok(())
}

/// kill -9 of each process of a sandbox in turn: the program may die or go on, but nothing is left in the end.
fn any_process_killed(here: &Place) -> Result<(), String> {
    for victim in 0.. {
        let before = Traces::now();
        let mut child = here.start(&["sh", "-c", "sleep 300 & echo up; sleep 2"])?;
        let all = descendants(child.id());
        let Some(pid) = all.get(victim) else {
            process::kill_group(&child);
            return child.wait().map(|_| ()).map_err(|e| e.to_string());
        };
        let name = name_of(*pid);
        kill(*pid);
        let end = process::wait(&mut child, Instant::now() + PATIENCE)?;
        if end == End::TimeLimit {
            return Err(format!("hangs after its process {name} was killed"));
        }
        left_nothing(&before).map_err(|why| format!("after killing {name}: {why}"))?;
    }
    Ok(())
}

fn many(here: &Place) -> Result<(), String> {
    let before = Traces::now();
    let descriptors = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    for round in 0..here.count {
        expect(&here.run(&["echo", "hello"])?, End::Code(0), "hello\n")
            .map_err(|why| format!("round {round}: {why}"))?;
    }
    if fs::read_dir("/proc/self/fd").map_or(0, Iterator::count) != descriptors {
        return Err("descriptors of the caller leaked".to_owned());
    }
    left_nothing(&before)
}

fn two_at_once(here: &Place) -> Result<(), String> {
    let script = "echo $$ > /tmp/same; sleep 0.2; test $(cat /tmp/same) = $$ && echo mine";
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|n| {
                scope.spawn(move || {
                    let command = process::command(&here.line(&[], &["sh", "-c", script]))?;
                    let done = process::run(command, LIMIT, &here.scratch, &format!("at-once-{n}"))?;
                    expect(&done, End::Code(0), "mine\n")
                })
            })
            .collect();
        runs.into_iter().try_for_each(|run| run.join().map_err(|_| "thread".to_owned())?)
    })
}

fn fork_bomb(here: &Place) -> Result<(), String> {
    // Bounded, so that the host lives even when the limit does not hold.
    let script =
        "bomb() { [ $1 = 0 ] || { bomb $(($1 - 1)) & bomb $(($1 - 1)) & }; sleep 1; }; bomb 9; sleep 1; exit 4";
    let most = std::thread::scope(|scope| {
        let run = scope.spawn(|| here.run_with(&["--pids-limit", "100"], &["bash", "-c", script]));
        let mut most = 0;
        while !run.is_finished() {
            most = most.max(descendants(std::process::id()).len());
            sleep(Duration::from_millis(50));
        }
        run.join().map_err(|_| "thread".to_owned())?.map(|done| (most, done.end))
    })?;
    match most {
        (0..=150, End::Code(_)) => Ok(()),
        (most, end) => Err(format!("{most} processes on the host, {end:?}")),
    }
}
