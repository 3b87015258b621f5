//! The starter's terminal.

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use sentry::control::ConsoleSize;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic;

/// Size of a terminal; 24 by 80 where it has none.
pub(crate) fn window_size(terminal: impl AsFd) -> ConsoleSize {
    match tcgetwinsize(terminal) {
        Ok(size) if size.ws_row != 0 && size.ws_col != 0 => ConsoleSize { rows: size.ws_row, columns: size.ws_col },
        _ => ConsoleSize { rows: 24, columns: 80 },
    }
}

/// A terminal in raw mode: keys go to the sandbox as they are. It is restored when this is dropped, and at a
/// panic.
pub(crate) struct Raw {
    terminal: OwnedFd,
    saved: Termios,
}

impl Raw {
    /// Makes it raw.
    pub(crate) fn new(terminal: OwnedFd) -> io::Result<Self> {
        let saved = tcgetattr(&terminal)?;
        let raw = Self { terminal, saved };
        let (copy, restored) = (raw.terminal.try_clone()?, raw.saved.clone());
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let _ = tcsetattr(&copy, OptionalActions::Now, &restored);
            report(info);
        }));
        raw.resume()?;
        Ok(raw)
    }

    /// Makes it raw again.
    pub(crate) fn resume(&self) -> io::Result<()> {
        let mut mode = self.saved.clone();
        mode.make_raw();
        Ok(tcsetattr(&self.terminal, OptionalActions::Drain, &mode)?)
    }

    /// Restores it for a while.
    pub(crate) fn suspend(&self) {
        // The terminal is gone: nothing is to be restored.
        let _ = tcsetattr(&self.terminal, OptionalActions::Drain, &self.saved);
    }

    /// Its size.
    pub(crate) fn size(&self) -> ConsoleSize {
        window_size(&self.terminal)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.suspend();
    }
}
