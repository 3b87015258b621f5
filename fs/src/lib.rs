//! Every filesystem, one folder each.
//!
//! Above `kernel`, below `syscalls`.
#![forbid(unsafe_code)]

mod backing;
pub mod dev;
mod device;
pub mod devpts;
pub mod host;
pub mod memfd;
pub mod overlay;
pub mod proc;
pub mod pseudo;
pub mod sys;
#[cfg(test)]
mod testing;
pub mod tmpfs;
mod transfer;
pub mod tty;
