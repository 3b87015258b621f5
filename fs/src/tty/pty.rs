//! A pseudoterminal: `pty(7)`. A discipline with two ends, a window size and a session.

use super::discipline::Discipline;
use super::jobs::Jobs;
use super::loan::{Asked, Lender, Loan};
use abi::Errno;
use abi::poll::Events;
use abi::tty::{LocalModes, Packet, Termios, Winsize};
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use sync::{Fail, Mutex, Rank, Restart, WaitQueue};
use vfs::Caller;

/// Bytes from the master that wait for the discipline at most.
const PENDING_MAX: usize = 65536;

pub(super) const SIGHUP: u8 = 1;
pub(super) const SIGCONT: u8 = 18;
pub(super) const SIGTTIN: u8 = 21;
pub(super) const SIGTTOU: u8 = 22;
const SIGWINCH: u8 = 28;

/// The session that a terminal controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Control {
    pub(super) session: i32,
    /// Foreground process group; 0 for none.
    pub(super) foreground: i32,
}

/// What changes about a pseudoterminal.
pub(super) struct State {
    pub(super) line: Discipline,
    /// Input that the discipline has no room for yet.
    pending: VecDeque<u8>,
    pub(super) winsize: Winsize,
    /// Input and output speed, when no code stands for them.
    pub(super) speeds: [u32; 2],
    pub(super) control: Option<Control>,
    /// Open files of the slave.
    slaves: u32,
    /// The last file of the slave was closed.
    is_slave_closed: bool,
    is_master_closed: bool,
    /// Grows with each hang-up: files opened before are dead.
    generation: u64,
    /// No slave may be opened: until `TIOCSPTLCK` says otherwise.
    pub(super) is_locked: bool,
    pub(super) is_packet: bool,
    pub(super) is_exclusive: bool,
    /// What is not zero here cannot be changed: `TIOCSLCKTRMIOS`.
    pub(super) locked: Termios,
    /// Whether programs may use the terminal of the host behind this one.
    pub(super) loan: Loan,
}

impl State {
    /// Throws away what has not reached the discipline.
    pub(super) fn drop_pending(&mut self) {
        self.pending.clear();
    }

    fn pump(&mut self) {
        while !self.pending.is_empty() {
            let (front, _) = self.pending.as_slices();
            let used = self.line.receive(front);
            if used == 0 {
                break;
            }
            self.pending.drain(..used);
        }
        if !self.is_packet {
            self.line.status = Packet::empty();
        }
    }

    fn slave_events(&self) -> Events {
        let mut events = Events::empty();
        let cc = &self.line.termios.cc;
        let (min, time) = (cc[abi::tty::cc::VMIN], cc[abi::tty::cc::VTIME]);
        let enough = if time == 0 && min != 0 { usize::from(min) } else { 1 };
        if self.line.is_readable(enough) {
            events |= Events::IN | Events::RDNORM;
        }
        if self.line.can_write() {
            events |= Events::OUT | Events::WRNORM;
        }
        if self.is_master_closed {
            events |= Events::HUP;
        }
        events
    }

    fn master_events(&self) -> Events {
        let mut events = Events::empty();
        if !self.line.output.is_empty() {
            events |= Events::IN | Events::RDNORM;
        }
        if self.is_packet && !self.line.status.is_empty() {
            events |= Events::IN | Events::RDNORM | Events::PRI;
        }
        if self.pending.len() < PENDING_MAX {
            events |= Events::OUT | Events::WRNORM;
        }
        if self.is_slave_closed {
            events |= Events::HUP;
        }
        events
    }
}

/// All readiness of a dead file.
const HUNG_UP: Events =
    Events::IN.union(Events::OUT).union(Events::ERR).union(Events::HUP).union(Events::RDNORM).union(Events::WRNORM);

/// Where output goes by itself, when no master file reads it.
pub(super) trait OutputSink: Send + Sync {
    /// There is output. Called without locks by whoever made it.
    fn drain(&self, pty: &Pty);
}

/// A pseudoterminal.
pub struct Pty {
    index: u32,
    jobs: Arc<dyn Jobs>,
    state: Mutex<State>,
    slave_queue: WaitQueue,
    master_queue: WaitQueue,
    sink: OnceLock<Arc<dyn OutputSink>>,
    lender: OnceLock<Arc<dyn Lender>>,
}

impl Pty {
    /// A locked pseudoterminal with the number `index`.
    pub(crate) fn new(index: u32, jobs: Arc<dyn Jobs>) -> Arc<Self> {
        let state = State {
            line: Discipline::new(),
            pending: VecDeque::new(),
            winsize: Winsize::default(),
            speeds: [38400; 2],
            control: None,
            slaves: 0,
            is_slave_closed: false,
            is_master_closed: false,
            generation: 0,
            is_locked: true,
            is_packet: false,
            is_exclusive: false,
            locked: Termios::default(),
            loan: Loan::Given,
        };
        Arc::new(Self {
            index,
            jobs,
            state: Mutex::new(Rank::Tty, state),
            slave_queue: WaitQueue::new(),
            master_queue: WaitQueue::new(),
            sink: OnceLock::new(),
            lender: OnceLock::new(),
        })
    }

    /// Its number in its devpts.
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// Device number of the slave: /proc/PID/stat shows it.
    pub const fn device(&self) -> u64 {
        vfs::make_dev(super::PTS_MAJOR, self.index)
    }

    /// The foreground process group (root pid namespace); 0 for none.
    pub fn foreground(&self) -> i32 {
        self.state.lock().control.map_or(0, |control| control.foreground)
    }

    pub(super) fn jobs(&self) -> &dyn Jobs {
        &*self.jobs
    }

    pub(super) const fn slave_queue(&self) -> &WaitQueue {
        &self.slave_queue
    }

    pub(super) const fn master_queue(&self) -> &WaitQueue {
        &self.master_queue
    }

    /// Changes the state, then does what follows from it with the lock released: signals and wake-ups.
    pub(super) fn update<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let (result, signals, foreground, slave, master) = {
            let mut state = self.state.lock();
            let result = change(&mut state);
            state.pump();
            let signals = std::mem::take(&mut state.line.signals);
            let foreground = state.control.map_or(0, |control| control.foreground);
            (result, signals, foreground, state.slave_events(), state.master_events())
        };
        if foreground != 0 {
            for signal in signals {
                self.jobs.signal_group(foreground, signal);
            }
        }
        if !slave.is_empty() {
            self.slave_queue.notify(slave);
        }
        if !master.is_empty() {
            self.master_queue.notify(master);
        }
        if master.contains(Events::IN)
            && let Some(sink) = self.sink.get()
        {
            sink.drain(self);
        }
        result
    }

    /// Sets where output goes by itself. Once.
    pub(super) fn set_sink(&self, sink: Arc<dyn OutputSink>) {
        // A second sink would only be a mistake of boot code.
        let _ = self.sink.set(sink);
    }

    /// Sets who lends the terminal, and keeps it until a program asks. Once.
    pub(super) fn set_lender(&self, lender: Arc<dyn Lender>) {
        // A second lender would only be a mistake of boot code.
        let _ = self.lender.set(lender);
        self.set_loan(Loan::Kept(Asked::Nothing));
    }

    pub(super) fn lender(&self) -> Option<&Arc<dyn Lender>> {
        self.lender.get()
    }

    /// Takes output for the sink.
    pub(super) fn take_raw_output(&self, max: usize) -> Vec<u8> {
        let (bytes, events) = {
            let mut state = self.state.lock();
            let n = state.line.output.len().min(max);
            (state.line.output.drain(..n).collect(), state.slave_events())
        };
        self.slave_queue.notify(events & (Events::OUT | Events::WRNORM));
        bytes
    }

    /// Throws output away that nobody will ever take.
    pub(super) fn discard_output(&self) {
        self.take_raw_output(usize::MAX);
    }

    /// Looks at the state.
    pub(super) fn look<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.state.lock())
    }

    /// What the slave file of a generation is ready for.
    pub(super) fn slave_readiness(&self, generation: u64) -> Events {
        self.look(|state| if state.generation == generation { state.slave_events() } else { HUNG_UP })
    }

    /// What the master is ready for.
    pub(super) fn master_readiness(&self) -> Events {
        self.look(State::master_events)
    }

    /// Files of the generation were hung up.
    pub(super) fn is_hung_up(&self, generation: u64) -> bool {
        self.look(|state| state.generation != generation)
    }

    /// Takes input from the master: as many bytes as there is room for, `EAGAIN` for none.
    pub(super) fn input(&self, bytes: &[u8]) -> Result<usize, Errno> {
        self.update(|state| {
            let n = bytes.len().min(PENDING_MAX - state.pending.len().min(PENDING_MAX));
            if n == 0 && !bytes.is_empty() {
                return Err(Errno::EAGAIN);
            }
            state.pending.extend(&bytes[..n]);
            Ok(n)
        })
    }

    /// Takes input that the host's terminal echoed before it was lent; how much there was room for.
    pub(super) fn input_echoed(&self, bytes: &[u8]) -> usize {
        self.update(|state| if state.pending.is_empty() { state.line.receive_echoed(bytes) } else { 0 })
    }

    /// Takes output of the slave: as much as there is room for, `EAGAIN` for none.
    pub(super) fn output(&self, generation: u64, bytes: &[u8]) -> Result<usize, Errno> {
        self.update(|state| {
            if state.generation != generation {
                return Err(Errno::EIO);
            }
            match state.line.write(bytes) {
                0 if !bytes.is_empty() => Err(Errno::EAGAIN),
                n => Ok(n),
            }
        })
    }

    /// Takes what the slave put out, for the master: `EAGAIN` for nothing yet, `EIO` when the slave is closed.
    pub(super) fn take_output(&self, max: usize) -> Result<Vec<u8>, Errno> {
        self.update(|state| {
            if state.is_packet {
                let status = std::mem::take(&mut state.line.status);
                if !status.is_empty() {
                    return Ok(vec![status.bits()]);
                }
            }
            if state.line.output.is_empty() {
                return Err(if state.is_slave_closed { Errno::EIO } else { Errno::EAGAIN });
            }
            let head = usize::from(state.is_packet);
            let n = state.line.output.len().min(max.saturating_sub(head));
            let mut bytes = vec![0; head];
            bytes.extend(state.line.output.drain(..n));
            Ok(bytes)
        })
    }

    /// Opens the slave: the generation of the new file. `EIO` for one that is locked or gone, `EBUSY` for one
    /// in exclusive use.
    pub(super) fn open_slave(&self, may_share: bool) -> Result<u64, Errno> {
        self.update(|state| {
            if state.is_locked || state.is_master_closed {
                return Err(Errno::EIO);
            }
            if state.is_exclusive && !may_share {
                return Err(Errno::EBUSY);
            }
            state.slaves += 1;
            state.is_slave_closed = false;
            Ok(state.generation)
        })
    }

    /// A file of the slave is gone.
    pub(super) fn close_slave(&self) {
        self.update(|state| {
            state.slaves = state.slaves.saturating_sub(1);
            if state.slaves == 0 {
                state.is_slave_closed = true;
                state.is_exclusive = false;
            }
        });
    }

    /// The master is gone: the slave's files hang up.
    pub(crate) fn close_master(&self) {
        self.update(|state| state.is_master_closed = true);
        self.hang_up();
    }

    /// Hangs up: files of the slave are dead from now on, the session loses its terminal.
    pub(super) fn hang_up(&self) {
        let control = {
            let mut state = self.state.lock();
            state.generation += 1;
            state.line.flush_input();
            state.control.take()
        };
        self.slave_queue.notify(HUNG_UP);
        if let Some(control) = control {
            self.jobs.set_terminal(control.session, None);
            self.jobs.signal_leader(control.session, SIGHUP);
            self.jobs.signal_leader(control.session, SIGCONT);
        }
    }

    /// The session leader lets the terminal go: `TIOCNOTTY`.
    pub(super) fn disassociate(&self, session: i32) {
        let control = {
            let mut state = self.state.lock();
            if state.control.is_none_or(|control| control.session != session) {
                return;
            }
            state.control.take()
        };
        let Some(control) = control else { return };
        self.jobs.set_terminal(session, None);
        if control.foreground != 0 {
            self.jobs.signal_group(control.foreground, SIGHUP);
            self.jobs.signal_group(control.foreground, SIGCONT);
        }
    }

    /// The terminal controls the caller's session.
    pub(super) fn is_callers(&self, caller: &Caller) -> bool {
        let session = caller.process.session();
        self.look(|state| state.control.is_some_and(|control| control.session == session))
    }

    /// Makes it the controlling terminal of the caller's session. The caller leads it and has none, and the
    /// terminal controls nobody (or is taken away from them).
    pub(super) fn acquire(self: &Arc<Self>, caller: &Caller) {
        let session = caller.process.session();
        let foreground = caller.process.process_group();
        let old = self.state.lock().control.replace(Control { session, foreground });
        if let Some(old) = old {
            self.jobs.set_terminal(old.session, None);
        }
        self.jobs.set_terminal(session, Some(self.clone()));
        self.jobs.set_foreground(session, foreground);
    }

    /// It controls a session that has just begun.
    pub(super) fn control_session(&self, session: i32, foreground: i32) {
        self.state.lock().control = Some(Control { session, foreground });
    }

    /// The session that it controlled is over.
    pub(super) fn forget_session(&self) {
        self.state.lock().control = None;
    }

    /// Job control: a process of the background gets `signal` (`SIGTTIN` or `SIGTTOU`) instead.
    pub(super) fn check_foreground(&self, caller: &Caller, signal: u8) -> Result<(), Fail> {
        let Some(control) = self.look(|state| state.control) else { return Ok(()) };
        let process = &caller.process;
        if control.session != process.session()
            || control.foreground == 0
            || control.foreground == process.process_group()
        {
            return Ok(());
        }
        if process.is_signal_ignored(signal) {
            return if signal == SIGTTIN { Err(Errno::EIO.into()) } else { Ok(()) };
        }
        if process.is_group_orphaned() {
            return Err(Errno::EIO.into());
        }
        process.signal_own_group(signal);
        Err(Fail::Interrupted(Restart::Sa))
    }

    /// Job control of output: only with `TOSTOP`.
    pub(super) fn check_output(&self, caller: &Caller) -> Result<(), Fail> {
        if self.look(|state| state.line.has(LocalModes::TOSTOP)) {
            self.check_foreground(caller, SIGTTOU)?;
        }
        Ok(())
    }

    /// Sets the window size; the foreground group learns of a change.
    pub fn set_winsize(&self, winsize: Winsize) {
        let foreground = {
            let mut state = self.state.lock();
            if state.winsize == winsize {
                return;
            }
            state.winsize = winsize;
            state.control.map_or(0, |control| control.foreground)
        };
        if foreground != 0 {
            self.jobs.signal_group(foreground, SIGWINCH);
        }
    }
}
