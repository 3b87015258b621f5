//! Processes: their making, programs, end, and the waiting for them.
//!
//! - `clone.rs`: clone(2). `exec.rs`, `program.rs`, `dethread.rs`, `privilege.rs`: execve(2).
//! - `exit.rs`, `zombie.rs`: exit(2). `wait.rs`: wait4(2), waitid(2).
//! - `jobs.rs`: setpgid(2), setsid(2), terminals. `boot.rs`: processes started from outside.
//! - `unshare.rs`, `setns.rs`: unshare(2), setns(2).

mod boot;
mod clone;
mod dethread;
mod exec;
mod exit;
mod jobs;
mod privilege;
mod program;
mod setns;
mod unshare;
mod wait;
mod zombie;

pub use boot::Init;
pub use clone::Clone;
pub use exec::{Arguments, Executable};
pub(crate) use exit::exit;
pub use wait::{Event, What, Which};
