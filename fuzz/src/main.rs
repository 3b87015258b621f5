//! `driver list`, `driver run TARGET SECONDS SEED`, `driver one TARGET FILE`: runs targets on changed inputs until
//! the time is over or an input panics or takes long; that input is kept in `artifacts/`.
#![forbid(unsafe_code)]

use nacre_fuzz::{Mutator, TARGETS, Target};
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// One input may take this long.
const SLOW: Duration = Duration::from_secs(2);
/// Inputs that are kept to be changed further.
const KEPT: usize = 512;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["list"] => {
            TARGETS.iter().for_each(|target| println!("{}", target.name));
            Ok(())
        }
        ["run", name, seconds, seed] => {
            find(name).and_then(|t| run(t, seconds.parse().unwrap_or(5), seed.parse().unwrap_or(1)))
        }
        ["one", name, file] => {
            find(name).and_then(|t| fs::read(file).map(|bytes| (t.run)(&bytes)).map_err(|e| e.to_string()))
        }
        _ => Err("driver list | run TARGET SECONDS SEED | one TARGET FILE".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn find(name: &str) -> Result<&'static Target, String> {
    TARGETS.iter().find(|target| target.name == name).ok_or(format!("no target {name}"))
}

fn run(target: &Target, seconds: u64, seed: u64) -> Result<(), String> {
    let mut mutator = Mutator::new(seed);
    let mut kept = (target.seeds)();
    kept.extend(corpus(target.name));
    kept.push(Vec::new());
    for input in kept.clone() {
        try_one(target, &input)?;
    }
    let start = Instant::now();
    let mut count = 0u64;
    while start.elapsed() < Duration::from_secs(seconds) {
        let (one, other) = (mutator.below(kept.len()), mutator.below(kept.len()));
        let input = mutator.change(&kept[one], &kept[other]);
        try_one(target, &input)?;
        count += 1;
        // Without knowledge of coverage, chance decides what is changed further.
        if mutator.below(16) == 0 {
            let at = mutator.below(KEPT).max(1);
            if at < kept.len() && kept.len() >= KEPT { kept[at] = input } else { kept.push(input) }
        }
    }
    println!("{}: {count} inputs in {seconds} s", target.name);
    Ok(())
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let list = fs::read_dir(Path::new("corpus").join(name)).into_iter().flatten().filter_map(Result::ok);
    list.filter_map(|entry| fs::read(entry.path()).ok()).collect()
}

fn try_one(target: &Target, input: &[u8]) -> Result<(), String> {
    let start = Instant::now();
    let result = catch_unwind(|| (target.run)(input));
    let why = match result {
        Ok(()) if start.elapsed() < SLOW => return Ok(()),
        Ok(()) => "is slow",
        Err(_) => "panics",
    };
    let name = input
        .iter()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
    let file = format!("artifacts/{}-{name:016x}", target.name);
    fs::create_dir_all("artifacts").and_then(|()| fs::write(&file, input)).map_err(|e| e.to_string())?;
    Err(format!("{} {why}: fuzz/{file}", target.name))
}
