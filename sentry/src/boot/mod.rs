//! Builds the guest's machine.

mod machine;
mod mounts;
mod outside;
mod program;
mod streams;

pub(crate) use machine::{Machine, Running};
