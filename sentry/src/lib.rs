//! The sandboxed process.
//!
//! Above `syscalls`, below `nacre`. [`run()`] is its whole life, in a process that `nacre` has just cloned:
//! - [`Plan`], [`Descriptors`]: what it is given.
//! - `launch`: it leaves the host's files, descriptors and capabilities behind.
//! - `boot`: it builds the guest's machine.
//! - [`lockdown`]: it gives up the host calls that it does not need.
//! - [`control`]: it listens to its starter and to later commands until the guest ends.
#![forbid(unsafe_code)]

mod boot;
pub mod control;
mod failure;
mod launch;
mod life;
pub mod lockdown;
mod plan;
mod run;
mod sandbox;

pub use failure::Failure;
pub use host::launch::{IdMaps, IdRange, Tree};
pub use plan::{
    CapabilitySets, Descriptors, Filter, Limit, Mount, MountKind, MountOptions, Overlay, Plan, Process, Resources,
    Share, Shares, Streams, Terminal,
};
pub use run::run;
