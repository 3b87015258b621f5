//! The guest's machine and its first program.

use crate::control::{ConsoleSize, Stage, Target};
use crate::failure::Failure;
use crate::launch::Reach;
use crate::plan::{Descriptors, Plan};
use abi::Errno;

/// The guest's machine.
pub(crate) struct Machine {}

/// The first program, running.
pub(crate) struct Program {}

impl Machine {
    /// Builds it. Before the sentry is locked down.
    pub(crate) fn build(plan: &Plan, reach: Reach, given: &mut Descriptors) -> Result<Self, Failure> {
        let _ = (plan, reach, given);
        Ok(Self {})
    }

    /// Loads and starts the first program.
    pub(crate) fn start(&self) -> Result<Program, Failure> {
        Err(Failure { stage: Stage::Exec, errno: Some(Errno::ENOSYS), text: "cannot run anything yet".to_owned() })
    }

    /// Sends a signal from outside.
    pub(crate) fn signal(&self, signal: u8, target: Target) -> Result<(), Errno> {
        let _ = (signal, target);
        Err(Errno::ENOSYS)
    }

    /// The host's terminal has another size.
    pub(crate) fn resize(&self, size: ConsoleSize) {
        let _ = size;
    }
}

impl Program {
    /// Waits for its end: status as a shell reports it.
    pub(crate) fn wait(&self) -> u8 {
        0
    }
}
