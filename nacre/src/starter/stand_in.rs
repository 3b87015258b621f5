//! A process of the host that stands for a program in a sandbox as long as that runs: for those who wait for a child
//! of theirs, or of their grandchildren. It hands on signals and ends with the program's status; should it be
//! killed, the sandbox ends the program.

use super::foreground::{Keys, Partner, accompany};
use super::streams::let_go_of_all_streams;
use crate::error::{Error, Result, Try};
use host::launch::{Child, close_others, fork, leave_session};
use sentry::control::Link;
use sentry::{Streams, Terminal};
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;

/// A program in a sandbox that another process has made.
pub(crate) struct Guest(pub Link);

impl Partner for Guest {
    fn link(&self) -> &Link {
        &self.0
    }

    fn explain_end(&self) -> Error {
        Error::new("the sandbox was killed").with_status(137)
    }
}

/// What both ends of the line say when all is well; another byte is a status to exit with, and a sentence follows.
const WELL: u8 = 0;

/// The process, from its parent's side. When this is dropped before it is let go, it ends, and its program too.
pub(crate) struct StandIn {
    child: Child,
    line: UnixStream,
    is_let_go: bool,
}

/// The process, from its own side, while it begins.
pub(crate) struct Beginning<'a> {
    line: &'a UnixStream,
}

impl StandIn {
    /// Starts it. `begin` runs in it, and has the program started.
    pub(crate) fn start(begin: impl FnOnce(&Beginning<'_>) -> Result<(Guest, Keys)>) -> Result<Self> {
        let (mut line, theirs) = UnixStream::pair().to("make a socket")?;
        let mut parts = Some((begin, theirs));
        let child = fork(|| match parts.take() {
            Some((begin, line)) => live(begin, line),
            None => 1,
        })?;
        // The child has its copies: the line shows its end.
        drop(parts);
        let what = "hear from the process that stands for the program";
        let mut first = [WELL];
        line.read_exact(&mut first).to(what)?;
        if first == [WELL] {
            return Ok(Self { child, line, is_let_go: false });
        }
        let mut text = String::new();
        line.read_to_string(&mut text).to(what)?;
        // It ends by itself.
        let _ = child.wait();
        Err(Error::new(text).with_status(first[0]))
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        self.child.pid.as_raw_nonzero().get()
    }

    /// From here on it stands without this process.
    pub(crate) fn let_go(&mut self) -> Result<()> {
        self.line.write_all(&[WELL]).to("let the program go")?;
        self.is_let_go = true;
        Ok(())
    }
}

impl StandIn {
    /// Ends it, unless it was let go.
    pub(crate) fn end(&mut self) {
        if !std::mem::replace(&mut self.is_let_go, true) {
            self.child.kill();
            // An error means that it is reaped already.
            let _ = self.child.wait();
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.end();
    }
}

/// The life of the process. Until its parent lets it go, they end together.
fn live(begin: impl FnOnce(&Beginning<'_>) -> Result<(Guest, Keys)>, mut line: UnixStream) -> u8 {
    match begin(&Beginning { line: &line }) {
        Ok((guest, keys)) => {
            let_go_of_all_streams();
            let mut answer = [1];
            let is_let_go = line.write_all(&[WELL]).is_ok() && line.read_exact(&mut answer).is_ok();
            drop(line);
            if !is_let_go || answer != [WELL] {
                return 1;
            }
            accompany(&guest, keys).unwrap_or_else(|error| error.status)
        }
        Err(error) => {
            // Without a parent nobody wants to know.
            let _ = line.write_all(&[error.status]).and_then(|()| line.write_all(error.to_string().as_bytes()));
            error.status
        }
    }
}

impl Beginning<'_> {
    /// Leaves the parent's session and descriptors, but for these and the streams, and catches signals. A terminal
    /// among the streams becomes the process's own: it then tells of its size.
    pub(crate) fn leave(&self, kept: &[BorrowedFd<'_>], streams: &Streams) -> Result<Keys> {
        leave_session()?;
        let own = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr(), self.line.as_fd()];
        let kept: Vec<BorrowedFd<'_>> =
            own.into_iter().chain(kept.iter().copied()).chain(streams.descriptors()).collect();
        close_others(&kept)?;
        let mut keys = Keys::catch()?;
        if let Some(Terminal { output, .. }) = &streams.terminal {
            // Without that the size stays as it is.
            let _ = rustix::process::ioctl_tiocsctty(output);
            keys.watch_size(output.try_clone().to("copy the terminal")?);
        }
        Ok(keys)
    }

    /// Shows the parent's end.
    pub(crate) fn line(&self) -> BorrowedFd<'_> {
        self.line.as_fd()
    }
}
