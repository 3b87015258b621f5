//! What a terminal needs of processes: job control, `credentials(7)`.

use super::pty::Pty;
use std::sync::Arc;
use vfs::Caller;

/// The processes behind a terminal. Ids are those of the root pid namespace unless said otherwise. Never
/// called with a terminal locked.
pub trait Jobs: Send + Sync {
    /// Sends a signal of the kernel's to every process of a group.
    fn signal_group(&self, group: i32, signal: u8);

    /// Sends a signal of the kernel's to the leader of a session.
    fn signal_leader(&self, session: i32, signal: u8);

    /// The session of a process group; `None` when there is no such group.
    fn session_of_group(&self, group: i32) -> Option<i32>;

    /// The id of a process group or session as the caller's pid namespace has it; 0 when it has not.
    fn id_for(&self, caller: &Caller, id: i32) -> i32;

    /// The process group that the caller calls `id`.
    fn group_from(&self, caller: &Caller, id: i32) -> Option<i32>;

    /// The controlling terminal of a session.
    fn terminal(&self, session: i32) -> Option<Arc<Pty>>;

    /// Sets or clears the controlling terminal of a session.
    fn set_terminal(&self, session: i32, terminal: Option<Arc<Pty>>);

    /// Tells the session which of its groups is in the foreground.
    fn set_foreground(&self, session: i32, group: i32);
}
