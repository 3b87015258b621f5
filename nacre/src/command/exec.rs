//! `nacre exec`.
//!
//! A process of the host stands for the program as long as that runs: this one or, detached, a child of it. It hands
//! on signals and ends with the program's status. Should it be killed, the sandbox kills the program.

mod process;

use crate::bundle::{self, Bundle};
use crate::cli::{Exec, Global};
use crate::container::{Entry, Status, Store, enter, make_console, write_pid};
use crate::error::{Error, Result, Try, bail};
use crate::starter::{Keys, Partner, Streams, accompany, await_start, let_go_of_all_streams, let_go_of_streams};
use host::launch::{close_others, fork, leave_session};
use oci_spec::runtime::Process;
use sentry::control::Link;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;

/// Runs a further program in a container: its status.
pub(crate) fn run(global: &Global, command: &Exec) -> Result<u8> {
    let entry = Store::new(global).open(&command.id)?;
    let record = entry.read()?;
    match entry.status(&record) {
        Status::Running => {}
        Status::Paused if command.ignore_paused => {}
        Status::Paused => {
            bail!("cannot run a program in container \"{}\": it is paused; resume it or use --ignore-paused", entry.id)
        }
        status => bail!("cannot run a program in container \"{}\": it is not running, but {status}", entry.id),
    }
    let process = process::build(command, Bundle::load(&record.bundle))?;
    let program = bundle::process(&process)?;
    if command.detach {
        detached(command, entry, &process, &program)
    } else {
        attached(command, entry, &process, &program)
    }
}

/// A program beside the first of a container.
struct Guest(Link);

impl Partner for Guest {
    fn link(&self) -> &Link {
        &self.0
    }

    fn explain_end(&self) -> Error {
        Error::new("the sandbox was killed").with_status(137)
    }
}

fn has_terminal(process: &Process) -> bool {
    process.terminal().unwrap_or(false)
}

fn attached(command: &Exec, entry: Entry, process: &Process, program: &sentry::Process) -> Result<u8> {
    let mut keys = Keys::catch()?;
    let streams = if has_terminal(process) {
        let streams = Streams::own_with_terminal()?;
        if streams.terminal.is_none() {
            bail!("a terminal is wanted (--tty), but standard input and output are none");
        }
        keys.share_terminal()?;
        streams
    } else {
        Streams::own()?
    };
    let guest = Guest(enter(&entry, program, &streams.into_given())?);
    await_start(&guest, &mut keys)?;
    drop(entry);
    if let Some(path) = &command.pid_file {
        write_pid(path, rustix::process::getpid().as_raw_nonzero().get())?;
    }
    let_go_of_streams();
    accompany(&guest, keys)
}

/// What both ends of a line say when all is well; another byte is a status to exit with, and a sentence follows.
const WELL: u8 = 0;

fn detached(command: &Exec, entry: Entry, process: &Process, program: &sentry::Process) -> Result<u8> {
    let streams = match (&command.console_socket, has_terminal(process)) {
        (Some(path), true) => Streams::of_terminal(make_console(path, bundle::terminal_size(process))?)?,
        (None, false) => Streams::own()?,
        (Some(_), false) => bail!("--console-socket is for programs that want a terminal (--tty)"),
        (None, true) => bail!("a detached program that wants a terminal needs --console-socket"),
    };
    let (mut line, theirs) = UnixStream::pair().to("make a socket")?;
    let mut parts = Some((entry, streams, theirs));
    let child = fork(|| match parts.take() {
        Some((entry, streams, line)) => stand_in(&entry, program, streams, line),
        None => Error::new("").status,
    })?;
    // The child has its copies: the line shows its end.
    drop(parts);
    let mut first = [WELL];
    line.read_exact(&mut first).to("hear from the process that stands for the program")?;
    if first != [WELL] {
        let mut text = String::new();
        line.read_to_string(&mut text).to("hear from the process that stands for the program")?;
        // It ends by itself.
        let _ = child.wait();
        return Err(Error::new(text).with_status(first[0]));
    }
    if let Some(path) = &command.pid_file {
        write_pid(path, child.pid.as_raw_nonzero().get())?;
    }
    line.write_all(&[WELL]).to("let the program go")?;
    Ok(0)
}

/// The life of a process that stands for a detached program. Until its parent lets it go, they end together.
fn stand_in(entry: &Entry, program: &sentry::Process, streams: Streams, mut line: UnixStream) -> u8 {
    match begin(entry, program, streams, &line) {
        Ok((guest, keys)) => {
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

fn begin(entry: &Entry, program: &sentry::Process, streams: Streams, line: &UnixStream) -> Result<(Guest, Keys)> {
    leave_session()?;
    let given = streams.into_given();
    let own =
        [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr(), line.as_fd(), entry.fd.as_fd()];
    let kept: Vec<BorrowedFd<'_>> = own.into_iter().chain(given.descriptors()).collect();
    close_others(&kept)?;
    let mut keys = Keys::catch()?;
    if let Some(terminal) = &given.terminal {
        // It then tells of its size; without that the size stays as it is.
        let _ = rustix::process::ioctl_tiocsctty(&terminal.output);
        keys.watch_size(terminal.output.try_clone().to("copy the terminal")?);
    }
    let guest = Guest(enter(entry, program, &given)?);
    await_start(&guest, &mut keys)?;
    entry.unlock();
    let_go_of_all_streams();
    Ok((guest, keys))
}
