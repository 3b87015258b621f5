//! Builds the guest's machine.

mod machine;

pub(crate) use machine::Machine;
