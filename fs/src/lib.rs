//! Every filesystem, one folder each.
//!
//! Above `kernel`, below `syscalls`.
#![forbid(unsafe_code)]

mod backing;
mod device;
pub mod host;
pub mod memfd;
pub mod tmpfs;
mod transfer;
