//! What a process does with signals.

use abi::signal::{
    ActionFlags, NSIG, SIG_DFL, SIG_IGN, SIGABRT, SIGBUS, SIGCHLD, SIGCONT, SIGFPE, SIGILL, SIGQUIT, SIGSEGV, SIGSTOP,
    SIGSYS, SIGTRAP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH, SIGXCPU, SIGXFSZ, SigAction,
};
use std::sync::Arc;
use sync::{Mutex, Rank};

/// What happens without a handler: `signal(7)`, "Standard signals".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// The process ends.
    Terminate,
    /// The process ends, marked as having dumped a core.
    Core,
    /// Nothing.
    Ignore,
    /// The process stops.
    Stop,
    /// The process goes on, if it was stopped.
    Continue,
}

/// What a signal does without a handler.
pub const fn default_of(signal: u8) -> Default {
    match signal {
        SIGQUIT | SIGILL | SIGTRAP | SIGABRT | SIGBUS | SIGFPE | SIGSEGV | SIGXCPU | SIGXFSZ | SIGSYS => Default::Core,
        SIGCHLD | SIGURG | SIGWINCH => Default::Ignore,
        SIGSTOP | SIGTSTP | SIGTTIN | SIGTTOU => Default::Stop,
        SIGCONT => Default::Continue,
        _ => Default::Terminate,
    }
}

/// A table of signal actions; shared with `CLONE_SIGHAND`.
pub struct Actions(Mutex<[SigAction; NSIG as usize]>);

impl Actions {
    /// All default.
    pub(crate) fn new() -> Arc<Self> {
        Self::with(&[SigAction::default(); NSIG as usize])
    }

    fn with(actions: &[SigAction; NSIG as usize]) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Rank::Handlers, *actions)))
    }

    /// A copy for a child.
    pub(crate) fn fork(&self) -> Arc<Self> {
        Self::with(&self.0.lock())
    }

    /// A copy in which handlers are default: for execve and `CLONE_CLEAR_SIGHAND`.
    pub(crate) fn without_handlers(&self) -> Arc<Self> {
        let mut actions = *self.0.lock();
        for action in &mut actions {
            let handler = if action.handler == SIG_IGN { SIG_IGN } else { SIG_DFL };
            *action = SigAction { handler, ..SigAction::default() };
        }
        Self::with(&actions)
    }

    /// The action of a signal.
    pub(crate) fn of(&self, signal: u8) -> SigAction {
        self.0.lock().get(usize::from(signal).wrapping_sub(1)).copied().unwrap_or_default()
    }

    /// Sets the action of a signal; gives the old one.
    pub(crate) fn set(&self, signal: u8, action: SigAction) -> SigAction {
        match self.0.lock().get_mut(usize::from(signal).wrapping_sub(1)) {
            Some(at) => std::mem::replace(at, action),
            None => SigAction::default(),
        }
    }

    /// The signal does nothing, by its action or by default.
    pub(crate) fn ignores(&self, signal: u8) -> bool {
        match self.of(signal).handler {
            SIG_IGN => true,
            SIG_DFL => matches!(default_of(signal), Default::Ignore | Default::Continue),
            _ => false,
        }
    }

    /// Children do not become zombies: SIGCHLD is ignored by choice, or `SA_NOCLDWAIT` is set.
    pub(crate) fn reaps_children(&self) -> bool {
        let action = self.of(SIGCHLD);
        action.handler == SIG_IGN || action.flags().contains(ActionFlags::NOCLDWAIT)
    }
}
