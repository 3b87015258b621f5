//! Filters of system calls: `seccomp(2)`.
//!
//! - `filter.rs`: a chain of programs; each new one is put before those that were there.
//! - `slot.rs`: what a thread has, seen and changed by others. `install.rs`: adding to it.
//! - `call.rs`: what becomes of a call under it.
//! - `notifier.rs`, `wait.rs`, `listener.rs`: calls that somebody else answers.
//! - `log.rs`: which actions are logged.

mod cache;
mod call;
mod filter;
mod install;
mod listener;
mod log;
mod notifier;
mod slot;
mod wait;

pub use install::Setting;
pub use log::LoggedActions;
pub(crate) use slot::{Own, Slot};
