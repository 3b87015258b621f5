//! A sandbox as its control sees it.

use crate::boot::Machine;
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
    ended: Sender<u8>,
}

/// The end of a sandbox, to wait for.
pub(crate) struct Ending(Receiver<u8>);

impl Ending {
    /// Status of the first process as a shell reports it.
    pub(crate) fn wait(self) -> u8 {
        // The sender lives as long as the control thread; should that be gone, so is everything.
        self.0.recv().unwrap_or(Failure::boot("").status())
    }
}

/// Signals that end a container whose program has not started, as they end one without handlers.
const FATAL: &[u8] = &[1, 2, 3, 6, 9, 15];

impl Sandbox {
    /// A sandbox whose program has not started. Reports go to `link`.
    pub(crate) fn new(machine: Machine, link: Link) -> (Arc<Self>, Ending) {
        let (ended, ending) = channel();
        let phase = Mutex::new(Rank::Control, Phase::Created);
        (Arc::new(Self { machine, link, phase, ended }), Ending(ending))
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
    pub(crate) fn start(self: &Arc<Self>) -> Result<(), Failure> {
        let mut phase = self.phase.lock();
        if *phase != Phase::Created {
            let text = "cannot start a container that has been started before".to_owned();
            return Err(Failure { stage: Stage::Run, errno: Some(Errno::EINVAL), text });
        }
        let program = self.machine.start()?;
        *phase = Phase::Running;
        drop(phase);
        let sandbox = Arc::clone(self);
        std::thread::Builder::new()
            .name("ending".into())
            .stack_size(64 << 10)
            .spawn(move || sandbox.end(program.wait()))
            .map_err(|error| Failure::boot(format_args!("cannot wait for the program: {error}")))?;
        Ok(())
    }

    /// The first process has ended with this status, or will never start.
    pub(crate) fn end(&self, status: u8) {
        *self.phase.lock() = Phase::Stopped;
        // Without a receiver the end is under way.
        let _ = self.ended.send(status);
    }

    /// Carries out an order and answers it.
    pub(crate) fn carry_out(self: &Arc<Self>, order: &Order) -> Report {
        let result = match order {
            Order::Proceed | Order::Detach => Ok(()),
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
            Order::State => return Report::State(*self.phase.lock()),
        };
        match result {
            Ok(()) => Report::Done,
            Err(failure) => failure.to_report(),
        }
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
            Phase::Running => self.machine.signal(signal, target).map_err(refused),
            Phase::Stopped => Err(refused(Errno::ESRCH)),
        }
    }
}
