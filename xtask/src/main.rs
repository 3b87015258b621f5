//! One entry for every developer chore: `cargo xtask` lists them.
//!
//! Each chore is one file; each prints its progress and closes with `N passed, N failed`.
#![forbid(unsafe_code)]
#![expect(clippy::format_push_string, reason = "reports are short, and a write to a String cannot fail")]

mod args;
mod bench;
mod check;
mod fuzz;
mod guest;
mod image;
mod ltp;
mod pending;
mod place;
mod process;
mod ratchet;
mod real;
mod sandbox;
mod source;
mod tally;

use args::Args;
use std::process::ExitCode;
use tally::Tally;

/// What a chore answers: its tally, or why it could not start.
type Outcome = Result<Tally, String>;

/// One chore.
struct Chore {
    name: &'static str,
    usage: &'static str,
    help: &'static str,
    /// More lines of help.
    more: &'static str,
    run: fn(&mut Args) -> Outcome,
}

const CHORES: &[Chore] = &[
    Chore {
        name: "check",
        usage: "[--ratchet] [--bless]",
        help: "format, lints, documentation, ratchet",
        more: "",
        run: check::check,
    },
    Chore { name: "test", usage: "", help: "unit tests of all crates", more: "", run: check::test },
    Chore {
        name: "guest-tests",
        usage: "[--native|--nacre|--both] [--filter TEXT] [--repeat N] [--pin] [--list] [-- OPTION OF nacre do...]",
        help: "the C programs of tests/guest on Linux and in Nacre",
        more: "",
        run: guest::run,
    },
    Chore {
        name: "real",
        usage: "[--filter TEXT] [--native] [--pin] [--list] [-- OPTION OF nacre do...]",
        help: "the real programs of tests/real on Linux and in Nacre, compared",
        more: "",
        run: real::run,
    },
    Chore {
        name: "ltp",
        usage: "[--dir DIRECTORY] [--filter TEXT] [--limit SECONDS] [--list] [-- OPTION OF nacre do...]",
        help: "the system call tests of an installed Linux Test Project on Linux and in Nacre, compared",
        more: "",
        run: ltp::run,
    },
    Chore {
        name: "sandbox",
        usage: "[--filter TEXT] [--count N]",
        help: "sandboxes as seen from outside: exit codes, signals, nothing left behind",
        more: "",
        run: sandbox::run,
    },
    Chore {
        name: "bench",
        usage: "[--rounds N] [--filter TEXT] [--quick] [--cores all|one|both] [--against 'COMMAND'] \
                [--against-oci 'RUNTIME'] [--json FILE] [--plot FILE] [--from FILE]",
        help: "native, Nacre and another runtime by turns: medians and ratios",
        more: bench::HELP,
        run: bench::run,
    },
    Chore {
        name: "fuzz",
        usage: "[--seconds N] [--filter TEXT] [--seed N]",
        help: "each fuzz target for some seconds",
        more: "",
        run: fuzz::run,
    },
    Chore { name: "image", usage: "DIRECTORY", help: "make an OCI bundle of busybox", more: "", run: image::run },
];

fn help() -> Outcome {
    println!("cargo xtask CHORE [OPTION...]\n");
    for chore in CHORES {
        println!("  {} {}\n      {}", chore.name, chore.usage, chore.help);
        chore.more.lines().for_each(|line| println!("      {line}"));
    }
    println!("\nNACRE=PATH names the binary to test; without it the release build is made and used.");
    Ok(Tally::default())
}

fn run() -> Outcome {
    let mut args = Args::from_env();
    let Some(name) = args.next() else { return help() };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        return help();
    }
    let chore = CHORES.iter().find(|c| c.name == name).ok_or(format!("no chore {name}; try `cargo xtask help`"))?;
    let tally = (chore.run)(&mut args)?;
    println!("{tally}");
    if tally == Tally::default() {
        return Err("nothing was run: `--filter` fits no name".to_owned());
    }
    Ok(tally)
}

fn main() -> ExitCode {
    match run() {
        Ok(tally) if tally.failed == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::from(2)
        }
    }
}
