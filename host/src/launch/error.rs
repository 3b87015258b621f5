//! What went wrong, and at which step.

use std::fmt;
use std::io;

/// A step of the launch that failed.
#[derive(Debug)]
pub struct Error {
    /// The step, as "cannot ..." goes on: `mount /proc`.
    pub step: String,
    /// What the host kernel said.
    pub source: io::Error,
}

/// Result of a step.
pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "cannot {}: {}", self.step, self.source)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Names the step of a host call.
pub trait Context<T> {
    /// `step` as "cannot ..." goes on.
    fn step(self, step: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<io::Error>> Context<T> for std::result::Result<T, E> {
    fn step(self, step: impl Into<String>) -> Result<T> {
        self.map_err(|error| Error { step: step.into(), source: error.into() })
    }
}
