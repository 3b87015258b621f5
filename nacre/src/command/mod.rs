//! Subcommands, one file each.

mod create;
mod delete;
mod exec;
mod features;
mod kill;
mod list;
mod pause;
mod ps;
mod run;
mod sandbox_do;
mod spec;
mod start;
mod state;
mod update;

use crate::cli::{Arguments, Command};
use crate::error::Result;

/// Carries out a command: the status to exit with.
pub(crate) fn run(arguments: Arguments) -> Result<u8> {
    let global = &arguments.global;
    match arguments.command {
        Command::Do(command) => sandbox_do::run(global, &command),
        Command::Create(command) => create::run(global, &command),
        Command::Start(command) => start::run(global, &command),
        Command::State(command) => state::run(global, &command),
        Command::Kill(command) => kill::run(global, &command),
        Command::Exec(command) => exec::run(global, &command),
        Command::Pause(command) => pause::pause(global, &command),
        Command::Resume(command) => pause::resume(global, &command),
        Command::Delete(command) => delete::run(global, &command),
        Command::Run(command) => run::run(global, &command),
        Command::List(command) => list::run(global, &command),
        Command::Ps(command) => ps::run(global, &command),
        Command::Update(command) => update::run(global, &command),
        Command::Spec(command) => spec::run(&command),
        Command::Features => features::run(),
    }
}
