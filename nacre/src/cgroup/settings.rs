//! A value for a file of a control group.

use std::fs;
use std::io;
use std::path::Path;

/// A value for a file of a control group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// The file.
    pub file: String,
    /// What is written.
    pub value: String,
}

impl Setting {
    /// Of a file by name.
    pub(super) fn new(file: &str, value: impl ToString) -> Self {
        Self { file: file.to_owned(), value: value.to_string() }
    }

    /// Writes it to the group at `dir`.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        let path = dir.join(&self.file);
        fs::write(&path, &self.value).map_err(|error| {
            let hint = if error.kind() == io::ErrorKind::NotFound { "; the host lacks this limit" } else { "" };
            io::Error::new(error.kind(), format!("cannot write {:?} to {}: {error}{hint}", self.value, path.display()))
        })
    }
}

/// What the host counts for a guest that may have `limit` tasks: a thread of the sentry and one of a stub for
/// each, and those of the sentry itself. The guest's own limit is the sentry's business.
pub(super) const fn host_pids(limit: i64) -> i64 {
    limit.saturating_mul(2).saturating_add(256)
}
