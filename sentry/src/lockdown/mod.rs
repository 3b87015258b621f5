//! The host calls that the sentry may make from the end of its boot to its own end.

mod code;
mod filter;
mod table;

pub use filter::{OnViolation, install};
pub use table::{Condition, ENTRIES, Entry};
