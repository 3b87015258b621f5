//! `bench`: micro and macro benchmarks, natively, in Nacre and in another runtime, by turns in one run.
//!
//! Every program prints `ROW VALUE UNIT` lines. The order of turns changes from round to round; medians and their
//! ratios to native are printed as a table and, asked for, written as JSON and drawn as SVG. `bench/targets.txt`
//! holds what is to be reached.

mod bundle;
mod idle;
mod machine;
mod plot;
mod record;
mod runtime;
mod scale;
mod source;
mod start;
mod table;
mod target;

use crate::args::Args;
use crate::tally::Tally;
use crate::{Outcome, place, process};
use record::{Record, Samples};
use runtime::Runtime;
use source::Source;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the list of chores adds.
pub(crate) const HELP: &str = "\
Rows are measured on all cores and, with @p0 behind their name, pinned to one; --cores all or --cores one does half.
  --against 'COMMAND'      a command that runs the rest of its command line: 'runsc do', 'bwrap --dev-bind / /'
  --against-oci 'RUNTIME'  an OCI runtime with its options: a bundle of the host's root is made for each row and run
                           by 'RUNTIME run --bundle DIR ID': 'runsc --network=none --ignore-cgroups', 'crun'
  --json FILE              the medians, with date and machine
  --floor                  instead, on plain Linux: what the parts cost that nobody can do without who keeps a program
                           in one process and its kernel in another
  --plot FILE.svg          a drawing of them; with --from FILE.json of an earlier run instead";

/// Values of a program: row, value, unit.
type Rows = Vec<(String, f64, String)>;

/// What all measurements share.
struct Plan {
    rounds: usize,
    quick: bool,
    scratch: PathBuf,
    /// The program that times others: `bench/timed.c`.
    timed: PathBuf,
    nacre: PathBuf,
}

/// The chore.
pub(crate) fn run(args: &mut Args) -> Outcome {
    if args.flag("--floor") {
        args.finish()?;
        return floor();
    }
    let (json, plot) = (args.value("--json")?, args.value("--plot")?);
    let (record, tally) = match args.value("--from")? {
        Some(file) => {
            args.finish()?;
            (Record::read(&file)?, Tally { passed: 1, ..Tally::default() })
        }
        None => measure(args)?,
    };
    print!("{}", table::table(&record));
    if let Some(file) = json {
        record.write(&file)?;
    }
    if let Some(file) = plot {
        fs::write(&file, plot::draw(&record)).map_err(|e| format!("{file}: {e}"))?;
    }
    Ok(tally)
}

fn measure(args: &mut Args) -> Result<(Record, Tally), String> {
    let filter = args.value("--filter")?.unwrap_or_default();
    let quick = args.flag("--quick");
    let rounds = args.number("--rounds", if quick { 1 } else { 3 })?;
    let pins: &[bool] = match args.value("--cores")?.as_deref() {
        None | Some("both") => &[false, true],
        Some("all") => &[false],
        Some("one") => &[true],
        Some(other) => return Err(format!("--cores {other}: all, one or both")),
    };
    let (against, against_oci) = (args.value("--against")?, args.value("--against-oci")?);
    args.finish()?;
    let scratch = place::scratch("bench")?;
    // Left by a run that was interrupted.
    let _ = fs::remove_dir_all(scratch.join("bundles"));
    let (micro, timed) = (compile("micro", &scratch)?, compile("timed", &scratch)?);
    let plan = Plan { rounds, quick, scratch, timed, nacre: place::nacre()? };
    let runtimes = runtime::all(&plan.nacre, against.as_deref(), against_oci.as_deref())?;
    let sources = source::all(&micro, &filter)?;
    let load = machine::load();
    let mut samples = Samples::default();
    let mut tally = Tally::default();
    for round in 0..plan.rounds {
        for pinned in pins {
            for source in &sources {
                let turns = turns(&runtimes, round);
                for (runtime, result) in source.measure(&turns, *pinned, &plan) {
                    note(&mut samples, &mut tally, source, (runtime, *pinned), result);
                }
            }
        }
    }
    let names = runtimes.iter().map(|runtime| runtime.name.clone()).collect();
    Ok((Record::new(names, rounds, load, samples), tally))
}

/// Prints what `bench/floor.c` measures, on all cores and on one.
fn floor() -> Outcome {
    let program = compile("floor", &place::scratch("bench")?)?.to_string_lossy().into_owned();
    let mut tally = Tally::default();
    println!("{:<16} {:>10} {:>10}", "ns", "all cores", "one core");
    let run = |line: Vec<String>| {
        let done = process::command(&line)?.output().map_err(|e| format!("{}: {e}", line.join(" ")))?;
        if done.status.success() { Ok(rows(&done.stdout)) } else { Err(format!("{}: {}", line.join(" "), done.status)) }
    };
    let all = run(vec![program.clone()])?;
    let one = run(process::pinned(vec![program, "one".to_owned()], true))?;
    for ((row, all, _), (_, one, _)) in all.into_iter().zip(one) {
        println!("{row:<16} {all:>10.0} {one:>10.0}");
        tally.passed += 1;
    }
    Ok(tally)
}

/// Who is first changes from round to round.
fn turns(runtimes: &[Runtime], round: usize) -> Vec<&Runtime> {
    let first = round % runtimes.len();
    runtimes[first..].iter().chain(&runtimes[..first]).collect()
}

fn note(
    samples: &mut Samples,
    tally: &mut Tally,
    source: &Source,
    (runtime, pinned): (&str, bool),
    result: Result<Rows, String>,
) {
    match result {
        Ok(rows) => {
            tally.passed += 1;
            for (row, value, unit) in rows {
                samples.add(source.group(), &row, &unit, pinned, runtime, value);
            }
        }
        Err(why) => tally.note(&format!("{} in {runtime}", source.name()), Err(why)),
    }
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

/// The lines `ROW VALUE UNIT` of a text.
fn rows(text: &[u8]) -> Rows {
    String::from_utf8_lossy(text).lines().filter_map(parse_row).collect()
}

fn parse_row(line: &str) -> Option<(String, f64, String)> {
    let mut fields = line.split_whitespace();
    let row = (fields.next()?.to_owned(), fields.next()?.parse().ok()?, fields.next()?.to_owned());
    fields.next().is_none().then_some(row)
}
