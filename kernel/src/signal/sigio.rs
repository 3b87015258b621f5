//! Signals about files: `O_ASYNC`, `F_SETOWN` and `F_SETSIG` of `fcntl(2)`.
//!
//! A file tells of its events where locks are held under which no signal can be sent. So a watch leaves a note. Before a
//! call returns that caused some, the task sends the signals; a thread of its own, started with the first watch, does so
//! where no task comes by.

use crate::kernel::Kernel;
use crate::task::{Task, ThreadGroup};
use abi::Errno;
use abi::dnotify::DirEvents;
use abi::poll::Events;
use abi::signal::{SI_SIGIO, SIGIO, SIGRTMIN, SigInfo};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread;
use sync::{Sleepers, Wake};
use vfs::{OpenFile, OwnerCell, SignalOwner};

/// Most notes that wait. A file that has more to tell is not heard.
const LIMIT: usize = 4096;

/// Something happened to a file.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Note {
    owner: SignalOwner,
    fd: i32,
    events: Events,
}

#[derive(Default)]
struct State {
    notes: VecDeque<Note>,
    is_running: bool,
}

/// Signals about files that are on their way.
#[derive(Default)]
pub(crate) struct FileSignals {
    state: Mutex<State>,
    arrived: Condvar,
    /// Held while signals are sent.
    sending: Mutex<()>,
    /// Notes whose signals were not sent yet.
    unsent: AtomicUsize,
}

impl FileSignals {
    /// Starts the thread unless it runs; `EAGAIN`.
    fn start(self: &Arc<Self>, kernel: &Arc<Kernel>) -> Result<(), Errno> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.is_running {
            let (signals, kernel) = (self.clone(), Arc::downgrade(kernel));
            let thread = thread::Builder::new().name("sigio".to_owned());
            thread.spawn(move || signals.serve(&kernel)).map_err(|_| Errno::EAGAIN)?;
            state.is_running = true;
        }
        Ok(())
    }

    /// The thread. It ends with the machine, at the next note.
    fn serve(&self, kernel: &Weak<Kernel>) {
        loop {
            self.wait();
            let Some(kernel) = kernel.upgrade() else { return };
            self.send(&kernel);
        }
    }

    fn wait(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_empty = |state: &mut State| state.notes.is_empty();
        drop(self.arrived.wait_while(state, is_empty).unwrap_or_else(PoisonError::into_inner));
    }

    /// Sends all signals that were noted, also those that another one is about to send.
    fn send(&self, kernel: &Kernel) {
        let _sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(note) = self.take() {
            note.deliver(kernel);
            self.unsent.fetch_sub(1, SeqCst);
        }
    }

    fn take(&self) -> Option<Note> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).notes.pop_front()
    }

    fn post(&self, note: Note) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Standard signals that wait are one anyway.
        let is_known = note.owner.signal < i32::from(SIGRTMIN) && state.notes.contains(&note);
        if !is_known && state.notes.len() < LIMIT {
            state.notes.push_back(note);
            self.unsent.fetch_add(1, SeqCst);
            self.arrived.notify_one();
        }
    }
}

impl Note {
    fn deliver(&self, kernel: &Kernel) {
        let SignalOwner { kind, id, .. } = self.owner;
        match kind {
            0 => {
                if let Some(task) = kernel.task(id) {
                    self.send(&task, |info| task.send_user(info, false));
                }
            }
            1 => {
                if let Some(group) = kernel.group(id) {
                    self.send_to(&group);
                }
            }
            _ => {
                let members = {
                    let tree = kernel.tree();
                    tree.process_group(kernel.root_pids(), id).map(|group| tree.members(&group))
                };
                for member in members.unwrap_or_default() {
                    self.send_to(&member);
                }
            }
        }
    }

    fn send_to(&self, group: &Arc<ThreadGroup>) {
        if let Some(leader) = group.leader() {
            self.send(&leader, |info| group.send_user(info, false));
        }
    }

    fn send(&self, target: &Task, send: impl Fn(SigInfo) -> Result<(), Errno>) {
        if !self.may_reach(target) {
            return;
        }
        if self.owner.signal == 0 || send(self.info(self.owner.signal as u8)).is_err() {
            // Without a signal of its own, or no room for it. The kernel's SIGIO needs no room.
            let _ = send(SigInfo::kernel(SIGIO));
        }
    }

    /// The one who named the owner may send it signals.
    fn may_reach(&self, target: &Task) -> bool {
        let (uid, euid) = self.owner.uids;
        let creds = target.creds();
        euid == 0 || euid == creds.suid || euid == creds.uid || uid == creds.suid || uid == creds.uid
    }

    /// What a signal chosen by `F_SETSIG` says: the descriptor, and the event as `poll(2)` has it.
    fn info(&self, signal: u8) -> SigInfo {
        // POLL_MSG, POLL_HUP, POLL_ERR, POLL_PRI, POLL_IN, POLL_OUT.
        let codes =
            [(Events::MSG, 3), (Events::HUP, 6), (Events::ERR, 4), (Events::PRI, 5), (Events::IN, 1), (Events::OUT, 2)];
        let code = codes.iter().find(|(event, _)| self.events.contains(*event)).map_or(1, |&(_, code)| code);
        let band = match code {
            1 => Events::IN | Events::RDNORM,
            2 => Events::OUT | Events::WRNORM,
            3 => Events::IN | Events::RDNORM | Events::MSG,
            4 => Events::ERR,
            5 => Events::PRI,
            _ => Events::HUP | Events::ERR,
        };
        let has_codes_of_its_own = signal < SIGRTMIN && signal != SIGIO;
        let code = if has_codes_of_its_own { SI_SIGIO } else { code };
        SigInfo::poll(signal, code, i64::from(band.bits()), self.fd)
    }
}

/// Notes what happens to one file.
struct FileWatch {
    signals: Arc<FileSignals>,
    owner: Arc<OwnerCell>,
    fd: i32,
}

impl Wake for FileWatch {
    fn wake(&self, events: Events, _sleepers: &mut Sleepers) -> bool {
        let owner = self.owner.get();
        if owner.id != 0 {
            self.signals.post(Note { owner, fd: self.fd, events });
        }
        false
    }
}

impl Kernel {
    /// Signals about what the caller did to files are sent before its call returns. No lock is held.
    pub(crate) fn send_file_signals(&self) {
        let signals = self.file_signals();
        if signals.unsent.load(SeqCst) != 0 {
            signals.send(self);
        }
    }

    /// `O_ASYNC` was set or cleared by the descriptor `fd`: its owner gets signals from now on, or none any more.
    /// `EAGAIN`.
    pub fn watch_file(self: &Arc<Self>, file: &OpenFile, fd: i32, on: bool) -> Result<(), Errno> {
        if !file.ops.sends_signals() {
            return Ok(());
        }
        if !on {
            file.set_watch(None);
            return Ok(());
        }
        file.set_watch(Some(self.file_watch(file, fd)?));
        Ok(())
    }

    /// The owner of a directory gets signals about what happens in it, by the descriptor `fd`: `F_NOTIFY`. `EAGAIN`.
    pub fn watch_directory(self: &Arc<Self>, file: &OpenFile, fd: i32, mask: DirEvents) -> Result<(), Errno> {
        file.watch_directory(mask, self.file_watch(file, fd)?)
    }

    fn file_watch(self: &Arc<Self>, file: &OpenFile, fd: i32) -> Result<Arc<FileWatch>, Errno> {
        let signals = self.file_signals();
        signals.start(self)?;
        Ok(Arc::new(FileWatch { signals: signals.clone(), owner: file.owner_cell().clone(), fd }))
    }
}
