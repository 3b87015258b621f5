//! Why a sandbox did not start.

use crate::control::{Report, Stage};
use abi::Errno;
use std::fmt;

/// Why a sandbox did not start.
#[derive(Debug)]
pub struct Failure {
    /// How far it came.
    pub stage: Stage,
    /// What Linux would say, if it is that.
    pub errno: Option<Errno>,
    /// A sentence without its end.
    pub text: String,
}

impl Failure {
    /// The sandbox could not be made.
    pub fn boot(text: impl fmt::Display) -> Self {
        Self { stage: Stage::Boot, errno: None, text: text.to_string() }
    }

    /// As the starter is told.
    pub fn to_report(&self) -> Report {
        let errno = self.errno.map_or(0, |errno| errno.0);
        Report::Failed { stage: self.stage, errno, text: self.text.clone() }
    }

    /// Status as a shell reports it: 127 for a program that is not there, 126 for one that can't be run.
    pub fn status(&self) -> u8 {
        match (self.stage, self.errno) {
            (Stage::Exec, Some(Errno::ENOENT | Errno::ENOTDIR)) => 127,
            (Stage::Exec, _) => 126,
            _ => 125,
        }
    }
}

impl Failure {
    /// What Linux would say, and a sentence.
    pub(crate) fn refused(errno: Errno, text: impl fmt::Display) -> Self {
        Self { stage: Stage::Run, errno: Some(errno), text: text.to_string() }
    }

    /// An order that no command line of this version gives.
    pub(crate) fn nonsense() -> Self {
        Self::refused(Errno::EINVAL, "an order that makes no sense")
    }
}

impl From<host::launch::Error> for Failure {
    fn from(error: host::launch::Error) -> Self {
        Self::boot(error)
    }
}
