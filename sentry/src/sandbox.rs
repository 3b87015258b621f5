//! A sandbox as its control sees it.

use crate::boot::{Machine, Running};
use crate::control::{ConsoleSize, Link, Order, Phase, Report, Stage, Target};
use crate::failure::Failure;
use abi::Errno;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use sync::{Mutex, Rank};

/// A sandbox as its control sees it.
pub(crate) struct Sandbox {
    machine: Machine,
    link: Link,
    phase: Mutex<Phase>,
    turns: Sender<Turn>,
}

/// What happens to a sandbox that has not started.
enum Turn {
    /// Its program runs.
    Started(Running),
    /// It has ended with this status.
    Ended(u8),
}

/// The end of a sandbox, to wait for.
pub(crate) struct Ending {
    sandbox: Arc<Sandbox>,
    turns: Receiver<Turn>,
}

impl Ending {
    /// Status of the first process as a shell reports it.
    pub(crate) fn wait(self) -> u8 {
        let status = match self.turns.recv() {
            Ok(Turn::Started(program)) => program.wait(),
            Ok(Turn::Ended(status)) => status,
            // The sandbox holds the sender.
            Err(_) => Failure::boot("").status(),
        };
        *self.sandbox.phase.lock() = Phase::Stopped;
        status
    }
}

/// Signals that end a container whose program has not started, as they end one without handlers.
const FATAL: &[u8] = &[1, 2, 3, 6, 9, 15];

impl Sandbox {
    /// A sandbox whose program has not started. Reports go to `link`.
    pub(crate) fn new(machine: Machine, link: Link) -> (Arc<Self>, Ending) {
        let (sender, turns) = channel();
        let phase = Mutex::new(Rank::Control, Phase::Created);
        let sandbox = Arc::new(Self { machine, link, phase, turns: sender });
        (Arc::clone(&sandbox), Ending { sandbox, turns })
    }

    /// Tells the starter, if it still listens.
    pub(crate) fn say(&self, report: &Report) {
        let _ = self.link.report(report);
    }

    /// The link to the starter.
    pub(crate) const fn link(&self) -> &Link {
        &self.link
    }

    /// Starts the program.
    pub(crate) fn start(&self) -> Result<(), Failure> {
        let mut phase = self.phase.lock();
        if *phase != Phase::Created {
            let text = "cannot start a container that has been started before".to_owned();
            return Err(Failure { stage: Stage::Run, errno: Some(Errno::EINVAL), text });
        }
        let program = self.machine.start()?;
        *phase = Phase::Running;
        // Without a receiver the end is under way.
        let _ = self.turns.send(Turn::Started(program));
        Ok(())
    }

    /// The program will never start: the sandbox has ended with this status.
    pub(crate) fn end(&self, status: u8) {
        *self.phase.lock() = Phase::Stopped;
        let _ = self.turns.send(Turn::Ended(status));
    }

    /// Carries out an order and answers it.
    pub(crate) fn carry_out(&self, order: &Order) -> Report {
        let result = match order {
            Order::Proceed | Order::Detach | Order::Listen => Ok(()),
            Order::Start => self.start(),
            Order::Signal { signal, target } => self.signal(*signal, *target),
            Order::Resize(size) => {
                self.resize(*size);
                Ok(())
            }
            Order::LendTerminal | Order::TakeTerminalBack | Order::RefuseTerminal => {
                self.machine.lend_terminal(order);
                Ok(())
            }
            Order::Pause => self.pause(),
            Order::Resume => self.resume(),
            Order::State => return Report::State(self.phase()),
        };
        match result {
            Ok(()) => Report::Done,
            Err(failure) => failure.to_report(),
        }
    }

    /// Where it is in its life.
    fn phase(&self) -> Phase {
        match *self.phase.lock() {
            Phase::Created | Phase::Running if self.machine.is_paused() => Phase::Paused,
            phase => phase,
        }
    }

    fn pause(&self) -> Result<(), Failure> {
        match self.phase() {
            Phase::Created | Phase::Running if self.machine.pause() => Ok(()),
            Phase::Created | Phase::Running => Err(refusal(Errno::EBUSY, "one of its programs does not stop")),
            Phase::Paused | Phase::Stopped => Err(refusal(Errno::EINVAL, "the container is not running")),
        }
    }

    fn resume(&self) -> Result<(), Failure> {
        if self.phase() != Phase::Paused {
            return Err(refusal(Errno::EINVAL, "the container is not paused"));
        }
        self.machine.resume();
        Ok(())
    }

    /// The host's terminal has another size.
    pub(crate) fn resize(&self, size: ConsoleSize) {
        self.machine.resize(size);
    }

    fn signal(&self, signal: u8, target: Target) -> Result<(), Failure> {
        let phase = *self.phase.lock();
        let refused = |errno: Errno| {
            let text = format!("cannot send signal {signal}: {}", errno.text());
            Failure { stage: Stage::Run, errno: Some(errno), text }
        };
        match phase {
            _ if signal > 64 => Err(refused(Errno::EINVAL)),
            Phase::Created => {
                if FATAL.contains(&signal) {
                    self.end(128 + signal);
                }
                Ok(())
            }
            Phase::Running | Phase::Paused => self.machine.signal(signal, target).map_err(refused),
            Phase::Stopped => Err(refused(Errno::ESRCH)),
        }
    }
}

fn refusal(errno: Errno, text: &str) -> Failure {
    Failure { stage: Stage::Run, errno: Some(errno), text: text.to_owned() }
}
