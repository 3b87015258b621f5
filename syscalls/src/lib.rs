//! System calls: the table and its handlers.
//!
//! Above `fs`, below `sentry`.
//! - `table.rs`: one row a call: number, name, handler, support level. The only place that lists them.
//! - a small file per man-page family holds the handlers; their typed arguments are the decoder.
#![forbid(unsafe_code)]

mod arg;
mod file;
mod table;

pub use arg::{Fd, FromArg, Handler, IntoReturn};
pub use table::{Row, Support, TABLE};
