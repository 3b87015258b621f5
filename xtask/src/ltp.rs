//! `ltp`: the system call tests of the Linux Test Project, on Linux and in Nacre, compared.
//!
//! Nothing of that project is kept here: `--dir` names where it was installed (`testcases/bin` and `runtest` are
//! below). What passes on Linux must pass in Nacre; what does not is listed with its reason in
//! `tests/ltp/pending.txt`. Tests that change the machine itself are left out, because they run on it as well.

use crate::args::Args;
use crate::pending::Pending;
use crate::process::{self, Done, End};
use crate::tally::Tally;
use crate::{Outcome, place};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where an installed suite is looked for.
const DIRECTORY: &str = "/opt/ltp";
/// Lists of tests below `runtest`.
const LISTS: &[&str] = &["syscalls", "syscalls-ipc"];
/// Exit code of a test that does not apply here.
const NOT_CONFIGURED: i32 = 32;
/// Beginnings of names of tests that set the clock, the host's name, its swap, modules, keys, mounts or accounting,
/// or reboot it.
const MACHINE: &[&str] = &[
    "acct",
    "add_key",
    "adjtimex",
    "bpf",
    "clock_adjtime",
    "clock_settime",
    "delete_module",
    "fanotify",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "init_module",
    "keyctl",
    "leapsec",
    "mount",
    "move_mount",
    "open_tree",
    "perf_event",
    "pivot_root",
    "quotactl",
    "reboot",
    "request_key",
    "setdomainname",
    "sethostname",
    "settimeofday",
    "stime",
    "swapo",
    "syslog",
    "umount",
];

/// One test.
struct Case {
    name: String,
    command: String,
}

/// How tests run.
struct Plan {
    nacre: PathBuf,
    directory: String,
    options: Vec<String>,
    scratch: PathBuf,
    limit: Duration,
}

/// Passes of both sides.
#[derive(Default)]
struct Passes {
    native: usize,
    nacre: usize,
}

/// The chore.
pub(crate) fn run(args: &mut Args) -> Outcome {
    let options = args.after_dashes();
    let directory = args.value("--dir")?.unwrap_or_else(|| DIRECTORY.to_owned());
    let filter = args.value("--filter")?.unwrap_or_default();
    let (seconds, list) = (args.number("--limit", 60)?, args.flag("--list"));
    args.finish()?;
    let directory = place::absolute(Path::new(&directory))?;
    let cases: Vec<Case> = cases(&directory)?.into_iter().filter(|case| case.name.contains(&filter)).collect();
    if list {
        for case in &cases {
            println!("{}", case.name);
        }
        return Ok(Tally::default());
    }
    let plan = Plan {
        nacre: place::nacre()?,
        directory: directory.to_string_lossy().into_owned(),
        options,
        scratch: place::scratch("ltp")?,
        limit: Duration::from_secs(seconds),
    };
    let pending = Pending::of(&place::root().join("tests/ltp"));
    let (mut tally, mut passes) = (Tally::default(), Passes::default());
    for case in &cases {
        compare(case, &plan, &pending, &mut tally, &mut passes)?;
    }
    println!("passes on Linux: {}, of these in Nacre: {}", passes.native, passes.nacre);
    Ok(tally)
}

/// The tests of the lists.
fn cases(directory: &Path) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    for list in LISTS {
        let path = directory.join("runtest").join(list);
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        cases.extend(text.lines().filter_map(case));
    }
    cases.retain(|case| !MACHINE.iter().any(|prefix| case.name.starts_with(prefix)));
    Ok(cases)
}

/// A line of a list: a name, then the command line unless it is the name.
fn case(line: &str) -> Option<Case> {
    let line = line.trim();
    let (name, command) = line.split_once(char::is_whitespace).unwrap_or((line, line));
    let is_test = !name.is_empty() && !name.starts_with('#');
    is_test.then(|| Case { name: name.to_owned(), command: command.trim().to_owned() })
}

/// Runs a test on Linux and, when it passes there, in Nacre.
fn compare(case: &Case, plan: &Plan, pending: &Pending, tally: &mut Tally, passes: &mut Passes) -> Result<(), String> {
    let native = run_case(case, plan, "native")?;
    native.forget();
    match native.end {
        End::Code(0) => passes.native += 1,
        End::Code(NOT_CONFIGURED) => {
            tally.skip(&case.name, "does not apply to this machine");
            return Ok(());
        }
        end => {
            tally.skip(&case.name, &format!("fails on Linux: {end:?}"));
            return Ok(());
        }
    }
    let inside = run_case(case, plan, "nacre")?;
    match (inside.end, pending.reason(&case.name)) {
        (End::Code(0), reason) => {
            passes.nacre += 1;
            inside.forget();
            let listed = Err("passes but is listed as pending".to_owned());
            tally.note(&case.name, if reason.is_some() { listed } else { Ok(()) });
        }
        (_, Some(reason)) => {
            inside.forget();
            println!("pending {}: {reason}", case.name);
            tally.pending += 1;
        }
        (end, None) => tally.note(&case.name, Err(format!("{end:?}\n{}", inside.tail(25)))),
    }
    Ok(())
}

fn run_case(case: &Case, plan: &Plan, place: &str) -> Result<Done, String> {
    let mut line = Vec::new();
    if place == "nacre" {
        let bind = format!("{0}:{0}", plan.directory);
        line.extend([plan.nacre.to_string_lossy().into_owned(), "do".to_owned(), "--bind".to_owned(), bind]);
        line.extend(plan.options.iter().cloned());
        line.push("--".to_owned());
    }
    line.extend(["/bin/sh", "-c", &case.command].map(str::to_owned));
    let path = env::var("PATH").unwrap_or_default();
    let mut command = process::command(&line)?;
    command
        .current_dir(env::temp_dir())
        .env("LTPROOT", &plan.directory)
        .env("PATH", format!("{}/testcases/bin:{path}", plan.directory))
        // The configuration of the host's kernel says nothing about Nacre.
        .env("KCONFIG_SKIP_CHECK", "1")
        .env("LTP_COLORIZE_OUTPUT", "n")
        .env("TMPDIR", env::temp_dir());
    process::run(command, plan.limit, &plan.scratch, &format!("{}-{place}", case.name))
}
