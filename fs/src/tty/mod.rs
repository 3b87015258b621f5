//! Terminals: `tty(4)`, `pty(7)`, `termios(3)`.
//!
//! - `discipline` (with `output`, `erase`): the line discipline, pure state.
//! - [`Pty`]: a discipline with two ends, its session, its window; [`MasterFile`], [`SlaveFile`]: the ends.
//! - [`Jobs`]: what it needs of processes. [`HostConsole`]: a terminal of the host as one of the sandbox,
//!   [`Lender`]: whose it is while no program uses it.
//! - `devices`: /dev/tty and /dev/console.

mod console;
mod devices;
mod discipline;
mod erase;
mod ioctl;
mod jobs;
mod kernel_jobs;
mod loan;
mod master;
mod modes;
mod output;
mod peer;
mod pty;
#[cfg(test)]
mod pty_tests;
mod slave;
mod terminals;
#[cfg(test)]
mod tests;

pub use console::HostConsole;
pub use devices::{ConsoleDevice, TtyDevice};
pub use jobs::Jobs;
pub use kernel_jobs::KernelJobs;
pub use loan::Lender;
pub use master::MasterFile;
pub(crate) use master::Release;
pub use pty::Pty;
pub use slave::SlaveFile;
pub use terminals::Terminals;

/// Major number of the slaves.
pub const PTS_MAJOR: u32 = 136;
