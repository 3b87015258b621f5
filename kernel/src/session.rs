//! Process groups, sessions and their terminals: `credentials(7)`.

use crate::pid::Pid;
use std::any::Any;
use std::fmt;
use std::sync::{Arc, Weak};
use sync::{Mutex, Rank};

/// A terminal as sessions see it. Implemented by the terminal devices.
pub trait Terminal: Any + Send + Sync {
    /// Device number, as /proc/PID/stat shows it.
    fn device(&self) -> u64;
    /// It controls a session from now on: the ids of session and foreground group in the root namespace. Called
    /// for a session that starts with a terminal; the tree may be locked.
    fn attached(&self, session: i32, foreground: i32) {
        let _ = (session, foreground);
    }
    /// The session that it controlled has ended or let it go: readers and writers get hang-ups. Called without
    /// locks held; the kernel itself signals the foreground group.
    fn hang_up(&self);
    /// Every file of it is dead from now on, and it controls no session any more: `vhangup(2)`.
    fn kill(&self);
}

/// What controls a session.
#[derive(Default)]
struct Control {
    terminal: Option<Arc<dyn Terminal>>,
    foreground: Weak<ProcessGroup>,
}

/// A session.
pub struct Session {
    id: Arc<Pid>,
    /// The controlling terminal and the group in its foreground.
    control: Mutex<Control>,
}

impl Session {
    pub(crate) fn new(id: Arc<Pid>) -> Arc<Self> {
        Arc::new(Self { id, control: Mutex::new(Rank::Leaf, Control::default()) })
    }

    /// Its id: that of the process which made it.
    pub const fn id(&self) -> &Arc<Pid> {
        &self.id
    }

    /// The controlling terminal.
    pub fn terminal(&self) -> Option<Arc<dyn Terminal>> {
        self.control.lock().terminal.clone()
    }

    /// The group in the foreground of the controlling terminal.
    pub fn foreground(&self) -> Option<Arc<ProcessGroup>> {
        self.control.lock().foreground.upgrade()
    }

    /// Sets the controlling terminal, or takes it away; gives the old one. The foreground group is forgotten.
    pub fn set_terminal(&self, terminal: Option<Arc<dyn Terminal>>) -> Option<Arc<dyn Terminal>> {
        let mut control = self.control.lock();
        control.foreground = Weak::new();
        std::mem::replace(&mut control.terminal, terminal)
    }

    /// Sets the group in the foreground; it belongs to this session.
    pub fn set_foreground(&self, group: &Arc<ProcessGroup>) {
        self.control.lock().foreground = Arc::downgrade(group);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.id.root())
    }
}

/// A process group. Its members are in the [`crate::Tree`].
#[derive(Debug)]
pub struct ProcessGroup {
    id: Arc<Pid>,
    session: Arc<Session>,
}

impl ProcessGroup {
    pub(crate) fn new(id: Arc<Pid>, session: Arc<Session>) -> Arc<Self> {
        Arc::new(Self { id, session })
    }

    /// Its id: that of the process which made it.
    pub const fn id(&self) -> &Arc<Pid> {
        &self.id
    }

    /// The session that it belongs to.
    pub const fn session(&self) -> &Arc<Session> {
        &self.session
    }
}
