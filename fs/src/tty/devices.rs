//! `/dev/tty` and `/dev/console`: `tty(4)`, `console(4)`.

use super::jobs::Jobs;
use super::pty::Pty;
use super::slave::SlaveFile;
use abi::Errno;
use abi::fs::OpenFlags;
use std::sync::Arc;
use sync::{Fail, Mutex, Rank};
use vfs::{Caller, Device, Opened, Place};

/// The caller's controlling terminal: character device 5, 0.
pub struct TtyDevice {
    jobs: Arc<dyn Jobs>,
}

impl TtyDevice {
    /// Over the processes of the sandbox.
    pub const fn new(jobs: Arc<dyn Jobs>) -> Self {
        Self { jobs }
    }
}

impl Device for TtyDevice {
    fn open(&self, caller: &Caller, _place: &Place, _rdev: u64, flags: OpenFlags) -> Result<Opened, Fail> {
        let pty = self.jobs.terminal(caller.process.session()).ok_or(Errno::ENXIO)?;
        Ok(Opened::File(Box::new(SlaveFile::open(&pty, caller, flags)?)))
    }
}

/// The sandbox's console: character device 5, 1. `ENODEV` until it has one.
pub struct ConsoleDevice {
    pty: Mutex<Option<Arc<Pty>>>,
}

impl ConsoleDevice {
    /// Without a terminal.
    pub const fn new() -> Self {
        Self { pty: Mutex::new(Rank::Leaf, None) }
    }

    /// Makes `pty` the console.
    pub fn set(&self, pty: Arc<Pty>) {
        let old = self.pty.lock().replace(pty);
        drop(old);
    }
}

impl Default for ConsoleDevice {
    fn default() -> Self {
        Self::new()
    }
}

impl Device for ConsoleDevice {
    fn open(&self, caller: &Caller, _place: &Place, _rdev: u64, flags: OpenFlags) -> Result<Opened, Fail> {
        let pty = self.pty.lock().clone().ok_or(Errno::ENODEV)?;
        // The console never becomes a controlling terminal by being opened.
        Ok(Opened::File(Box::new(SlaveFile::open(&pty, caller, flags | OpenFlags::NOCTTY)?)))
    }
}
