//! Makes a sandbox and stays with it, or with another program in it.

mod foreground;
mod sandbox;
mod stand_in;
mod streams;
mod terminal;

pub(crate) use foreground::{Keys, accompany, await_start};
pub(crate) use sandbox::{Blueprint, Sandbox, log_of};
pub(crate) use stand_in::{Beginning, Guest, StandIn};
pub(crate) use streams::{Streams, let_go_of_streams};
