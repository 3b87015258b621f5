//! Stays with a program until its end: hands on signals, brings back the status.

use super::sandbox::reached;
use super::terminal::{Answer, Shared, Wish, window_size};
use crate::error::{Error, Result, Try, bail};
use host::launch::{Arrived, Signals, ignored_signals};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, getpid, kill_process};
use sentry::control::{ConsoleSize, Link, Order, Report, Stage, Target};
use std::os::fd::{AsFd as _, OwnedFd};

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
    terminal: Option<Shared>,
    watched: Option<OwnedFd>,
}

impl Keys {
    /// Catches signals from here on, so that none is lost while the sandbox is made. Ignored ones stay so.
    pub(crate) fn catch() -> Result<Self> {
        let ignored = ignored_signals(HANDED_ON);
        let signals: Vec<u8> = HANDED_ON.iter().copied().filter(|signal| !ignored.contains(signal)).collect();
        Ok(Self { signals: Signals::catch(&signals)?, terminal: None, watched: None })
    }

    /// The sandbox may ask for the terminal among the standard streams.
    pub(crate) fn share_terminal(&mut self) -> Result<()> {
        self.terminal = Shared::of_streams()?;
        Ok(())
    }

    /// The sandbox's own terminal is `terminal`, and controls this process: its size is handed on.
    pub(crate) fn watch_size(&mut self, terminal: OwnedFd) {
        self.watched = Some(terminal);
    }

    fn wish(&mut self, is_urgent: bool) {
        if let Some(terminal) = &mut self.terminal {
            terminal.wish(is_urgent);
        }
    }

    fn size(&self) -> Option<ConsoleSize> {
        let shared = self.terminal.as_ref().map(Shared::size);
        shared.or_else(|| self.watched.as_ref().map(window_size))
    }

    fn have_come(&self) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        matches!(poll(&mut [PollFd::new(&self.signals, PollFlags::IN)], Some(&now)), Ok(1))
    }
}

/// How often a terminal that a program looks at from the background is looked at: nobody tells when its shell
/// brings the program to the foreground.
const GLANCE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// The sandbox as the one who stays with a program in it sees it.
pub(crate) trait Partner {
    /// The program's control connection.
    fn link(&self) -> &Link;

    /// The connection has ended without a report: why.
    fn explain_end(&self) -> Error;

    /// The program has ended: waits until nothing is left of what this process has to reap.
    fn is_gone(&self) {}

    /// Gives it an order.
    fn order(&self, order: &Order) -> Result<()> {
        reached(self.link().order(order))
    }
}

/// Waits until the program runs.
pub(crate) fn await_start(partner: &dyn Partner, keys: &mut Keys) -> Result<()> {
    loop {
        match partner.link().next_report().to("hear from the sandbox")? {
            Some(Report::Done) => return Ok(()),
            Some(Report::Failed { stage, errno, text }) => return Err(failed(stage, errno, text)),
            Some(Report::WantsTerminal { is_urgent }) => keys.wish(is_urgent),
            Some(report) => bail!("the sandbox said {report:?} before its program ran"),
            None => return Err(partner.explain_end()),
        }
    }
}

/// Stays with the program to its end: the status to exit with. The terminal is then as it was.
pub(crate) fn accompany(sandbox: &dyn Partner, mut keys: Keys) -> Result<u8> {
    lend(sandbox, &mut keys)?;
    // Most of it was for making the sandbox.
    host::memory::let_go_of_code();
    let status = loop {
        let (report, signal) = wait(sandbox, &keys)?;
        if signal {
            while let Some(arrived) = keys.signals.next() {
                hand_on(sandbox, &mut keys, arrived)?;
            }
        }
        if !report {
            lend(sandbox, &mut keys)?;
            continue;
        }
        match sandbox.link().next_report().to("hear from the sandbox")? {
            Some(Report::Exited { status }) => break Ok(status),
            Some(Report::Failed { stage, errno, text }) => break Err(failed(stage, errno, text)),
            Some(Report::WantsTerminal { is_urgent }) => {
                keys.wish(is_urgent);
                lend(sandbox, &mut keys)?;
            }
            Some(_) => {}
            None => break Err(sandbox.explain_end()),
        }
    };
    // Nothing of it is left when this process ends.
    sandbox.is_gone();
    drop(keys);
    status
}

/// Waits for a report (or the end) and signals.
fn wait(sandbox: &dyn Partner, keys: &Keys) -> Result<(bool, bool)> {
    let mut fds = [
        PollFd::from_borrowed_fd(sandbox.link().as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(keys.signals.as_fd(), PollFlags::IN),
    ];
    let is_watching = keys.terminal.as_ref().is_some_and(|terminal| terminal.open_wish() == Some(Wish::Soft));
    let patience = is_watching.then_some(&GLANCE);
    loop {
        match poll(&mut fds, patience) {
            Ok(_) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).to("wait for the sandbox"),
        }
    }
    Ok((!fds[0].revents().is_empty(), !fds[1].revents().is_empty()))
}

/// Lends the terminal if the sandbox wants it and it can be had.
fn lend(sandbox: &dyn Partner, keys: &mut Keys) -> Result<()> {
    let Some(terminal) = &mut keys.terminal else { return Ok(()) };
    match terminal.answer()? {
        Answer::Later => Ok(()),
        Answer::Lent => {
            sandbox.order(&Order::Resize(terminal.size()))?;
            sandbox.order(&Order::LendTerminal)
        }
        Answer::InBackground => {
            sandbox.order(&Order::Signal { signal: SIGSTOP, target: Target::InitGroup })?;
            terminal.ask_shell()?;
            // A shell that goes on with it says so; the wish is then looked at anew. Else nobody stopped it: SIGTTIN
            // is ignored, or the process group is orphaned.
            if keys.have_come() {
                return Ok(());
            }
            if let Some(terminal) = &mut keys.terminal {
                terminal.forget_wish();
            }
            sandbox.order(&Order::RefuseTerminal)?;
            sandbox.order(&Order::Signal { signal: SIGCONT, target: Target::InitGroup })
        }
    }
}

fn hand_on(sandbox: &dyn Partner, keys: &mut Keys, arrived: Arrived) -> Result<()> {
    let target = if arrived.is_from_kernel { Target::InitGroup } else { Target::Init };
    match (arrived.signal, keys.size()) {
        (SIGWINCH, Some(size)) => sandbox.order(&Order::Resize(size)),
        (SIGTSTP, _) => stop(sandbox, keys),
        (SIGCONT, _) => sandbox.order(&Order::Signal { signal: SIGCONT, target: Target::InitGroup }),
        (signal, _) => sandbox.order(&Order::Signal { signal, target }),
    }
}

/// Stops the program and then this process, so that the shell that started it can go on; returns when it is
/// continued.
fn stop(sandbox: &dyn Partner, keys: &mut Keys) -> Result<()> {
    sandbox.order(&Order::Signal { signal: SIGSTOP, target: Target::InitGroup })?;
    if keys.terminal.as_mut().is_some_and(Shared::take_back) {
        sandbox.order(&Order::TakeTerminalBack)?;
    }
    kill_process(getpid(), Signal::STOP).to("stop")
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
