//! Call patching: text whose `syscall` instructions jump into the stub, so that a call costs no trap.
//!
//! A file's text is looked through once in the life of a sandbox, when enough of its calls have trapped. What comes
//! out is a [`Text`]: a sealed memory file with the changed pages and the trampolines, which each space then maps over
//! the file's own pages. Nothing is ever written into text that runs.
//!
//! - `site.rs`: the shapes of call sites that can be patched.
//! - `scan.rs`: finds them in text, and what could jump into them.
//! - `trampoline.rs`: the code between a site and the stub.
//! - `text.rs`: the patched text of a file.
//! - `cache.rs`: the texts of a sandbox, by file.
//! - `placed.rs`: the texts of one space: addresses there and back.

mod cache;
mod placed;
mod scan;
mod site;
mod text;
mod trampoline;

pub(super) use cache::Cache;
pub use cache::{Noted, TextKey};
pub(super) use placed::{Place, Texts};
pub use text::Text;

#[cfg(test)]
mod tests;
