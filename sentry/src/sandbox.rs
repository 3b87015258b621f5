//! A sandbox as its control sees it.

use crate::boot::{Container, Running};
use crate::control::{ConsoleSize, Link, Order, Outfit, Phase, Report, Stage, Target, unpack};
use crate::failure::Failure;
use crate::plan::{Process, Streams};
use abi::Errno;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, PoisonError};
use std::thread;
use std::time::Duration;
use sync::{Mutex, Rank};

/// A sandbox as its control sees it.
pub(crate) struct Sandbox {
    container: Container,
    link: Link,
    phase: Mutex<Phase>,
    turns: Sender<Turn>,
    visitors: Visitors,
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
        self.sandbox.visitors.await_leave();
        status
    }
}

/// Programs beside the first whose ends are still to be told.
#[derive(Default)]
struct Visitors {
    count: std::sync::Mutex<usize>,
    left: Condvar,
}

impl Visitors {
    /// Longest wait for those whose terminals take nothing.
    const PATIENCE: Duration = Duration::from_secs(1);

    fn change(&self, change: impl FnOnce(usize) -> usize) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count = change(*count);
        self.left.notify_all();
    }

    fn await_leave(&self) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.left.wait_timeout_while(count, Self::PATIENCE, |count| *count > 0));
    }
}

/// Signals that end a container whose program has not started, as they end one without handlers.
const FATAL: &[u8] = &[1, 2, 3, 6, 9, 15];

impl Sandbox {
    /// A sandbox whose program has not started. Reports go to `link`.
    pub(crate) fn new(container: Container, link: Link) -> (Arc<Self>, Ending) {
        let (sender, turns) = channel();
        let phase = Mutex::new(Rank::Control, Phase::Created);
        let sandbox = Arc::new(Self { container, link, phase, turns: sender, visitors: Visitors::default() });
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
        let program = self.container.start()?;
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

    /// Runs a further program: [`Order::Enter`].
    pub(crate) fn enter(&self, outfit: &Outfit, fds: Vec<OwnedFd>, link: &Link) -> Result<Running, Failure> {
        let mut fds = fds.into_iter();
        let process = fds.next().map(unpack::<Process>).transpose();
        let (Ok(Some(process)), Some(streams)) = (process, Streams::from_outfit(outfit, fds)) else {
            return Err(Failure::refused(Errno::EINVAL, "an order that makes no sense"));
        };
        self.container.enter(process, streams, link)
    }

    /// Tells of the end of such a program.
    pub(crate) fn watch(self: &Arc<Self>, running: &Running, link: &Link) {
        self.visitors.change(|count| count + 1);
        let (sandbox, program, link) = (self.clone(), running.clone(), link.share());
        let watch = move || {
            let status = program.wait();
            program.release();
            // Who asked may be gone.
            let _ = link.and_then(|link| link.report(&Report::Exited { status }));
            sandbox.visitors.change(|count| count - 1);
        };
        if thread::Builder::new().name("visitor".into()).stack_size(128 << 10).spawn(watch).is_err() {
            // Nobody would tell of its end.
            self.visitors.change(|count| count - 1);
            running.end();
        }
    }

    /// Carries out an order and answers it.
    pub(crate) fn carry_out(&self, order: &Order) -> Report {
        let result = match order {
            Order::Proceed | Order::Detach | Order::Listen => Ok(()),
            Order::Enter(_) => Err(Failure::refused(Errno::EINVAL, "an order that makes no sense")),
            Order::Start => self.start(),
            Order::Signal { signal, target } => self.signal(*signal, *target),
            Order::Resize(size) => {
                self.resize(*size);
                Ok(())
            }
            Order::LendTerminal | Order::TakeTerminalBack | Order::RefuseTerminal => {
                self.container.lend_terminal(order);
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

    /// The host's terminal has another size.
    pub(crate) fn resize(&self, size: ConsoleSize) {
        self.container.resize(size);
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
            Phase::Running | Phase::Paused => self.container.signal(signal, target).map_err(refused),
            Phase::Stopped => Err(refused(Errno::ESRCH)),
        }
    }
}
