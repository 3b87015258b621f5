//! A terminal of the host as a terminal of the sandbox.
//!
//! A pseudoterminal whose master end is the host's descriptor. A thread reads that and feeds the discipline;
//! output goes to it from the thread that made it, as long as the host takes it, and from another thread once it
//! does not. Nobody runs while nothing happens.

use super::pty::{OutputSink, Pty};
use abi::Errno;
use abi::poll::Events;
use abi::tty::Winsize;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno as HostErrno;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use sync::WaitWord;

/// Bytes that one read moves.
const CHUNK: usize = 4096;
/// Bytes written at once to a host terminal that says it takes some: few, so that it hardly ever blocks.
const STEP: usize = 1024;

/// The bridge between a terminal of the host and one of the sandbox.
pub struct HostConsole {
    pty: Arc<Pty>,
    output: Arc<Output>,
}

impl HostConsole {
    /// Makes `pty`, a new pseudoterminal that has no master file, the sandbox's end of a host terminal. `input`
    /// and `output` are descriptors of that, in raw mode; they may be duplicates of one.
    pub fn start(pty: Arc<Pty>, input: OwnedFd, output: OwnedFd) -> io::Result<Arc<Self>> {
        pty.update(|state| state.is_locked = false);
        let output = Arc::new(Output {
            fd: output,
            is_busy: AtomicBool::new(false),
            is_dead: AtomicBool::new(false),
            pump: WaitWord::new(),
        });
        pty.set_sink(output.clone());
        let (pump, pump_pty) = (output.clone(), pty.clone());
        thread::Builder::new().name("console-out".into()).spawn(move || pump.run(&pump_pty))?;
        let reader = pty.clone();
        thread::Builder::new().name("console-in".into()).spawn(move || feed(&reader, &input))?;
        Ok(Arc::new(Self { pty, output }))
    }

    /// The terminal: its slave end is what the sandbox uses.
    pub const fn pty(&self) -> &Arc<Pty> {
        &self.pty
    }

    /// Sets the window size to that of the host's terminal.
    pub fn set_size(&self, rows: u16, cols: u16) {
        self.pty.set_winsize(Winsize { rows, cols, ..Winsize::default() });
    }

    /// Writes out all that the sandbox has put out; may wait for the host's terminal. For the end of the sandbox.
    pub fn drain(&self) {
        while !self.pty.look(|state| state.line.output.is_empty()) && !self.output.is_dead.load(SeqCst) {
            if self.output.is_ready(None) {
                self.output.drain(&self.pty);
            }
        }
    }
}

/// Reads the host's terminal until it is gone.
fn feed(pty: &Arc<Pty>, input: &OwnedFd) {
    let word = Arc::new(WaitWord::new());
    // Stays for good: the console lives as long as the sandbox.
    let _forever = pty.master_queue().add(Events::OUT, word.clone());
    let mut buf = [0; CHUNK];
    loop {
        let n = match rustix::io::read(input, &mut buf) {
            Ok(n) if n > 0 => n,
            Err(HostErrno::INTR) => continue,
            Err(HostErrno::AGAIN) => {
                // Somebody made the descriptor non-blocking.
                let _ = poll(&mut [PollFd::new(input, PollFlags::IN)], None);
                continue;
            }
            _ => break,
        };
        let mut rest = &buf[..n];
        while !rest.is_empty() {
            word.arm();
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

/// The host's side of the output.
struct Output {
    fd: OwnedFd,
    /// A thread writes; it also writes what others add meanwhile.
    is_busy: AtomicBool,
    /// The host's terminal is gone.
    is_dead: AtomicBool,
    /// Wakes the thread that waits for a terminal that takes nothing.
    pump: WaitWord,
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
