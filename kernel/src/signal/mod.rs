//! Signals: `signal(7)`.
//!
//! - `queue.rs`: signals that are pending. `actions.rs`: what a process does with them.
//! - `state.rs`: everything about the signals of one process and its threads, behind one lock.
//! - `send.rs`: from the sender's side. `sigio.rs`: signals about files. `take.rs`: from the receiver's. `stops.rs`: stop and continue.
//! - `deliver.rs`, `frame.rs`, `stack.rs`: handlers. `permission.rs`: who may send to whom.

mod actions;
mod deliver;
mod frame;
mod mask;
mod permission;
mod queue;
mod send;
mod sigio;
mod stack;
mod state;
mod stops;
mod take;

pub use actions::{Actions, Default, default_of};
pub use frame::MIN_STACK;
pub use permission::may_signal;
pub use queue::Origin;
pub(crate) use sigio::FileSignals;
pub use state::Signals;
pub(crate) use state::{GroupStop, Notice, Thread, ThreadStop};
pub(crate) use take::Attention;
