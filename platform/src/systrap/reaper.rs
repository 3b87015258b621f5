//! Who knows all stub processes, and reaps them.

use super::peak::Peak;
use super::process::Process;
use super::slot::Slots;
use super::spare::Spares;
use abi::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Weak};
use sync::{EventCount, Mutex, Rank};

/// Dead children that nobody has claimed yet; more come only from a hostile stub.
const UNCLAIMED_MAX: usize = 1024;

/// Knows all stub processes; learns of their deaths.
#[derive(Debug)]
pub(super) struct Reaper {
    proc: OwnedFd,
    processes: Mutex<Processes>,
    /// Counts those that were reaped.
    pub(super) reaped: Arc<EventCount>,
}

#[derive(Debug, Default)]
struct Processes {
    by_pid: HashMap<i32, Known>,
    /// Died before anybody claimed them.
    unclaimed: VecDeque<i32>,
}

#[derive(Debug)]
struct Known {
    process: Weak<Process>,
    peak: Peak,
    /// What it leaves when nobody knows it any more.
    remains: Option<Slots>,
}

impl Reaper {
    pub(super) fn new(proc: OwnedFd) -> Self {
        Self { proc, processes: Mutex::new(Rank::Leaf, Processes::default()), reaped: Arc::default() }
    }

    /// Descriptor of the host's /proc for the sandbox's own pid namespace.
    pub(super) fn proc(&self) -> BorrowedFd<'_> {
        self.proc.as_fd()
    }

    /// Takes note of a new stub process. `EAGAIN`: the number is no child's of ours, or another space's.
    pub(super) fn add(&self, process: &Arc<Process>) -> Result<(), Errno> {
        let mut processes = self.processes.lock();
        let pid = process.pid;
        if processes.by_pid.contains_key(&pid) {
            return Err(Errno::EAGAIN);
        }
        if let Some(i) = processes.unclaimed.iter().position(|&dead| dead == pid) {
            processes.unclaimed.remove(i);
            return Err(Errno::EAGAIN);
        }
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let child = Pid::from_raw(pid).ok_or(Errno::EAGAIN)?;
        rustix::process::waitid(WaitId::Pid(child), options).map_err(|_| Errno::EAGAIN)?;
        processes
            .by_pid
            .insert(pid, Known { process: Arc::downgrade(process), peak: process.peak.clone(), remains: None });
        Ok(())
    }

    /// Kills a stub process unless it was reaped.
    pub(super) fn kill(&self, process: &Process) {
        let _processes = self.processes.lock();
        if let (false, Some(pid)) = (process.is_gone(), Pid::from_raw(process.pid)) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }

    /// Takes what a process leaves, to be given up when it is reaped.
    pub(super) fn bury(&self, process: &Process, remains: Slots) {
        let mut processes = self.processes.lock();
        // As long as it is not reaped the number is its own.
        if let (false, Some(known)) = (process.is_gone(), processes.by_pid.get_mut(&process.pid)) {
            known.remains = Some(remains);
        }
    }

    /// Reaps for ever, and sees to spares; ends when there is no child left.
    pub(super) fn run(&self, spares: &Spares) {
        while let Some(pid) = next_dead() {
            // Marked dead before the number can be used again.
            let (process, remains) = {
                let mut processes = self.processes.lock();
                let known = processes.by_pid.remove(&pid);
                if known.is_none() {
                    processes.unclaimed.push_back(pid);
                    if processes.unclaimed.len() > UNCLAIMED_MAX {
                        processes.unclaimed.pop_front();
                    }
                }
                // What is taken here may be the last of it: its end needs the lock.
                let process = known.as_ref().and_then(|known| known.process.upgrade());
                if let Some(process) = &process {
                    process.mark_gone();
                }
                let peak = reap(pid);
                let remains = known.and_then(|known| {
                    known.peak.set(peak);
                    known.remains
                });
                (process, remains)
            };
            self.reaped.advance();
            if let Some(process) = process {
                process.wake_waiters();
            }
            drop(remains);
            spares.refill();
        }
    }
}

/// Reaps a child that is dead: bytes that it had resident at most.
fn reap(pid: i32) -> u64 {
    let dead = wait(libc::P_PID, pid, libc::WEXITED);
    dead.map_or(0, |(_, kib)| kib << 10)
}

/// Waits until a child is dead and gives its pid without reaping it; `None`: there is no child left.
fn next_dead() -> Option<i32> {
    loop {
        match wait(libc::P_ALL, 0, libc::WEXITED | libc::WNOWAIT) {
            Ok((pid, _)) => return Some(pid),
            Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
            Err(_) => return None,
        }
    }
}

/// `waitid(2)` as the kernel has it: the child's pid, and KiB that it had resident at most.
fn wait(kind: libc::idtype_t, id: i32, options: i32) -> io::Result<(i32, u64)> {
    // SAFETY: zeroed ones are valid; the call fills them in.
    unsafe {
        let (mut info, mut usage): (libc::siginfo_t, libc::rusage) = std::mem::zeroed();
        match libc::syscall(libc::SYS_waitid, kind, id, &raw mut info, options, &raw mut usage) {
            0 => Ok((info.si_pid(), usage.ru_maxrss.cast_unsigned())),
            _ => Err(io::Error::last_os_error()),
        }
    }
}
