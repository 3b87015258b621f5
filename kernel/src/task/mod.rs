//! Threads of execution.

mod current;

pub use current::CurrentTask;

/// A thread as others see it.
pub struct Task {}
