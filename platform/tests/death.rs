//! A sentry that is killed leaves no stub behind, whether or not it had a pid namespace of its own.

use platform::{Config, Platform};
use std::io::{BufRead as _, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Set for the process that is killed.
const CHILD: &str = "NACRE_TEST_SENTRY";

/// Starts stubs, tells their numbers, and waits for its end.
fn sentry() -> ! {
    let proc = OwnedFd::from(std::fs::File::open("/proc").expect("/proc opens"));
    let platform = Platform::start(Config { proc, oom_score_adj: None, may_reach: true }).expect("the platform starts");
    let (space, mut context) = platform.new_space().expect("a space");
    context.bind();
    let (child, child_context) = context.fork().expect("forks");
    println!("\nstubs {} {}", space.host_pid(), child.host_pid());
    std::thread::sleep(Duration::from_mins(1));
    drop((context, child_context));
    std::process::exit(1)
}

/// The process is there, and no zombie.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

#[test]
fn stubs_die_with_the_sentry() {
    if std::env::var_os(CHILD).is_some() {
        sentry();
    }
    let mut child = Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", "stubs_die_with_the_sentry", "--nocapture"])
        .env(CHILD, "")
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let told = lines.map_while(Result::ok).find(|line| line.starts_with("stubs ")).expect("tells its stubs");
    let stubs: Vec<&str> = told.split(' ').skip(1).collect();
    assert!(stubs.iter().all(|pid| is_alive(pid)), "{told}");
    child.kill().expect("can be killed");
    assert_eq!(child.wait().expect("ends").signal(), Some(9));
    let end = Instant::now() + Duration::from_secs(5);
    while stubs.iter().any(|pid| is_alive(pid)) {
        assert!(Instant::now() < end, "{told} are still there");
        std::thread::sleep(Duration::from_millis(1));
    }
}
