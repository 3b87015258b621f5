//! The life of a container as its control sees it.

use crate::boot::{Container, Running};
use crate::control::{Link, Order, Outfit, Phase, Report, Stage, Target, unpack};
use crate::failure::Failure;
use crate::plan::{Process, Streams};
use abi::Errno;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use sync::{Mutex, Rank};

/// The life of a container as its control sees it.
pub(crate) struct Life {
    container: Container,
    phase: Mutex<Phase>,
    turns: Sender<Turn>,
}

/// What happens to a container that has not started.
enum Turn {
    /// Its program runs.
    Started(Running),
    /// It has ended with this status.
    Ended(u8),
}

/// The end of a container, to wait for.
pub(crate) struct Ending {
    life: Arc<Life>,
    turns: Receiver<Turn>,
}

impl Ending {
    /// Status of the first process as a shell reports it.
    pub(crate) fn wait(self) -> u8 {
        let status = match self.turns.recv() {
            Ok(Turn::Started(program)) => program.wait(),
            Ok(Turn::Ended(status)) => status,
            // The life holds the sender.
            Err(_) => Failure::boot("").status(),
        };
        *self.life.phase.lock() = Phase::Stopped;
        status
    }
}

/// Signals that end a container whose program has not started, as they end one without handlers.
const FATAL: &[u8] = &[1, 2, 3, 6, 9, 15];

impl Life {
    /// That of a container whose program has not started.
    pub(crate) fn new(container: Container) -> (Arc<Self>, Ending) {
        let (sender, turns) = channel();
        let phase = Mutex::new(Rank::Control, Phase::Created);
        let life = Arc::new(Self { container, phase, turns: sender });
        (Arc::clone(&life), Ending { life, turns })
    }

    /// The container.
    pub(crate) const fn container(&self) -> &Container {
        &self.container
    }

    /// Starts the program.
    pub(crate) fn start(&self) -> Result<(), Failure> {
        let mut phase = self.phase.lock();
        if *phase != Phase::Created {
            return Err(Failure::refused(Errno::EINVAL, "cannot start a container that has been started before"));
        }
        let program = self.container.start()?;
        *phase = Phase::Running;
        // Without a receiver the end is under way.
        let _ = self.turns.send(Turn::Started(program));
        Ok(())
    }

    /// The program will never start: the container has ended with this status.
    pub(crate) fn end(&self, status: u8) {
        *self.phase.lock() = Phase::Stopped;
        let _ = self.turns.send(Turn::Ended(status));
    }

    /// Nobody cares for the container any more: it ends.
    pub(crate) fn abandon(&self) {
        let phase = *self.phase.lock();
        if phase == Phase::Created {
            self.end(137);
        }
        self.container.kill();
        self.container.release();
    }

    /// A container whose program can't be started has ended.
    pub(crate) fn end_after(&self, order: &Order, report: &Report) {
        if let (Order::Start, Report::Failed { stage: stage @ Stage::Exec, errno, .. }) = (order, report) {
            let failure = Failure { stage: *stage, errno: Some(Errno(*errno)), text: String::new() };
            self.end(failure.status());
        }
    }

    /// Runs a further program: [`Order::Enter`].
    pub(crate) fn enter(&self, outfit: &Outfit, fds: Vec<OwnedFd>, link: &Link) -> Result<Running, Failure> {
        let mut fds = fds.into_iter();
        let process = fds.next().map(unpack::<Process>).transpose();
        let (Ok(Some(process)), Some(streams)) = (process, Streams::from_outfit(outfit, fds)) else {
            return Err(Failure::nonsense());
        };
        if *self.phase.lock() == Phase::Stopped {
            return Err(Failure::refused(Errno::ESRCH, "cannot run another program: the container has ended"));
        }
        self.container.enter(process, streams, link)
    }

    /// Carries out an order and answers it.
    pub(crate) fn carry_out(&self, order: &Order) -> Report {
        let result = match order {
            Order::Proceed | Order::Detach | Order::Listen => Ok(()),
            // Those of a connection, not of a container.
            Order::Enter(_) | Order::For(_) | Order::Trees | Order::Make { .. } => Err(Failure::nonsense()),
            Order::Start => self.start(),
            Order::Signal { signal, target } => self.signal(*signal, *target),
            Order::Resize(size) => {
                self.container.resize(*size);
                Ok(())
            }
            Order::LendTerminal | Order::TakeTerminalBack | Order::RefuseTerminal => {
                self.container.lend_terminal(order);
                Ok(())
            }
            Order::Pause => self.pause(),
            Order::Resume => self.resume(),
            Order::Limit { tasks, memory } => {
                self.container.limit(*tasks, *memory);
                Ok(())
            }
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
            Phase::Created | Phase::Running if self.container.is_paused() => Phase::Paused,
            phase => phase,
        }
    }

    fn pause(&self) -> Result<(), Failure> {
        match self.phase() {
            Phase::Created | Phase::Running if self.container.pause() => Ok(()),
            Phase::Created | Phase::Running => Err(Failure::refused(Errno::EBUSY, "one of its programs does not stop")),
            Phase::Paused | Phase::Stopped => Err(Failure::refused(Errno::EINVAL, "the container is not running")),
        }
    }

    fn resume(&self) -> Result<(), Failure> {
        if self.phase() != Phase::Paused {
            return Err(Failure::refused(Errno::EINVAL, "the container is not paused"));
        }
        self.container.resume();
        Ok(())
    }

    fn signal(&self, signal: u8, target: Target) -> Result<(), Failure> {
        let phase = *self.phase.lock();
        let refused =
            |errno: Errno| Failure::refused(errno, format_args!("cannot send signal {signal}: {}", errno.text()));
        match phase {
            _ if signal > 64 => Err(refused(Errno::EINVAL)),
            Phase::Created => {
                if FATAL.contains(&signal) {
                    self.end(128 + signal);
                }
                Ok(())
            }
            Phase::Running | Phase::Paused => self.container.signal(signal, target).map_err(refused),
            Phase::Stopped => Err(refused(Errno::ESRCH)),
        }
    }
}
