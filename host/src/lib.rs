//! The only door to the host kernel.
//!
//! Above `sync`, below `platform`; here and in `platform` alone is unsafe code.
//! - [`mod@file`]: files beneath directory descriptors, memory files, inherited streams.
//! - [`Watched`]: waiting for a host descriptor.
//! - [`launch`]: makes the sandbox's process: namespaces, mounts, capabilities.
//! - [`log`]: the debug log.
//! - [`memory`]: what this process takes of it.

pub mod file;
pub mod launch;
pub mod log;
pub mod memory;
mod poller;

pub use poller::Watched;
