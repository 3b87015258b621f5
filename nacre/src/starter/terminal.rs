//! The starter's terminal.

use crate::error::{Result, Try};
use rustix::process::{Signal, getpgrp, kill_current_process_group};
use rustix::stdio::{stderr, stdin, stdout};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr};
use sentry::control::ConsoleSize;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic;

/// Size of a terminal; 24 by 80 where it has none.
pub(crate) fn window_size(terminal: impl AsFd) -> ConsoleSize {
    match tcgetwinsize(terminal) {
        Ok(size) if size.ws_row != 0 && size.ws_col != 0 => ConsoleSize { rows: size.ws_row, columns: size.ws_col },
        _ => ConsoleSize { rows: 24, columns: 80 },
    }
}

/// The first of the standard streams that is a terminal.
pub(crate) fn of_streams() -> Option<BorrowedFd<'static>> {
    [stdin(), stdout(), stderr()].into_iter().find(|stream| isatty(stream))
}

/// The terminal that the starter shares with the sandbox. The sandbox has it from the moment on that one of its
/// programs uses it, while the starter is in the foreground.
pub(crate) struct Shared {
    terminal: OwnedFd,
    /// Standard output is another file: who reads that may write to the terminal, in its ordinary modes.
    is_output_elsewhere: bool,
    raw: Option<Raw>,
    wish: Option<Wish>,
}

/// A program wants to use the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wish {
    /// It looks for input, among other things.
    Soft,
    /// It waits.
    Urgent,
}

/// What became of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// There was none, or its time has not come.
    Later,
    /// The terminal is raw: the sandbox may use it.
    Lent,
    /// It is in the background, and the wish has to be told to the shell: [`Shared::ask_shell`].
    InBackground,
}

impl Shared {
    /// The terminal among the standard streams.
    pub(crate) fn of_streams() -> Result<Option<Self>> {
        let copy = of_streams().map(|stream| stream.try_clone_to_owned()).transpose().to("copy the terminal")?;
        let is_output_elsewhere = !isatty(stdout());
        Ok(copy.map(|terminal| Self { terminal, is_output_elsewhere, raw: None, wish: None }))
    }

    /// A program wants it.
    pub(crate) fn wish(&mut self, is_urgent: bool) {
        let wish = if is_urgent { Wish::Urgent } else { Wish::Soft };
        self.wish = self.wish.max(Some(wish));
    }

    /// The wish that is open.
    pub(crate) const fn open_wish(&self) -> Option<Wish> {
        self.wish
    }

    /// Grants the wish if it can.
    pub(crate) fn answer(&mut self) -> Result<Answer> {
        match self.wish {
            None => Ok(Answer::Later),
            Some(_) if self.is_in_foreground() => {
                if self.raw.is_none() {
                    self.raw = Some(Raw::new(&self.terminal, self.is_output_elsewhere).to("make the terminal raw")?);
                }
                self.wish = None;
                Ok(Answer::Lent)
            }
            Some(Wish::Soft) => Ok(Answer::Later),
            Some(Wish::Urgent) => Ok(Answer::InBackground),
        }
    }

    /// Does what the kernel does to one who reads from the background: the process group stops, and the shell
    /// tells the user. Returns when it is continued, or at once when it can't be stopped.
    pub(crate) fn ask_shell(&self) -> Result<()> {
        kill_current_process_group(Signal::TTIN).to("stop")
    }

    /// Nothing comes of the wish.
    pub(crate) fn forget_wish(&mut self) {
        self.wish = None;
    }

    /// Takes it back, in its own modes; true if it was lent. The sandbox will want it again.
    pub(crate) fn take_back(&mut self) -> bool {
        let was_lent = self.raw.take().is_some();
        if was_lent {
            self.wish(false);
        }
        was_lent
    }

    /// Its size.
    pub(crate) fn size(&self) -> ConsoleSize {
        window_size(&self.terminal)
    }

    /// A terminal that does not control this process has no background.
    fn is_in_foreground(&self) -> bool {
        tcgetpgrp(&self.terminal).map_or(true, |group| group == getpgrp())
    }
}

/// A terminal in raw mode: keys go to the sandbox as they are. It is restored when this is dropped, and at a
/// panic.
struct Raw {
    terminal: OwnedFd,
    saved: Termios,
}

impl Raw {
    fn new(terminal: &OwnedFd, keeps_output: bool) -> io::Result<Self> {
        let saved = tcgetattr(terminal)?;
        let raw = Self { terminal: terminal.try_clone()?, saved };
        let (copy, restored) = (raw.terminal.try_clone()?, raw.saved.clone());
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let _ = tcsetattr(&copy, OptionalActions::Now, &restored);
            report(info);
        }));
        let mut mode = raw.saved.clone();
        mode.make_raw();
        if keeps_output {
            mode.output_modes = raw.saved.output_modes;
        }
        tcsetattr(&raw.terminal, OptionalActions::Drain, &mode)?;
        Ok(raw)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // The terminal is gone: nothing is to be restored.
        let _ = tcsetattr(&self.terminal, OptionalActions::Drain, &self.saved);
    }
}
