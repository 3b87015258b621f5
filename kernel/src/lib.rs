//! Tasks and everything that Linux attaches to them.
//!
//! Above `net`, below `fs` and `syscalls`.
//! - [`Kernel`]: the machine that the guest sees. [`Task`]: a thread as others see it.
//! - [`CurrentTask`]: a thread as its own host thread sees it; every system call handler gets it first.
#![forbid(unsafe_code)]

mod kernel;
mod task;

pub use kernel::Kernel;
pub use task::{CurrentTask, Task};
