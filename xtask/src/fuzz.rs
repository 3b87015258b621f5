//! `fuzz`: each target of the crate in `fuzz/` for some seconds, by its own driver, on the stable compiler.

use crate::args::Args;
use crate::tally::Tally;
use crate::{Outcome, place};
use std::env;
use std::path::Path;
use std::process::Command;

/// The chore.
pub(crate) fn run(args: &mut Args) -> Outcome {
    let seconds: u64 = args.number("--seconds", 5)?;
    let seed: u64 = args.number("--seed", 1)?;
    let filter = args.value("--filter")?.unwrap_or_default();
    args.finish()?;
    let directory = place::root().join("fuzz");
    let listed = driver(&directory)?.arg("list").output().map_err(|e| format!("cargo: {e}"))?;
    if !listed.status.success() {
        return Err(format!("the fuzz crate does not build\n{}", String::from_utf8_lossy(&listed.stderr)));
    }
    let mut tally = Tally::default();
    for name in String::from_utf8_lossy(&listed.stdout).lines().filter(|name| name.contains(&filter)) {
        let status = driver(&directory)?
            .args(["run", name, &seconds.to_string(), &seed.to_string()])
            .status()
            .map_err(|e| format!("cargo: {e}"))?;
        tally.note(name, if status.success() { Ok(()) } else { Err(format!("{status}")) });
    }
    Ok(tally)
}

fn driver(directory: &Path) -> Result<Command, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(directory).env("CARGO_TARGET_DIR", place::scratch("fuzz-target")?).args([
        "run",
        "--quiet",
        "--release",
        "--",
    ]);
    Ok(command)
}
