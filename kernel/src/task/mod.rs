//! Threads of execution.
//!
//! A thread's life: its host thread runs [`CurrentTask`]'s loop (`run.rs`), whose states are `Next::{App, Syscall,
//! Interrupt, Exit}`: application code, a call, whatever wants attention (signals, stops, work), the end. A
//! [`Stop`] keeps it from application code until something happens.

mod access;
mod attributes;
mod current;
mod group;
mod host;
mod inspect;
mod live;
pub(crate) mod restart;
mod run;
mod start;
mod stop;
mod thread;
mod view;
mod work;

pub use attributes::{Attributes, Login, Namespaces};
pub use current::CurrentTask;
pub(crate) use current::End;
pub use group::ThreadGroup;
pub use inspect::SignalSets;
pub use live::{Live, Program};
pub use restart::RestartBlock;
pub(crate) use start::Start;
pub use stop::Stop;
pub(crate) use stop::{Release, Vfork};
pub use thread::Task;
pub(crate) use work::Work;
