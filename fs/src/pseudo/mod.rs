//! Filesystems made of code: what /proc, /sys and their like are built with.
//!
//! - [`Object`]: a file, directory or link as a few functions; [`PseudoFs`]: a filesystem of such.
//! - [`Row`] and [`TableDir`]: a directory as a table; adding a file is one row and one function.
//! - [`register`] makes all of them, and the devices, known to the vfs.
//! - [`StaticDir`], [`LazyDir`], [`Fixed`], [`Link`]: trees that are put together once.

mod file;
mod filesystem;
mod mounts;
mod node;
mod object;
mod table;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tree;

pub(crate) use file::{Content, seek};
pub use filesystem::PseudoFs;
pub use mounts::register;
pub use node::Node;
pub use object::{Child, Name, Object};
pub use table::{CheckFn, OpenFn, Row, StoreFn, Subject, TableDir, TextFn, What, dir, file, knob, link, special, text};
pub use tree::{Fixed, LazyDir, Link, StaticDir};
