//! The slave side: what programs use as a terminal.

use super::ioctl::{self, Side};
use super::pty::{Pty, SIGTTIN};
use abi::Errno;
use abi::fs::OpenFlags;
use abi::poll::Events;
use abi::tty::cc;
use mm::{Sink, Source, UserMemory};
use std::sync::Arc;
use std::time::Duration;
use sync::{Deadline, Fail, WaitQueue};
use vfs::{Caller, Capability, File, Io};

/// Bytes that one step of a write moves.
const CHUNK: usize = 4096;

/// An open file of the slave.
pub struct SlaveFile {
    pty: Arc<Pty>,
    generation: u64,
}

impl SlaveFile {
    /// Opens the slave; it becomes the controlling terminal of a session leader without one.
    pub fn open(pty: &Arc<Pty>, caller: &Caller, flags: OpenFlags) -> Result<Self, Errno> {
        let generation = pty.open_slave(caller.creds.has_in_root(Capability::SysAdmin))?;
        let file = Self { pty: pty.clone(), generation };
        let process = &caller.process;
        let is_readable = flags.bits() & OpenFlags::ACCMODE.bits() != OpenFlags::WRONLY.bits();
        if !flags.contains(OpenFlags::NOCTTY)
            && is_readable
            && process.pid() == process.session()
            && pty.look(|state| state.control.is_none())
            && pty.jobs().terminal(process.session()).is_none()
        {
            pty.acquire(caller);
        }
        Ok(file)
    }

    /// The terminal.
    pub const fn pty(&self) -> &Arc<Pty> {
        &self.pty
    }

    /// A canonical read: one line, or less.
    fn read_line(&self, io: &Io<'_>, max: usize) -> Result<Vec<u8>, Fail> {
        io.caller.retry(self.pty.slave_queue(), Events::IN | Events::HUP, io.is_nonblock(), || self.take(max))
    }

    /// What is there: `EAGAIN` for nothing, empty after a hang-up.
    fn take(&self, max: usize) -> Result<Vec<u8>, Errno> {
        if self.pty.is_hung_up(self.generation) {
            return Ok(Vec::new());
        }
        if let Some(bytes) = self.pty.update(|state| state.line.read(max)) {
            return Ok(bytes);
        }
        self.pty.want(true)?;
        Err(Errno::EAGAIN)
    }

    /// Waits for bytes; nothing when the time is over.
    fn wait(&self, io: &Io<'_>, max: usize, deadline: Option<Deadline>) -> Result<Vec<u8>, Fail> {
        let events = Events::IN | Events::HUP;
        let waited = io.caller.block(self.pty.slave_queue(), events, deadline, || match self.take(max) {
            Err(Errno::EAGAIN) => None,
            other => Some(other),
        });
        match waited {
            Err(Fail::Errno(Errno::EAGAIN)) => Ok(Vec::new()),
            other => other?.map_err(Fail::Errno),
        }
    }

    /// A raw read: `VMIN` and `VTIME` of `termios(3)`.
    fn read_raw(&self, io: &Io<'_>, max: usize) -> Result<Vec<u8>, Fail> {
        let (min, time) = self.pty.look(|state| {
            let cc = &state.line.termios.cc;
            (usize::from(cc[cc::VMIN]), Duration::from_millis(100 * u64::from(cc[cc::VTIME])))
        });
        // Without a minimum the time counts from the call on, with one between bytes.
        let mut deadline = if min == 0 { Deadline::after(time) } else { None };
        let enough = min.clamp(1, max);
        let mut got = Vec::new();
        while got.len() < enough {
            let room = max - got.len();
            let step = match self.take(room) {
                Err(Errno::EAGAIN) if min == 0 && time.is_zero() => return Ok(got),
                Err(Errno::EAGAIN) if !io.is_nonblock() => self.wait(io, room, deadline),
                other => other.map_err(Fail::Errno),
            };
            match step {
                // A hang-up, or the time is over: that of the call or that since the last byte.
                Ok(bytes) if bytes.is_empty() => return Ok(got),
                Ok(bytes) => got.extend_from_slice(&bytes),
                Err(_) if !got.is_empty() => return Ok(got),
                Err(fail) => return Err(fail),
            }
            if min != 0 && !time.is_zero() {
                deadline = Deadline::after(time);
            }
        }
        Ok(got)
    }
}

impl Drop for SlaveFile {
    fn drop(&mut self) {
        self.pty.close_slave();
    }
}

impl File for SlaveFile {
    fn read(&self, io: &Io<'_>, dst: &mut dyn Sink, _offset: &mut u64) -> Result<usize, Fail> {
        if self.pty.is_hung_up(self.generation) {
            return Ok(0);
        }
        self.pty.check_foreground(io.caller, SIGTTIN)?;
        let room = dst.room();
        if room == 0 {
            return Ok(0);
        }
        let bytes = if self.pty.look(|state| state.line.is_canonical()) {
            self.read_line(io, room)?
        } else {
            self.read_raw(io, room)?
        };
        Ok(dst.put(&bytes)?)
    }

    fn write(&self, io: &Io<'_>, src: &mut dyn Source, _offset: &mut u64) -> Result<usize, Fail> {
        if self.pty.is_hung_up(self.generation) {
            return Err(Errno::EIO.into());
        }
        self.pty.check_output(io.caller)?;
        write_all(io, src, self.pty.slave_queue(), &|bytes| self.pty.output(self.generation, bytes))
    }

    fn readiness(&self) -> Events {
        // Whether there will be input shows once the terminal is lent; a refusal shows when it is read.
        let _ = self.pty.want(false);
        self.pty.slave_readiness(self.generation)
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(self.pty.slave_queue())
    }

    fn sends_signals(&self) -> bool {
        true
    }

    fn ioctl(&self, io: &Io<'_>, command: u32, arg: u64, memory: &dyn UserMemory) -> Result<u64, Fail> {
        if self.pty.is_hung_up(self.generation) {
            let errno = if command == abi::tty::ioctl::TIOCSPGRP { Errno::ENOTTY } else { Errno::EIO };
            return Err(errno.into());
        }
        if needs_terminal(command) {
            self.pty.borrow(io.caller)?;
        }
        ioctl::ioctl(&self.pty, Side::Slave, io, command, arg, memory)
    }
}

/// The command changes modes, input or foreground of the terminal.
const fn needs_terminal(command: u32) -> bool {
    use abi::tty::ioctl::*;
    matches!(
        command,
        TCSETS | TCSETSW | TCSETSF | TCSETS2 | TCSETSW2 | TCSETSF2 | TCSETA | TCSETAW | TCSETAF | TCFLSH | TIOCSPGRP
    )
}

/// Writes everything, in steps that `put` takes (`EAGAIN` to wait for `OUT` on `queue`).
pub(super) fn write_all(
    io: &Io<'_>,
    src: &mut dyn Source,
    queue: &WaitQueue,
    put: &dyn Fn(&[u8]) -> Result<usize, Errno>,
) -> Result<usize, Fail> {
    let mut done = 0;
    while src.left() > 0 {
        let mut fault = None;
        let step = io.caller.retry(queue, Events::OUT | Events::HUP, io.is_nonblock(), || {
            let mut was_full = false;
            let step = src.drain(CHUNK, &mut |bytes| {
                let result = put(bytes);
                was_full = result == Err(Errno::EAGAIN);
                result
            });
            // A bad address is told apart from a full terminal: it must not be waited on.
            match step {
                Err(errno) if !was_full => {
                    fault = Some(errno);
                    Ok(0)
                }
                other => other,
            }
        });
        match (step, fault) {
            (_, Some(errno)) if done == 0 => return Err(errno.into()),
            (_, Some(_)) => break,
            (Ok(n), None) => done += n,
            (Err(_), None) if done > 0 => break,
            (Err(fail), None) => return Err(fail),
        }
    }
    Ok(done)
}
