//! `bench`: micro and macro benchmarks, natively, in Nacre and in another runtime, by turns in one run.
//!
//! Every program prints `ROW VALUE UNIT` lines. The order of turns changes from round to round; medians and their
//! ratios to native are printed as a table and, asked for, written as JSON. `bench/targets.txt` holds the ratios
//! that are to be reached.

use crate::args::Args;
use crate::image::{self, quote};
use crate::process::{self, End};
use crate::sandbox::descendants;
use crate::tally::Tally;
use crate::{Outcome, place, real};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_mins(5);

/// Where programs run.
struct Runtime {
    name: &'static str,
    /// What stands before the command line.
    prefix: Vec<String>,
}

/// What is measured.
enum Source {
    /// A program that prints rows.
    Program { name: String, line: Vec<String>, needs: Vec<String> },
    /// Start of `true`, measured from outside.
    Start,
    /// Memory and processor time of a sandbox that sleeps.
    Idle,
    /// `run` of `true` in a busybox bundle.
    Bundle,
}

/// Values by row, unit and runtime.
type Results = BTreeMap<(usize, String, String), BTreeMap<&'static str, Vec<f64>>>;

struct Plan {
    rounds: usize,
    quick: bool,
    pin: bool,
    scratch: PathBuf,
    timed: PathBuf,
    nacre: PathBuf,
}

/// The chore.
pub(crate) fn run(args: &mut Args) -> Outcome {
    let filter = args.value("--filter")?.unwrap_or_default();
    let (quick, pin) = (args.flag("--quick"), args.flag("--pin"));
    let rounds = args.number("--rounds", if quick { 1 } else { 3 })?;
    let (against, json) = (args.value("--against")?, args.value("--json")?);
    args.finish()?;
    let scratch = place::scratch("bench")?;
    let (micro, timed) = (compile("micro", &scratch)?, compile("timed", &scratch)?);
    let nacre = place::nacre()?;
    let plan = Plan { rounds, quick, pin, scratch, timed, nacre };
    let runtimes = runtimes(&plan.nacre, against.as_deref());
    let sources = sources(&micro, &filter)?;
    let mut results = Results::new();
    let mut tally = Tally::default();
    for round in 0..plan.rounds {
        for (order, source) in sources.iter().enumerate() {
            for turn in 0..runtimes.len() {
                let runtime = &runtimes[(turn + round) % runtimes.len()];
                let name = format!("{} {} round {}", describe(source), runtime.name, round + 1);
                match measure(source, runtime, &plan) {
                    Ok(rows) => {
                        tally.passed += 1;
                        for (row, value, unit) in rows {
                            results.entry((order, row, unit)).or_default().entry(runtime.name).or_default().push(value);
                        }
                    }
                    Err(why) => tally.note(&name, Err(why)),
                }
            }
        }
    }
    let names: Vec<&str> = runtimes.iter().map(|r| r.name).collect();
    print!("{}", table(&results, &names, plan.pin));
    if let Some(file) = json {
        fs::write(&file, to_json(&results, plan.pin)).map_err(|e| format!("{file}: {e}"))?;
    }
    Ok(tally)
}

fn runtimes(nacre: &Path, against: Option<&str>) -> Vec<Runtime> {
    let nacre = [&nacre.to_string_lossy(), "do", "--"].map(str::to_owned).to_vec();
    let mut list = vec![Runtime { name: "native", prefix: Vec::new() }, Runtime { name: "nacre", prefix: nacre }];
    if let Some(other) = against {
        list.push(Runtime { name: "other", prefix: other.split_whitespace().map(str::to_owned).collect() });
    }
    list
}

/// Compiles a program of `bench/`, statically.
fn compile(name: &str, scratch: &Path) -> Result<PathBuf, String> {
    let (source, binary) = (place::root().join("bench").join(format!("{name}.c")), scratch.join(name));
    let status = Command::new("gcc")
        .args(["-std=gnu17", "-O2", "-Wall", "-static", "-pthread", "-o"])
        .args([&binary, &source])
        .status()
        .map_err(|e| format!("gcc: {e}"))?;
    if status.success() { Ok(binary) } else { Err(format!("{} does not compile", source.display())) }
}

/// All sources whose names, or one of whose rows, contain the text.
fn sources(micro: &Path, filter: &str) -> Result<Vec<Source>, String> {
    let micro = micro.to_string_lossy().into_owned();
    let listed = Command::new(&micro).arg("--list").output().map_err(|e| format!("{micro}: {e}"))?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut sources = Vec::new();
    for row in listed.lines().filter(|row| row.contains(filter)) {
        sources.push(Source::Program {
            name: row.to_owned(),
            line: vec![micro.clone(), row.to_owned()],
            needs: Vec::new(),
        });
    }
    let directory = place::absolute(&place::root().join("bench/macro"))?;
    let list = fs::read_dir(&directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    let mut scripts: Vec<PathBuf> = list.filter_map(Result::ok).map(|entry| entry.path()).collect();
    scripts.sort();
    for script in scripts {
        let name = script.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&script).map_err(|e| e.to_string())?;
        let needs = text.lines().find_map(|line| line.strip_prefix("# needs:")).unwrap_or_default();
        if name.contains(filter) {
            let line = ["/bin/bash".to_owned(), "-e".to_owned(), script.to_string_lossy().into_owned()].to_vec();
            sources.push(Source::Program { name, line, needs: needs.split_whitespace().map(str::to_owned).collect() });
        }
    }
    let own = [("start", Source::Start), ("bundle", Source::Bundle), ("idle", Source::Idle)];
    sources.extend(own.into_iter().filter(|(name, _)| name.contains(filter)).map(|(_, source)| source));
    Ok(sources)
}

fn describe(source: &Source) -> &str {
    match source {
        Source::Program { name, .. } => name,
        Source::Start => "start",
        Source::Idle => "idle",
        Source::Bundle => "bundle",
    }
}

type Rows = Vec<(String, f64, String)>;

fn measure(source: &Source, runtime: &Runtime, plan: &Plan) -> Result<Rows, String> {
    match source {
        Source::Program { name, line, needs } => {
            if let Some(missing) = needs.iter().find(|name| !place::has_command(name)) {
                println!("skipped {name}: {missing} is not installed");
                return Ok(Rows::new());
            }
            program(name, line, runtime, plan)
        }
        Source::Start => start(runtime, plan),
        Source::Idle => idle(runtime, plan),
        Source::Bundle => bundle(runtime, plan),
    }
}

fn command(line: &[String], runtime: &Runtime, plan: &Plan) -> Result<Command, String> {
    let whole = [runtime.prefix.as_slice(), line].concat();
    let mut command = process::command(&process::pinned(whole, plan.pin))?;
    command.env("TIMED", &plan.timed).env("REAL", place::absolute(&real::real_root())?).current_dir("/");
    Ok(command)
}

fn program(name: &str, line: &[String], runtime: &Runtime, plan: &Plan) -> Result<Rows, String> {
    let done = process::run(command(line, runtime, plan)?, LIMIT, &plan.scratch, &format!("{name}-{}", runtime.name))?;
    if done.end != End::Code(0) {
        return Err(format!("{:?}\n{}", done.end, done.tail(5)));
    }
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    done.forget();
    let rows: Rows = text.lines().filter_map(parse_row).collect();
    if rows.is_empty() { Err("no rows".to_owned()) } else { Ok(rows) }
}

fn parse_row(line: &str) -> Option<(String, f64, String)> {
    let mut fields = line.split_whitespace();
    let row = (fields.next()?.to_owned(), fields.next()?.parse().ok()?, fields.next()?.to_owned());
    fields.next().is_none().then_some(row)
}

/// The median time of some runs, from before the start to after the end.
fn time_runs(line: &[String], runtime: &Runtime, plan: &Plan) -> Result<f64, String> {
    let mut times = Vec::new();
    for _ in 0..if plan.quick { 5 } else { 21 } {
        let start = Instant::now();
        let mut command = command(line, runtime, plan)?;
        let status = command.stdout(Stdio::null()).status().map_err(|e| e.to_string())?;
        if !status.success() {
            return Err(format!("{line:?}: {status}"));
        }
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(&times))
}

fn start(runtime: &Runtime, plan: &Plan) -> Result<Rows, String> {
    let ms = time_runs(&["/bin/true".to_owned()], runtime, plan)?;
    Ok(vec![("start-of-true".to_owned(), ms, "ms".to_owned())])
}

fn bundle(runtime: &Runtime, plan: &Plan) -> Result<Rows, String> {
    if runtime.name != "nacre" {
        return Ok(Rows::new());
    }
    let directory = plan.scratch.join("bundle");
    image::make(&directory, &["true"])?;
    let root = plan.scratch.join("state");
    let words = ["--root", &root.to_string_lossy(), "run", "--bundle", &directory.to_string_lossy(), "bench"];
    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    let runtime = Runtime { name: "nacre", prefix: vec![plan.nacre.to_string_lossy().into_owned()] };
    Ok(vec![("run-of-true-bundle".to_owned(), time_runs(&words, &runtime, plan)?, "ms".to_owned())])
}

/// A sleeping program: the memory of all its processes, and the processor time that they take.
fn idle(runtime: &Runtime, plan: &Plan) -> Result<Rows, String> {
    let seconds = if plan.quick { 3 } else { 15 };
    let mut command = command(&["/bin/sleep".to_owned(), "60".to_owned()], runtime, plan)?;
    let mut child = command.stdout(Stdio::null()).spawn().map_err(|e| e.to_string())?;
    sleep(Duration::from_secs(1));
    let result = idle_rows(&child, seconds);
    process::kill_group(&child);
    child.wait().map_err(|e| e.to_string())?;
    result
}

fn idle_rows(child: &Child, seconds: u64) -> Result<Rows, String> {
    let all: Vec<u32> = std::iter::once(child.id()).chain(descendants(child.id())).collect();
    let kilobytes: u64 = all.iter().filter_map(|pid| pss(*pid)).sum();
    let before: u64 = all.iter().filter_map(|pid| ticks(*pid)).sum();
    sleep(Duration::from_secs(seconds));
    let after: u64 = all.iter().filter_map(|pid| ticks(*pid)).sum();
    let used = u32::try_from(after.saturating_sub(before)).map_err(|e| e.to_string())?;
    let kilobytes = u32::try_from(kilobytes).map_err(|e| e.to_string())?;
    Ok(vec![
        ("idle-memory".to_owned(), f64::from(kilobytes) / 1024.0, "MiB".to_owned()),
        (format!("idle-cpu-{seconds}s"), f64::from(used) * 10.0, "ms".to_owned()),
    ])
}

/// Proportional memory of a process in KiB.
fn pss(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Pss:"))?.split_whitespace().next()?.parse().ok()
}

/// User and system time of a process in ticks of 10 ms.
fn ticks(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit(')').next()?.split_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// What is to be reached: lines of `ROW x RATIO` (to native), `ROW max VALUE`, each also with `p0` for pinned runs.
fn target(row: &str, pin: bool) -> Option<(String, f64)> {
    let text = fs::read_to_string(place::root().join("bench/targets.txt")).ok()?;
    let find = |name: &str| {
        text.lines().find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [first, kind, value] = fields[..] else { return None };
            (first == name).then(|| Some((kind.to_owned(), value.parse().ok()?))).flatten()
        })
    };
    if pin { find(&format!("{row}@p0")).or_else(|| find(row)) } else { find(row) }
}

/// Whether Nacre's median reaches the target.
fn verdict(row: &str, native: f64, nacre: f64, pin: bool) -> String {
    match target(row, pin) {
        None => String::new(),
        Some((kind, value)) => {
            let (reached, text) = match kind.as_str() {
                "max" => (nacre <= value, format!("≤ {value}")),
                "min-x" => (nacre >= value * native, format!("≥ {value} × native")),
                _ => (nacre <= value * native, format!("≤ {value} × native")),
            };
            format!("{} {text}", if reached { "yes" } else { "NO " })
        }
    }
}

fn table(results: &Results, names: &[&str], pin: bool) -> String {
    let mut text = format!("\n{:<22}{:>6}", if pin { "one core" } else { "all cores" }, "");
    for name in names {
        text.push_str(&format!("{name:>12}"));
    }
    for name in &names[1..] {
        text.push_str(&format!("{:>14}", format!("{name}/native")));
    }
    text.push_str("   reached\n");
    for ((_, row, unit), by_runtime) in results {
        let value = |name: &str| by_runtime.get(name).map_or(f64::NAN, |values| median(values));
        text.push_str(&format!("{row:<22}{unit:>6}"));
        for name in names {
            text.push_str(&format!("{:>12}", number(value(name))));
        }
        for name in &names[1..] {
            text.push_str(&format!("{:>14}", number(value(name) / value("native"))));
        }
        text.push_str(&format!("   {}\n", verdict(row, value("native"), value("nacre"), pin)));
    }
    text
}

fn number(value: f64) -> String {
    if value.is_nan() {
        "-".to_owned()
    } else if value.abs() >= 1000.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

fn to_json(results: &Results, pin: bool) -> String {
    let mut rows = Vec::new();
    for ((_, row, unit), by_runtime) in results {
        let values: Vec<String> =
            by_runtime.iter().map(|(name, values)| format!("{}: {:.3}", quote(name), median(values))).collect();
        rows.push(format!("    {{\"row\": {}, \"unit\": {}, {}}}", quote(row), quote(unit), values.join(", ")));
    }
    format!("{{\n  \"pinned\": {pin},\n  \"rows\": [\n{}\n  ]\n}}\n", rows.join(",\n"))
}
