//! `real`: the scripts of `tests/real`, each run on Linux and by `nacre do`; stdout and exit code must agree.
//!
//! A script starts in an empty directory that is its own. Comments in its head steer it:
//! `# needs: COMMAND...` (else it is skipped), `# limit: SECONDS`, `# each: A B C` (one case for each word, as `$1`),
//! `# packages: ...` is for the reader. What a sandboxed script writes must not reach the host: its directory is
//! looked at afterwards.

use crate::args::Args;
use crate::pending::Pending;
use crate::process::{self, Done, End};
use crate::tally::Tally;
use crate::{Outcome, place};
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One script, with one of its words.
struct Case {
    name: String,
    script: PathBuf,
    word: Option<String>,
    needs: Vec<String>,
    limit: Duration,
}

/// How cases run.
struct Plan {
    nacre: Option<PathBuf>,
    options: Vec<String>,
    pin: bool,
    scratch: PathBuf,
    /// The working directory of every case, made anew each time: the same path in both places.
    work: PathBuf,
}

/// The chore.
pub(crate) fn run(args: &mut Args) -> Outcome {
    let options = args.after_dashes();
    let (native, pin, list) = (args.flag("--native"), args.flag("--pin"), args.flag("--list"));
    let filter = args.value("--filter")?.unwrap_or_default();
    args.finish()?;
    let cases: Vec<Case> = cases()?.into_iter().filter(|case| case.name.contains(&filter)).collect();
    if list {
        for case in &cases {
            println!("{}", case.name);
        }
        return Ok(Tally::default());
    }
    let nacre = if native { None } else { Some(place::nacre()?) };
    let work = env::temp_dir().join(format!("nacre-real-{}", std::process::id()));
    let plan = Plan { nacre, options, pin, scratch: place::scratch("real")?, work };
    let pending = Pending::of(&real_root());
    let mut tally = Tally::default();
    for case in &cases {
        match case.needs.iter().find(|name| !place::has_command(name)) {
            Some(missing) => tally.skip(&case.name, &format!("{missing} is not installed")),
            None => judge(case, compare(case, &plan), &pending, &mut tally),
        }
    }
    // Nothing to do when no case ran.
    let _ = fs::remove_dir_all(&plan.work);
    Ok(tally)
}

/// The directory of the scripts.
pub(crate) fn real_root() -> PathBuf {
    place::root().join("tests/real")
}

fn judge(case: &Case, result: Result<(), String>, pending: &Pending, tally: &mut Tally) {
    match (pending.reason(&case.name), result) {
        (None, result) => tally.note(&case.name, result),
        (Some(_), Ok(())) => tally.note(&case.name, Err("passes but is listed as pending".to_owned())),
        (Some(reason), Err(_)) => {
            println!("pending {}: {reason}", case.name);
            tally.pending += 1;
        }
    }
}

fn cases() -> Result<Vec<Case>, String> {
    let root = place::absolute(&real_root())?;
    let list = fs::read_dir(&root).map_err(|e| format!("{}: {e}", root.display()))?;
    let mut scripts: Vec<PathBuf> = list.filter_map(Result::ok).map(|entry| entry.path()).collect();
    scripts.retain(|path| path.extension().is_some_and(|e| e == "sh"));
    scripts.sort();
    let mut cases = Vec::new();
    for script in scripts {
        cases.extend(read_cases(&script)?);
    }
    Ok(cases)
}

/// The cases of one script.
fn read_cases(script: &Path) -> Result<Vec<Case>, String> {
    let text = fs::read_to_string(script).map_err(|e| format!("{}: {e}", script.display()))?;
    let head = |key: &str| {
        let prefix = format!("# {key}:");
        let line = text.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default();
        line.split_whitespace().map(str::to_owned).collect::<Vec<String>>()
    };
    let seconds = head("limit").first().and_then(|n| n.parse().ok()).unwrap_or(60);
    let base = script.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let words = head("each");
    let case = |word: Option<String>| Case {
        name: word.as_ref().map_or(base.clone(), |word| format!("{base}:{word}")),
        script: script.to_owned(),
        word,
        needs: head("needs"),
        limit: Duration::from_secs(seconds),
    };
    Ok(if words.is_empty() { vec![case(None)] } else { words.into_iter().map(|w| case(Some(w))).collect() })
}

/// Runs a case in both places.
fn compare(case: &Case, plan: &Plan) -> Result<(), String> {
    let native = run_case(case, plan, None)?;
    if let End::TimeLimit | End::Signal(_) = native.end {
        return Err(format!("on Linux: {:?}\n{}", native.end, native.tail(15)));
    }
    let Some(nacre) = &plan.nacre else {
        print!("{}", String::from_utf8_lossy(&native.stdout));
        native.forget();
        return if native.end == End::Code(0) { Ok(()) } else { Err(format!("{:?}\n{}", native.end, native.tail(15))) };
    };
    let inside = run_case(case, plan, Some(nacre))?;
    let leaked = fs::read_dir(&plan.work).map_or(0, Iterator::count);
    let times = format!("{} ms, on Linux {} ms", inside.took.as_millis(), native.took.as_millis());
    if inside.end != native.end {
        return Err(format!("{:?}, on Linux {:?}; {times}\n{}", inside.end, native.end, inside.tail(25)));
    }
    if inside.stdout != native.stdout {
        return Err(format!("other output; {times}\n{}{}", difference(&native, &inside), inside.tail(5)));
    }
    if leaked > 0 {
        return Err(format!("{leaked} files reached the host"));
    }
    println!("   {}: {times}", case.name);
    native.forget();
    inside.forget();
    Ok(())
}

fn run_case(case: &Case, plan: &Plan, nacre: Option<&Path>) -> Result<Done, String> {
    fresh(&plan.work)?;
    let mut line = Vec::new();
    if let Some(nacre) = nacre {
        line.extend([nacre.to_string_lossy().into_owned(), "do".to_owned()]);
        line.extend(plan.options.iter().cloned());
        line.push("--".to_owned());
    }
    line.extend(["/bin/bash".to_owned(), case.script.to_string_lossy().into_owned()]);
    line.extend(case.word.clone());
    let mut command = process::command(&process::pinned(line, plan.pin))?;
    let home = env::var("HOME").unwrap_or_else(|_| "/root".to_owned());
    for (name, directory) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        if env::var_os(name).is_none() {
            command.env(name, Path::new(&home).join(directory));
        }
    }
    command
        .current_dir(&plan.work)
        .env("HOME", &plan.work)
        .env("REAL", place::absolute(&real_root())?)
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .env_remove("CARGO_TARGET_DIR");
    let name = format!("{}-{}", case.name, if nacre.is_some() { "nacre" } else { "native" });
    process::run(command, case.limit, &plan.scratch, &name.replace(':', "-"))
}

/// Empties the working directory.
fn fresh(work: &Path) -> Result<(), String> {
    if work.exists() {
        fs::remove_dir_all(work).map_err(|e| format!("{}: {e}", work.display()))?;
    }
    fs::create_dir_all(work).map_err(|e| format!("{}: {e}", work.display()))?;
    fs::set_permissions(work, fs::Permissions::from_mode(0o755)).map_err(|e| e.to_string())
}

/// The first lines that differ.
fn difference(native: &Done, inside: &Done) -> String {
    let (want, got) = (String::from_utf8_lossy(&native.stdout), String::from_utf8_lossy(&inside.stdout));
    let (mut want, mut got) = (want.lines(), got.lines());
    let mut text = String::new();
    for number in 1.. {
        match (want.next(), got.next()) {
            (None, None) => break,
            (a, b) if a == b => {}
            (a, b) => {
                text.push_str(&format!("    line {number}: Linux {a:?}\n    line {number}: Nacre {b:?}\n"));
                if text.lines().count() >= 10 {
                    break;
                }
            }
        }
    }
    text
}
