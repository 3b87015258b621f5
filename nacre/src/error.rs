//! What went wrong, in a sentence that says what to do.

use std::fmt;

/// What went wrong, and the status to exit with.
#[derive(Debug)]
pub(crate) struct Error {
    text: String,
    /// Status to exit with.
    pub status: u8,
}

/// Result of a command or a part of it.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Status of an OCI command that failed.
const FAILED: u8 = 1;

impl Error {
    /// The sentence.
    pub(crate) fn new(text: impl fmt::Display) -> Self {
        Self { text: text.to_string(), status: FAILED }
    }

    /// With another status to exit with.
    pub(crate) const fn with_status(mut self, status: u8) -> Self {
        self.status = status;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl From<host::launch::Error> for Error {
    fn from(error: host::launch::Error) -> Self {
        Self::new(error)
    }
}

/// Names what was tried.
pub(crate) trait Try<T> {
    /// `what` as "cannot ..." goes on.
    fn to(self, what: impl fmt::Display) -> Result<T>;
}

impl<T, E: fmt::Display> Try<T> for std::result::Result<T, E> {
    fn to(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Error::new(format_args!("cannot {what}: {error}")))
    }
}

/// Ends with an error, formatted as by `format!`.
macro_rules! bail {
    ($($arg:tt)*) => {
        return Err($crate::error::Error::new(format_args!($($arg)*)))
    };
}
pub(crate) use bail;
