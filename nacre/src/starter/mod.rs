//! Makes a sandbox and stays with it, or with another program in it.

mod foreground;
mod sandbox;
mod streams;
mod terminal;

pub(crate) use foreground::{Keys, Partner, accompany, await_start};
pub(crate) use sandbox::{Blueprint, Sandbox, log_of};
pub(crate) use streams::{Streams, let_go_of_all_streams, let_go_of_streams};
