//! Standard streams and terminal of the program.

use super::terminal::window_size;
use crate::error::{Result, Try};
use rustix::fs::{Mode, OFlags};
use rustix::stdio::{dup2_stdin, dup2_stdout, stderr, stdin, stdout};
use rustix::termios::{isatty, tcgetpgrp};
use sentry::Terminal;
use std::os::fd::{BorrowedFd, OwnedFd};

/// Standard streams and terminal of the program.
pub(crate) struct Streams {
    /// `None`: the guest's terminal.
    pub streams: [Option<OwnedFd>; 3],
    /// The host's terminal behind the guest's.
    pub terminal: Option<Terminal>,
}

impl Streams {
    /// This process's own, as they are.
    pub(crate) fn own() -> Result<Self> {
        let copy = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().map(Some).to("copy a standard stream");
        Ok(Self { streams: [copy(stdin())?, copy(stdout())?, copy(stderr())?], terminal: None })
    }

    /// This process's own. Where both ends of a conversation are the terminal, the guest gets a terminal of
    /// its own with this one behind it.
    pub(crate) fn own_with_terminal() -> Result<Self> {
        let mut streams = Self::own()?;
        if !is_interactive() {
            return Ok(streams);
        }
        let [input, output, error] = &mut streams.streams;
        if isatty(stderr()) {
            *error = None;
        }
        if let (Some(input), Some(output)) = (input.take(), output.take()) {
            streams.terminal = Some(Terminal { input, output, size: window_size(stdout()), is_own: false });
        }
        Ok(streams)
    }

    /// The slave end of a pseudo-terminal that was made for the sandbox.
    pub(crate) fn of_terminal(slave: OwnedFd) -> Result<Self> {
        let input = slave.try_clone().to("copy the terminal")?;
        let size = window_size(&slave);
        let terminal = Terminal { input, output: slave, size, is_own: true };
        Ok(Self { streams: [None, None, None], terminal: Some(terminal) })
    }
}

/// Standard input and output are a terminal that this process may read now.
pub(crate) fn is_interactive() -> bool {
    let in_foreground = || tcgetpgrp(stdin()).is_ok_and(|group| group == rustix::process::getpgrp());
    isatty(stdin()) && isatty(stdout()) && in_foreground()
}

/// Lets go of standard input and output, which the sandbox has: the other end of a pipe shall see that the
/// program has closed its own.
pub(crate) fn let_go_of_streams() {
    // Without /dev/null the streams stay open; that is no reason to fail.
    if let Ok(null) = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()) {
        let _ = dup2_stdin(&null);
        let _ = dup2_stdout(&null);
    }
}
