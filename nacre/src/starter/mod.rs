//! Makes a sandbox and stays with it.

mod foreground;
mod sandbox;
mod streams;
mod terminal;

pub(crate) use foreground::{Keys, accompany};
pub(crate) use sandbox::{Blueprint, Sandbox, log_of};
pub(crate) use streams::{Streams, let_go_of_streams};
