//! The command line: `nacre do` for one program, and an OCI runtime.
//!
//! Top of the order of crates.
//! - `cli`: arguments. `command`: one file a subcommand.
//! - `bundle`: an OCI bundle becomes a `sentry::Plan`. `container`: its state on disk, hooks. `cgroup`: its limits.
//! - `starter`: makes the sandbox's process and stays with it; terminal and signals.
#![forbid(unsafe_code)]

mod bundle;
mod cgroup;
mod cli;
mod command;
mod container;
mod error;
mod report;
mod starter;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    host::memory::share_heaps();
    let arguments = match cli::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version go to standard output and are no errors.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { cli::USAGE_STATUS } else { 0 });
        }
    };
    let report = report::Report::new(&arguments.global);
    match command::run(arguments) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            report.error(&error);
            ExitCode::from(error.status)
        }
    }
}
