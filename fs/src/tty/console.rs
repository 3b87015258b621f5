//! A terminal of the host as a terminal of the sandbox.
//!
//! A pseudoterminal whose master end is the host's descriptor. A thread reads that and feeds the discipline;
//! output goes to it from the thread that made it, as long as the host takes it, and from another thread once it
//! does not. Nobody runs while nothing happens. A terminal that others use as well is lent: see `loan`.

use super::loan::{Asked, Lender, Loan};
use super::pty::{OutputSink, Pty};
use abi::Errno;
use abi::poll::Events;
use abi::tty::Winsize;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno as HostErrno;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use sync::{Mutex, Rank, WaitWord};

/// Bytes that one read moves.
const CHUNK: usize = 4096;
/// Bytes written at once to a host terminal that says it takes some: few, so that it hardly ever blocks.
const STEP: usize = 1024;
/// How often who waits for the last output looks whether another thread has written it.
const LOOK: std::time::Duration = std::time::Duration::from_micros(100);

/// The bridge between a terminal of the host and one of the sandbox.
pub struct HostConsole {
    pty: Arc<Pty>,
    input: Arc<Input>,
    output: Arc<Output>,
}

impl HostConsole {
    /// Makes `pty`, a new pseudoterminal that has no master file, the sandbox's end of a host terminal. `input`
    /// and `output` are descriptors of that; they may be duplicates of one. With a lender the terminal is in raw
    /// mode from [`Self::lend`] to [`Self::take_back`] and else in its ordinary modes; without one always raw.
    pub fn start(
        pty: Arc<Pty>,
        input: OwnedFd,
        output: OwnedFd,
        lender: Option<Arc<dyn Lender>>,
    ) -> io::Result<Arc<Self>> {
        pty.update(|state| state.is_locked = false);
        let output = Arc::new(Output {
            fd: output,
            is_busy: AtomicBool::new(false),
            is_dead: AtomicBool::new(false),
            pump: Arc::new(WaitWord::new()),
        });
        pty.set_sink(output.clone());
        let (pump, pump_pty) = (output.clone(), pty.clone());
        thread::Builder::new().name("console-out".into()).spawn(move || pump.run(&pump_pty))?;
        let lease = Lease { is_lent: lender.is_none(), was_echoed: false };
        let input = Arc::new(Input {
            fd: input,
            changed: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            lease: Mutex::new(Rank::Leaf, lease),
            is_over: AtomicBool::new(false),
            room: Arc::default(),
        });
        if let Some(lender) = lender {
            pty.set_lender(lender);
        }
        let (reader, from) = (pty.clone(), input.clone());
        thread::Builder::new().name("console-in".into()).spawn(move || from.feed(&reader))?;
        Ok(Arc::new(Self { pty, input, output }))
    }

    /// The host's terminal is the sandbox's now.
    pub fn lend(&self) {
        self.input.set_lent(true);
        self.pty.set_loan(Loan::Given);
    }

    /// The host's terminal is the host's again, until a program asks.
    pub fn take_back(&self) {
        self.input.set_lent(false);
        self.pty.set_loan(Loan::Kept(Asked::Nothing));
    }

    /// The host's terminal will not be lent.
    pub fn refuse(&self) {
        self.input.set_lent(false);
        self.pty.set_loan(Loan::Refused);
    }

    /// The terminal: its slave end is what the sandbox uses.
    pub const fn pty(&self) -> &Arc<Pty> {
        &self.pty
    }

    /// Sets the window size to that of the host's terminal.
    pub fn set_size(&self, rows: u16, cols: u16) {
        self.pty.set_winsize(Winsize { rows, cols, ..Winsize::default() });
    }

    /// Nobody uses the host's terminal any more: it is let go, and who still has the sandbox's sees it hung up.
    pub fn end(&self) {
        self.input.is_over.store(true, SeqCst);
        self.input.stir();
        self.input.room.wake();
        self.output.is_dead.store(true, SeqCst);
        self.output.pump.wake();
    }

    /// Writes out all that the sandbox has put out; may wait for the host's terminal. For the end of the sandbox.
    pub fn drain(&self) {
        // What another thread has taken out is not written before that thread says so: looked at in this order.
        let is_left = || !self.pty.look(|state| state.line.output.is_empty()) || self.output.is_busy.load(SeqCst);
        while is_left() && !self.output.is_dead.load(SeqCst) {
            if self.output.is_busy.load(SeqCst) {
                thread::sleep(LOOK);
            } else if self.output.is_ready(None) {
                self.output.drain(&self.pty);
            }
        }
    }
}

/// The host's side of the input.
struct Input {
    fd: OwnedFd,
    /// An eventfd: the lease is another.
    changed: OwnedFd,
    /// Held while the terminal is read: nothing is read after its end.
    lease: Mutex<Lease>,
    /// The terminal is not read any more.
    is_over: AtomicBool,
    /// Wakes the thread that waits for room in the sandbox's terminal.
    room: Arc<WaitWord>,
}

/// Whether the terminal may be read.
struct Lease {
    is_lent: bool,
    /// What it has to read now was typed, and echoed, before it was lent.
    was_echoed: bool,
}

/// What the terminal had to read.
enum Keys {
    /// So many bytes.
    Some { len: usize, was_echoed: bool },
    /// None now.
    None,
    /// It is gone.
    Gone,
}

impl Input {
    fn set_lent(&self, is_lent: bool) {
        let mut lease = self.lease.lock();
        if lease.is_lent != is_lent {
            *lease = Lease { is_lent, was_echoed: is_lent };
            drop(lease);
            self.stir();
        }
    }

    /// Has the thread look at what has changed.
    fn stir(&self) {
        // A full counter wakes as well.
        let _ = rustix::io::write(&self.changed, &1u64.to_ne_bytes());
    }

    /// Reads the host's terminal, while that is lent, until it is gone or not used any more.
    fn feed(&self, pty: &Arc<Pty>) {
        let word = &self.room;
        let _entry = pty.master_queue().add(Events::OUT, word.clone());
        let mut buf = [0; CHUNK];
        while !self.is_over.load(SeqCst) {
            self.wait();
            let (len, was_echoed) = match self.read(&mut buf) {
                Keys::Some { len, was_echoed } => (len, was_echoed),
                Keys::None => continue,
                Keys::Gone => break,
            };
            let mut rest = &buf[..len];
            if was_echoed {
                rest = &rest[pty.input_echoed(rest).min(len)..];
            }
            while !rest.is_empty() {
                word.arm();
                if self.is_over.load(SeqCst) {
                    break;
                }
                match pty.input(rest) {
                    Ok(used) => rest = &rest[used..],
                    Err(Errno::EAGAIN) => {
                        word.sleep(None);
                    }
                    Err(_) => break,
                }
            }
        }
        pty.close_master();
    }

    /// Waits for input of a terminal that is lent, or for another lease.
    fn wait(&self) {
        let mut fds = [PollFd::new(&self.changed, PollFlags::IN), PollFd::new(&self.fd, PollFlags::IN)];
        let count = if self.lease.lock().is_lent { 2 } else { 1 };
        // Whatever fails here shows when it is read.
        let _ = poll(&mut fds[..count], None);
        if fds[0].revents().contains(PollFlags::IN) {
            let _ = rustix::io::read(&self.changed, &mut [0; 8]);
        }
    }

    fn read(&self, buf: &mut [u8]) -> Keys {
        let mut lease = self.lease.lock();
        if !lease.is_lent {
            return Keys::None;
        }
        let was_echoed = std::mem::take(&mut lease.was_echoed);
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        if poll(&mut [PollFd::new(&self.fd, PollFlags::IN)], Some(&now)) == Ok(0) {
            return Keys::None;
        }
        match rustix::io::read(&self.fd, buf) {
            Ok(len) if len > 0 => Keys::Some { len, was_echoed },
            Err(HostErrno::INTR | HostErrno::AGAIN) => Keys::None,
            _ => Keys::Gone,
        }
    }
}

/// The host's side of the output.
struct Output {
    fd: OwnedFd,
    /// A thread writes; it also writes what others add meanwhile.
    is_busy: AtomicBool,
    /// The host's terminal is gone.
    is_dead: AtomicBool,
    /// Wakes the thread that waits for a terminal that takes nothing.
    pump: Arc<WaitWord>,
}

impl Output {
    /// The host's terminal takes bytes, now or (`timeout` `None`) at last.
    fn is_ready(&self, timeout: Option<&Timespec>) -> bool {
        let mut fds = [PollFd::new(&self.fd, PollFlags::OUT)];
        matches!(poll(&mut fds, timeout), Ok(1))
    }

    /// Waits for the terminal on behalf of those that must not.
    fn run(&self, pty: &Arc<Pty>) {
        while !self.is_dead.load(SeqCst) {
            self.pump.arm();
            if pty.look(|state| state.line.output.is_empty()) {
                self.pump.sleep(None);
            } else if self.is_ready(None) {
                self.drain(pty);
            }
        }
    }

    /// Writes while there is something and the terminal takes it. False: it takes nothing now.
    fn write_out(&self, pty: &Pty) -> bool {
        loop {
            if pty.look(|state| state.line.output.is_empty()) {
                return true;
            }
            if self.is_dead.load(SeqCst) {
                pty.discard_output();
                return true;
            }
            if !self.is_ready(Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
                return false;
            }
            let bytes = pty.take_raw_output(STEP);
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                match rustix::io::write(&self.fd, rest) {
                    Ok(n) => rest = &rest[n..],
                    Err(HostErrno::INTR) => {}
                    Err(HostErrno::AGAIN) => {
                        self.is_ready(None);
                    }
                    Err(_) => {
                        self.is_dead.store(true, SeqCst);
                        break;
                    }
                }
            }
        }
    }
}

impl OutputSink for Output {
    fn drain(&self, pty: &Pty) {
        loop {
            if self.is_busy.swap(true, SeqCst) {
                return;
            }
            let is_done = self.write_out(pty);
            self.is_busy.store(false, SeqCst);
            if !is_done {
                self.pump.wake();
                return;
            }
            // What came after the last look, and whose maker saw a busy writer.
            if pty.look(|state| state.line.output.is_empty()) {
                return;
            }
        }
    }
}
