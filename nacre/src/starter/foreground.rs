//! Stays with a sandbox until its end: hands on signals, brings back the status.

use super::sandbox::Sandbox;
use super::terminal::Raw;
use crate::error::{Error, Result, Try};
use host::launch::{Arrived, Signals, ignored_signals};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, getpid, kill_process};
use sentry::control::{Order, Report, Stage, Target};
use std::os::fd::AsFd as _;

const SIGSTOP: u8 = 19;
const SIGCONT: u8 = 18;
const SIGTSTP: u8 = 20;
const SIGWINCH: u8 = 28;

/// HUP INT QUIT USR1 USR2 ALRM TERM CONT TSTP VTALRM PROF WINCH IO PWR: all that do not tell of this process's
/// own doings.
const HANDED_ON: &[u8] = &[1, 2, 3, 10, 12, 14, 15, SIGCONT, SIGTSTP, 26, 27, SIGWINCH, 29, 30];

/// Signals that came for the sandbox, and its terminal.
pub(crate) struct Keys {
    signals: Signals,
    raw: Option<Raw>,
}

impl Keys {
    /// Catches signals from here on, so that none is lost while the sandbox is made. Ignored ones stay so.
    pub(crate) fn catch() -> Result<Self> {
        let ignored = ignored_signals(HANDED_ON);
        let signals: Vec<u8> = HANDED_ON.iter().copied().filter(|signal| !ignored.contains(signal)).collect();
        Ok(Self { signals: Signals::catch(&signals)?, raw: None })
    }

    /// The terminal's keys go to the sandbox.
    pub(crate) fn take_terminal(&mut self, raw: Raw) {
        self.raw = Some(raw);
    }
}

/// Stays with the sandbox to its end: the status to exit with. The terminal is then as it was.
pub(crate) fn accompany(sandbox: &Sandbox, keys: Keys) -> Result<u8> {
    let status = loop {
        let (report, signal) = wait(sandbox, &keys)?;
        if signal {
            while let Some(arrived) = keys.signals.next() {
                hand_on(sandbox, &keys, arrived)?;
            }
        }
        if !report {
            continue;
        }
        match sandbox.link.next_report().to("hear from the sandbox")? {
            Some(Report::Exited { status }) => break Ok(status),
            Some(Report::Failed { stage, errno, text }) => break Err(failed(stage, errno, text)),
            Some(_) => {}
            None => break Err(sandbox.explain_end()),
        }
    };
    // Nothing of it is left when this process ends. An error means that it is reaped already.
    let _ = sandbox.child.wait();
    drop(keys);
    status
}

/// Waits for a report (or the end) and signals.
fn wait(sandbox: &Sandbox, keys: &Keys) -> Result<(bool, bool)> {
    let mut fds = [
        PollFd::from_borrowed_fd(sandbox.link.as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(keys.signals.as_fd(), PollFlags::IN),
    ];
    loop {
        match poll(&mut fds, None) {
            Ok(_) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).to("wait for the sandbox"),
        }
    }
    Ok((!fds[0].revents().is_empty(), !fds[1].revents().is_empty()))
}

fn hand_on(sandbox: &Sandbox, keys: &Keys, arrived: Arrived) -> Result<()> {
    let target = if arrived.is_from_kernel { Target::InitGroup } else { Target::Init };
    match (arrived.signal, &keys.raw) {
        (SIGWINCH, Some(raw)) => sandbox.order(&Order::Resize(raw.size())),
        (SIGTSTP, _) => stop(sandbox, keys),
        (SIGCONT, _) => sandbox.order(&Order::Signal { signal: SIGCONT, target: Target::InitGroup }),
        (signal, _) => sandbox.order(&Order::Signal { signal, target }),
    }
}

/// Stops the program and then this process, so that the shell that started it can go on; returns when it is
/// continued.
fn stop(sandbox: &Sandbox, keys: &Keys) -> Result<()> {
    sandbox.order(&Order::Signal { signal: SIGSTOP, target: Target::InitGroup })?;
    if let Some(raw) = &keys.raw {
        raw.suspend();
    }
    kill_process(getpid(), Signal::STOP).to("stop")?;
    match &keys.raw {
        Some(raw) => raw.resume().to("take the terminal again"),
        None => Ok(()),
    }
}

/// As shells do: 127 for a program that is not there, 126 for one that can't be run.
fn failed(stage: Stage, errno: u16, text: String) -> Error {
    let status = match (stage, abi::Errno(errno)) {
        (Stage::Exec, abi::Errno::ENOENT | abi::Errno::ENOTDIR) => 127,
        (Stage::Exec, _) => 126,
        _ => 125,
    };
    Error::new(text).with_status(status)
}
