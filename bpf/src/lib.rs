//! Classic BPF programs that filter system calls: checked once, then run for each call.
//!
//! Above `abi`; knows nothing of tasks.
//! - [`Program`]: instructions that passed the checks of Linux, in a form that runs without further ones.
//! - `op.rs`: that form. `decode.rs`: the checks. `run.rs`: running.
//!   `entries.rs`: long ways to what depends on the number of a call alone are gone once.
#![forbid(unsafe_code)]

mod decode;
mod entries;
mod op;
mod program;
mod run;

pub use program::Program;
