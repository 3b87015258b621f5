//! Builds the guest's machine and its containers.

mod container;
mod machine;
mod mounts;
mod outside;
mod program;
mod running;
mod streams;

pub(crate) use container::Container;
pub(crate) use machine::Machine;
pub(crate) use running::Running;
