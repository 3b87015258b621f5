//! System calls: the table and its handlers.
//!
//! Above `fs`, below `sentry`.
//! - `table.rs`: one row a call: number, name, handler, support level. The only place that lists them.
//! - `dispatch.rs`: from a number to its row; the log of calls.
//! - a small file per man-page family holds the handlers; their typed arguments are the decoder.
#![forbid(unsafe_code)]

mod arg;
mod cred;
mod dispatch;
mod file;
mod futex;
mod info;
mod ipc;
mod limits;
mod memory;
mod pidfd;
mod prctl;
mod process;
mod ptrace;
mod sched;
mod seccomp;
mod signal;
mod socket;
mod table;
mod time;

pub use arg::{Fd, FromArg, Handler, IntoReturn};
pub use dispatch::dispatch;
pub use table::{Row, Support, TABLE};
