//! Core dumps: core(5). A process that a signal of that kind ends leaves its memory and registers in an ELF file.
//!
//! The thread that took the signal dumps. Each other thread that has not begun to leave brings its registers to the
//! [`Gathering`] first, and goes on when the file is written.
//!
//! - `gathering.rs`: how the threads meet. `pattern.rs`: where the file goes. `notes.rs`: registers and the like.
//!   `memory.rs`: which mappings. `file.rs`: the file.

mod file;
mod gathering;
mod memory;
mod notes;
mod pattern;

pub(crate) use gathering::Gathering;
pub(crate) use pattern::Pattern;
