//! The only door to the host kernel.
//!
//! Above `sync`, below `platform`; here and in `platform` alone is unsafe code.
//! - [`launch`]: makes the sandbox's process: namespaces, mounts, capabilities.
//! - [`log`]: the debug log.

pub mod launch;
pub mod log;
