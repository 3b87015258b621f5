//! `nacre exec`.
//!
//! A process of the host stands for the program as long as that runs: this one or, detached, a child of it. It hands
//! on signals and ends with the program's status. Should it be killed, the sandbox kills the program.

mod process;

use crate::bundle::{self, Bundle};
use crate::cli::{Exec, Global};
use crate::container::{Entry, Record, Status, Store, enter, make_console, write_pid};
use crate::error::{Result, bail};
use crate::starter::{Guest, Keys, StandIn, Streams, accompany, await_start, let_go_of_streams};
use oci_spec::runtime::Process;
use std::os::fd::AsFd as _;

/// Runs a further program in a container: its status.
pub(crate) fn run(global: &Global, command: &Exec) -> Result<u8> {
    let entry = Store::new(global).open(&command.id)?;
    let record = entry.read()?;
    match entry.status(&record) {
        // In one that is created the first program waits; others need not.
        Status::Created | Status::Running => {}
        Status::Paused if command.ignore_paused => {}
        Status::Paused => {
            bail!("cannot run a program in container \"{}\": it is paused; resume it or use --ignore-paused", entry.id)
        }
        status => bail!("cannot run a program in container \"{}\": it is not running, but {status}", entry.id),
    }
    let process = process::build(command, Bundle::load(&record.bundle))?;
    let program = bundle::process(&process)?;
    if command.detach {
        detached(command, &entry, &record, &process, &program)
    } else {
        attached(command, entry, &record, &process, &program)
    }
}

fn has_terminal(process: &Process) -> bool {
    process.terminal().unwrap_or(false)
}

fn attached(command: &Exec, entry: Entry, record: &Record, process: &Process, program: &sentry::Process) -> Result<u8> {
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
    let guest = Guest(enter(&entry, record, program, &streams.into_given())?);
    await_start(&guest, &mut keys)?;
    drop(entry);
    if let Some(path) = &command.pid_file {
        write_pid(path, rustix::process::getpid().as_raw_nonzero().get())?;
    }
    let_go_of_streams();
    accompany(&guest, keys)
}

fn detached(
    command: &Exec,
    entry: &Entry,
    record: &Record,
    process: &Process,
    program: &sentry::Process,
) -> Result<u8> {
    let streams = match (&command.console_socket, has_terminal(process)) {
        (Some(path), true) => Streams::of_terminal(make_console(path, bundle::terminal_size(process))?)?,
        (None, false) => Streams::own()?,
        (Some(_), false) => bail!("--console-socket is for programs that want a terminal (--tty)"),
        (None, true) => bail!("a detached program that wants a terminal needs --console-socket"),
    };
    let streams = streams.into_given();
    let mut stand_in = StandIn::start(|beginning| {
        let mut keys = beginning.leave(&[entry.fd.as_fd()], &streams)?;
        let guest = Guest(enter(entry, record, program, &streams)?);
        await_start(&guest, &mut keys)?;
        entry.unlock();
        Ok((guest, keys))
    })?;
    if let Some(path) = &command.pid_file {
        write_pid(path, stand_in.pid())?;
    }
    stand_in.let_go()?;
    Ok(0)
}
