//! Standard streams and terminal of the program.

use super::terminal::{self, window_size};
use crate::error::{Result, Try};
use rustix::fs::{Mode, OFlags, fcntl_getfl};
use rustix::stdio::{dup2_stdin, dup2_stdout, stderr, stdin, stdout};
use rustix::termios::isatty;
use sentry::Terminal;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Standard streams and terminal of the program.
pub(crate) struct Streams {
    /// `None`: the guest's terminal.
    pub streams: [Option<OwnedFd>; 3],
    /// The host's terminal behind the guest's.
    pub terminal: Option<Terminal>,
}

impl Streams {
    /// As the sentry is given them.
    pub(crate) fn into_given(self) -> sentry::Streams {
        sentry::Streams { standard: self.streams, terminal: self.terminal }
    }

    /// This process's own, as they are.
    pub(crate) fn own() -> Result<Self> {
        let copy = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().map(Some).to("copy a standard stream");
        Ok(Self { streams: [copy(stdin())?, copy(stdout())?, copy(stderr())?], terminal: None })
    }

    /// This process's own. What of them is its terminal is a terminal of the guest's own, with this one behind it.
    pub(crate) fn own_with_terminal() -> Result<Self> {
        let mut streams = Self::own()?;
        let Some(terminal) = terminal::of_streams() else { return Ok(streams) };
        let Some((input, output)) = both_ways(terminal)? else { return Ok(streams) };
        for stream in &mut streams.streams {
            stream.take_if(|stream| is_same(stream, terminal));
        }
        streams.terminal = Some(Terminal { input, output, size: window_size(terminal), is_own: false });
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

/// Descriptors of a terminal to read and to write; `None` when it can't be had both ways.
fn both_ways(terminal: BorrowedFd<'_>) -> Result<Option<(OwnedFd, OwnedFd)>> {
    let is_both = |stream: &BorrowedFd<'_>| {
        let mode = fcntl_getfl(stream).map(|flags| flags & OFlags::ACCMODE);
        mode == Ok(OFlags::RDWR) && is_same(stream, terminal)
    };
    let found = [stdin(), stdout(), stderr()].into_iter().find(is_both);
    let input = match found {
        Some(stream) => stream.try_clone_to_owned().to("copy the terminal")?,
        None => match rustix::fs::open("/dev/tty", OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty()) {
            Ok(controlling) => controlling,
            Err(_) => return Ok(None),
        },
    };
    let output = input.try_clone().to("copy the terminal")?;
    Ok(Some((input, output)))
}

/// Both are the same terminal.
fn is_same(stream: impl AsFd, terminal: BorrowedFd<'_>) -> bool {
    let device = |fd: BorrowedFd<'_>| rustix::fs::fstat(fd).map(|stat| stat.st_rdev);
    let stream = stream.as_fd();
    isatty(stream) && device(stream).is_ok_and(|number| device(terminal) == Ok(number))
}

/// Lets go of all standard streams.
pub(crate) fn let_go_of_all_streams() {
    let_go_of_streams();
    // Standard input is /dev/null by now.
    let _ = rustix::stdio::dup2_stderr(stdin());
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
