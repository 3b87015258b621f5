//! Pipes.

use crate::open_file::OpenFile;
use abi::fs::OpenFlags;
use std::sync::Arc;

/// The buffer of a pipe or FIFO.
pub struct Pipe {}

impl Pipe {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {})
    }
}
