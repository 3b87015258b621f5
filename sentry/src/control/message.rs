//! Messages between the command line and the sentry.

use serde::{Deserialize, Serialize};

/// Version of the messages; both sides refuse another one.
pub(super) const VERSION: u16 = 3;

/// Longest message in bytes, version included.
pub(super) const LONGEST: usize = 16 << 10;

/// To the sentry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// The starter has written the id maps and done what it does to a fresh process: go on. With descriptors of files
    /// `tasks` of the control groups to enter.
    Proceed,
    /// The container is complete: live on without the starter.
    Detach,
    /// Start the program that was prepared.
    Start,
    /// Send a signal.
    Signal {
        /// Number, 1 to 64.
        signal: u8,
        /// Who gets it.
        target: Target,
    },
    /// The terminal of the starter has another size.
    Resize(ConsoleSize),
    /// Answer with [`Report::State`].
    State,
    /// The terminal of the starter is in raw mode and the sandbox's.
    LendTerminal,
    /// It is the starter's again.
    TakeTerminalBack,
    /// It will not be lent.
    RefuseTerminal,
    /// The listener has its name: accept connections.
    Listen,
    /// Stop every task.
    Pause,
    /// Let them go on.
    Resume,
    /// Other limits from now on. Without a number it stays as it is; below zero there is none.
    Limit {
        /// Tasks at a time.
        tasks: Option<i64>,
        /// Bytes of memory.
        memory: Option<i64>,
    },
    /// Run a further program, a [`crate::Process`] in the file that comes first of the descriptors: the standard
    /// streams and the terminal follow. From then on this connection is the program's: signals and the terminal's
    /// orders are for it, its end is told, and it ends with the connection.
    Enter(Outfit),
    /// What follows on this connection is for the further container of this name. Not answered.
    For(String),
    /// Host directories and files for the container that is to be made, as descriptors. Not answered.
    Trees,
    /// Make a further container of this name, a [`crate::Plan`] in the file that comes first of the descriptors: the
    /// standard streams and the terminal follow. From then on this connection is the container's, as with
    /// [`Self::Enter`]. Answered by [`Report::Ready`].
    Make {
        /// Its name.
        name: String,
        /// Its descriptors.
        outfit: Outfit,
    },
}

/// Which descriptors come with an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outfit {
    /// Standard input, output and error.
    pub standard: [bool; 3],
    /// Size of the terminal, and whether it is the program's own: one descriptor to read and one to write.
    pub terminal: Option<(ConsoleSize, bool)>,
}

/// Who gets a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// The first process.
    Init,
    /// The first process's group: a key of the starter's terminal.
    InitGroup,
    /// Every process of the sandbox.
    All,
}

/// Size of a terminal in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleSize {
    /// Lines.
    pub rows: u16,
    /// Columns.
    pub columns: u16,
}

/// From the sentry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// The sandbox is ready to start its program.
    Ready,
    /// The program runs; or: the order was carried out.
    Done,
    /// It could not be done.
    Failed {
        /// How far it came.
        stage: Stage,
        /// Error number of Linux, 0 for none.
        errno: u16,
        /// A sentence without its end: `cannot ...: ...`.
        text: String,
    },
    /// Answer to [`Order::State`].
    State(Phase),
    /// The first process has ended, and the sandbox with it.
    Exited {
        /// Status as a shell reports it: exit status, or 128 + signal.
        status: u8,
    },
    /// A program wants to use the terminal of the starter.
    WantsTerminal {
        /// It waits for that; else it only looks whether there is input.
        is_urgent: bool,
    },
}

/// How far a start came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Making the sandbox.
    Boot,
    /// Loading the program.
    Exec,
    /// Running.
    Run,
}

/// Where a container is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Made, not started.
    Created,
    /// Started.
    Running,
    /// Its tasks are stopped, or will be as soon as it is started.
    Paused,
    /// Ended.
    Stopped,
}
