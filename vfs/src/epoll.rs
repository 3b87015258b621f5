//! Epoll.

use crate::file::File;

/// Epoll items that watch an open file.
#[derive(Debug, Default)]
pub(crate) struct Watchers {}

impl Watchers {
    pub(crate) fn new() -> Self {
        Self {}
    }
    pub(crate) fn close(&self, _ops: &dyn File) {}
}
