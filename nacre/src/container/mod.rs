//! Containers: their state on disk, how they are made and asked.

mod client;
mod console;
mod hooks;
mod janitor;
mod make;
mod member;
mod process_id;
mod record;
mod store;

pub(crate) use client::{ask, enter};
pub(crate) use console::make as make_console;
pub(crate) use hooks::{Moment, run_hooks};
pub(crate) use make::{Made, make, write_pid};
pub(crate) use member::{Member, make_member};
pub(crate) use process_id::ProcessId;
pub(crate) use record::{Record, Status};
pub(crate) use store::{Entry, Store};
