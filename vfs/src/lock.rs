//! Locks of files.

/// Locks of one file.
#[derive(Debug, Default)]
pub struct FileLocks {}

impl FileLocks {
    pub(crate) fn new() -> Self {
        Self {}
    }
    pub(crate) fn release_description(&self, _id: u64) {}
    pub(crate) fn release_process(&self, _id: u64) {}
}
