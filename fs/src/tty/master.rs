//! The master side: what a terminal emulator holds.

use super::ioctl::{self, Side};
use super::pty::Pty;
use super::slave::write_all;
use abi::poll::Events;
use mm::{Sink, Source, UserMemory};
use std::sync::Arc;
use sync::{Fail, WaitQueue};
use vfs::{File, Io};

/// Most bytes that one read moves.
const CHUNK: usize = 65536;

/// Called when a pseudoterminal's master is gone: its number is free.
pub(crate) trait Release: Send + Sync {
    /// The number `index` is free.
    fn release(&self, index: u32);
}

/// The open file of the master. There is one; when it goes, the slave hangs up.
pub struct MasterFile {
    pty: Arc<Pty>,
    home: Arc<dyn Release>,
}

impl MasterFile {
    /// The master of `pty`, whose number goes back `home` in the end.
    pub(crate) fn new(pty: Arc<Pty>, home: Arc<dyn Release>) -> Self {
        Self { pty, home }
    }

    /// The terminal.
    pub const fn pty(&self) -> &Arc<Pty> {
        &self.pty
    }
}

impl Drop for MasterFile {
    fn drop(&mut self) {
        self.pty.close_master();
        self.home.release(self.pty.index());
    }
}

impl File for MasterFile {
    fn read(&self, io: &Io<'_>, dst: &mut dyn Sink, _offset: &mut u64) -> Result<usize, Fail> {
        let room = dst.room().min(CHUNK);
        if room == 0 {
            return Ok(0);
        }
        let queue = self.pty.master_queue();
        let bytes =
            io.caller.retry(queue, Events::IN | Events::HUP, io.is_nonblock(), || self.pty.take_output(room))?;
        Ok(dst.put(&bytes)?)
    }

    fn write(&self, io: &Io<'_>, src: &mut dyn Source, _offset: &mut u64) -> Result<usize, Fail> {
        write_all(io, src, self.pty.master_queue(), &|bytes| self.pty.input(bytes))
    }

    fn readiness(&self) -> Events {
        self.pty.master_readiness()
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(self.pty.master_queue())
    }

    fn sends_signals(&self) -> bool {
        true
    }

    fn ioctl(&self, io: &Io<'_>, command: u32, arg: u64, memory: &dyn UserMemory) -> Result<u64, Fail> {
        ioctl::ioctl(&self.pty, Side::Master, io, command, arg, memory)
    }

    fn fdinfo(&self) -> String {
        format!("tty-index:\t{}\n", self.pty.index())
    }
}
