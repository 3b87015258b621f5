//! The machine that the guest sees.

/// The machine that the guest sees: process tree, namespaces, timers, platform. One per sandbox.
pub struct Kernel {}
