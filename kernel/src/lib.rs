//! Tasks and everything that Linux attaches to them.
//!
//! Above `net`, below `fs` and `syscalls`.
//! - [`Kernel`]: the machine that the guest sees. [`Task`]: a thread as others see it; [`ThreadGroup`]: a process.
//! - [`CurrentTask`]: a thread as its own host thread sees it; every system call handler gets it first.
//! - [`Tree`]: who is whose child, in which group and session, under which number. One lock.
//! - [`signal`]: queues, actions, delivery, frames. [`process`]: clone, exec, exit, wait, job control.
#![forbid(unsafe_code)]

pub mod clock;
mod container;
mod dump;
pub mod futex;
pub mod ipc;
mod kernel;
mod limits;
mod namespace;
mod peaks;
mod pid;
pub mod pidfd;
pub mod process;
pub mod ptrace;
pub mod sched;
pub mod seccomp;
mod session;
pub mod signal;
pub mod signalfd;
mod status;
pub mod task;
mod timens;
pub mod timerfd;
pub mod timers;
mod tree;
mod usage;
mod user;
mod uts;

pub use container::{Bounds, Container};
pub use kernel::{Config, Dispatch, Kernel};
pub use limits::Limits;
pub use namespace::{CgroupNamespace, Namespace};
pub use peaks::Peaks;
pub use pid::{Pid, PidNamespace};
pub use session::{ProcessGroup, Session, Terminal};
pub use status::Status;
pub use task::{Attributes, CurrentTask, Live, Login, Namespaces, RestartBlock, SignalSets, Stop, Task, ThreadGroup};
pub use timens::{Offsets, TimeNamespace};
pub use tree::{PID_MAX, State, Tree};
pub use usage::{Transfers, Usage};
pub use user::User;
pub use uts::{RELEASE, UtsNamespace, VERSION};
