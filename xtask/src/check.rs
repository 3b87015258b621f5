//! `check` and `test`: what cargo itself can tell, and the ratchet.

use crate::args::Args;
use crate::tally::Tally;
use crate::{Outcome, place, ratchet};
use std::env;
use std::process::Command;

/// The chore `check`.
pub(crate) fn check(args: &mut Args) -> Outcome {
    let (bless, only_ratchet) = (args.flag("--bless"), args.flag("--ratchet"));
    args.finish()?;
    if only_ratchet {
        return ratchet::run(bless);
    }
    let mut tally = Tally::default();
    tally.note("format", cargo(&["fmt", "--all", "--check"], &[]));
    let clippy = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"];
    tally.note("clippy", cargo(&clippy, &[]));
    let doc = ["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"];
    tally.note("documentation", cargo(&doc, &[("RUSTDOCFLAGS", "-D warnings")]));
    tally += ratchet::run(bless)?;
    Ok(tally)
}

/// The chore `test`.
pub(crate) fn test(args: &mut Args) -> Outcome {
    args.finish()?;
    let mut tally = Tally::default();
    tally.note("unit tests", cargo(&["test", "--quiet", "--workspace"], &[]));
    Ok(tally)
}

/// Runs cargo in the work tree, its output shown.
pub(crate) fn cargo(arguments: &[&str], variables: &[(&str, &str)]) -> Result<(), String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(place::root())
        .args(arguments)
        .envs(variables.iter().copied())
        .status()
        .map_err(|e| format!("cargo: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("cargo {}", arguments.join(" "))) }
}
