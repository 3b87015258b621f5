//! `guest-tests`: the C programs of `tests/guest`, on Linux and in Nacre.
//!
//! A program prints `ok NAME`, `skipped NAME` or `FAIL NAME: why` for each of its tests and exits with 0 when
//! none failed. The same binary runs in both places.

use crate::args::Args;
use crate::pending::Pending;
use crate::process::{self, Done, End};
use crate::tally::Tally;
use crate::{Outcome, place};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// Time limit of one program; each of its tests has a limit of its own below this.
const LIMIT: Duration = Duration::from_mins(3);

/// One program.
struct Program {
    name: String,
    source: PathBuf,
    binary: PathBuf,
}

/// Where programs run, and how often.
struct Plan {
    nacre: Option<PathBuf>,
    native: bool,
    options: Vec<String>,
    repeat: usize,
    pin: bool,
}

/// The chore.
pub(crate) fn run(args: &mut Args) -> Outcome {
    let options = args.after_dashes();
    let (only_native, only_nacre, _) = (args.flag("--native"), args.flag("--nacre"), args.flag("--both"));
    let filter = args.value("--filter")?.unwrap_or_default();
    let (repeat, pin, list) = (args.number("--repeat", 1)?, args.flag("--pin"), args.flag("--list"));
    args.finish()?;
    let programs: Vec<Program> = programs()?.into_iter().filter(|p| p.name.contains(&filter)).collect();
    if list {
        for p in &programs {
            println!("{}", p.name);
        }
        return Ok(Tally::default());
    }
    build(&programs)?;
    let nacre = if only_native { None } else { Some(place::nacre()?) };
    let plan = Plan { nacre, native: !only_nacre, options, repeat, pin };
    let scratch = place::scratch("guest")?;
    let pending = Pending::of(&guest_root());
    let mut tally = Tally::default();
    for program in &programs {
        for _ in 0..plan.repeat {
            if plan.native {
                tally += run_one(program, "native", native_line(program), &plan, &scratch, None)?;
            }
            if let Some(nacre) = &plan.nacre {
                tally += run_one(program, "nacre", nacre_line(nacre, program, &plan), &plan, &scratch, Some(&pending))?;
            }
        }
    }
    Ok(tally)
}

fn guest_root() -> PathBuf {
    place::root().join("tests/guest")
}

/// All programs, by name.
fn programs() -> Result<Vec<Program>, String> {
    let root = place::absolute(&guest_root())?;
    let mut programs = Vec::new();
    for topic in entries(&root)?.into_iter().filter(|path| path.is_dir()) {
        for source in entries(&topic)?.into_iter().filter(|path| path.extension().is_some_and(|e| e == "c")) {
            let name = source.strip_prefix(&root).map_err(|e| e.to_string())?.with_extension("");
            let name = name.to_string_lossy().into_owned();
            let binary = root.join("build").join(name.replace('/', "-"));
            programs.push(Program { name, source, binary });
        }
    }
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(programs)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let list = fs::read_dir(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    Ok(list.filter_map(Result::ok).map(|entry| entry.path()).collect())
}

/// Compiles what is older than its source.
fn build(programs: &[Program]) -> Result<(), String> {
    let directory = guest_root().join("build");
    fs::create_dir_all(&directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    let header = changed(&guest_root().join("test.h"));
    let stale = programs.iter().filter(|p| {
        let built = changed(&p.binary);
        built.is_none() || built < changed(&p.source) || built < header
    });
    for program in stale {
        println!("cc {}", program.name);
        compile(program)?;
    }
    Ok(())
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|m| m.modified()).ok()
}

/// Flags of one program stand in it on a line `// flags: ...`.
fn compile(program: &Program) -> Result<(), String> {
    let text = fs::read_to_string(&program.source).map_err(|e| format!("{}: {e}", program.source.display()))?;
    let own = text.lines().find_map(|line| line.strip_prefix("// flags:")).unwrap_or_default();
    let status = Command::new("gcc")
        .args(["-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Werror", "-O1", "-g", "-pthread"])
        // Tests hand bad pointers and lengths to calls on purpose.
        .args(["-Wno-nonnull", "-Wno-stringop-overflow", "-Wno-stringop-overread"])
        .args(own.split_whitespace())
        .arg("-o")
        .args([&program.binary, &program.source])
        .args(["-lrt", "-lutil"])
        .status()
        .map_err(|e| format!("gcc: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{} does not compile", program.name)) }
}

fn native_line(program: &Program) -> Vec<String> {
    vec![program.binary.to_string_lossy().into_owned()]
}

fn nacre_line(nacre: &Path, program: &Program, plan: &Plan) -> Vec<String> {
    let mut line = vec![nacre.to_string_lossy().into_owned(), "do".to_owned()];
    line.extend(plan.options.iter().cloned());
    line.push("--".to_owned());
    line.extend(native_line(program));
    line
}

fn run_one(
    program: &Program,
    place: &str,
    line: Vec<String>,
    plan: &Plan,
    scratch: &Path,
    pending: Option<&Pending>,
) -> Outcome {
    let command = process::command(&process::pinned(line, plan.pin))?;
    let done = process::run(command, LIMIT, scratch, &format!("{}-{place}", program.name))?;
    let tally = judge(program, place, &done, pending);
    if tally.failed == 0 {
        done.forget();
    } else {
        print!("{}", done.tail(40));
        println!("    output kept in {}", done.files[0].display());
    }
    Ok(tally)
}

/// Counts the tests of one run.
fn judge(program: &Program, place: &str, done: &Done, pending: Option<&Pending>) -> Tally {
    let mut tally = Tally::default();
    for line in String::from_utf8_lossy(&done.stdout).lines() {
        let Some((word, rest)) = line.split_once(' ') else { continue };
        let test = rest.split([':', ' ']).next().unwrap_or_default();
        // The first FAIL line of a test names the place in its source, the last one the test.
        let is_place = Path::new(test).extension().is_some();
        let known = pending.and_then(|list| list.reason(&format!("{}:{test}", program.name)));
        match (word, known) {
            ("ok", None) => tally.passed += 1,
            ("ok", Some(_)) => {
                tally.failed += 1;
                println!("FAIL {}:{test} passes but is listed as pending", program.name);
            }
            ("skipped", _) => tally.skipped += 1,
            ("FAIL", Some(_)) if !is_place => tally.pending += 1,
            ("FAIL", None) if !is_place => tally.failed += 1,
            _ => {}
        }
    }
    let whole = pending.and_then(|list| list.reason(&program.name));
    let ended_well =
        matches!(done.end, End::Code(0)) || (matches!(done.end, End::Code(1)) && tally.failed + tally.pending > 0);
    if !ended_well || tally == Tally::default() {
        tally.failed += 1;
    }
    if whole.is_some() {
        tally.pending += std::mem::take(&mut tally.failed);
    }
    let word = if tally.failed == 0 { "ok" } else { "FAIL" };
    println!("{word} {} {place}: {tally}; {:?}, {} ms", program.name, done.end, done.took.as_millis());
    tally
}
