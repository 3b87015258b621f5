//! Signals from the sender's side: `kill(2)`, `tgkill(2)`, and what the kernel itself sends.

use crate::container::Container;
use crate::kernel::{Kernel, RLIMIT_SIGPENDING};
use crate::session::{ProcessGroup, Session};
use crate::signal::queue::Origin;
use crate::signal::state::{Signals, Thread, ThreadStop};
use crate::status::Status;
use crate::task::{CurrentTask, Task, ThreadGroup};
use abi::Errno;
use abi::poll::Events;
use abi::signal::{SI_USER, SIG_DFL, SIG_IGN, SIGCONT, SIGKILL, SIGRTMIN, SigAction, SigInfo, SigSet};
use std::sync::Arc;
use sync::MutexGuard;

/// How a signal is sent.
#[derive(Clone, Default)]
pub(crate) struct How {
    /// Only to the thread with this serial number.
    pub(crate) thread: Option<u64>,
    /// From outside of the namespace: an init cannot ignore SIGKILL and SIGSTOP.
    pub(crate) force: bool,
    /// To several processes at once.
    pub(crate) is_to_many: bool,
    /// Who wants to know.
    pub(crate) origin: Option<Arc<dyn Origin>>,
}

impl ThreadGroup {
    /// Sends a signal of the kernel's to the process. Nothing happens when it has ended.
    pub fn send(&self, info: SigInfo) {
        // The kernel's own signals are marked at least when the queue is full.
        let _ = self.post(info, How { force: true, ..How::default() });
    }

    /// Sends a signal of the kernel's to this process among others; under the tree's lock.
    fn send_among(&self, info: SigInfo) {
        let _ = self.post(info, How { force: true, is_to_many: true, ..How::default() });
    }

    /// Sends a signal of another process to the process. `EAGAIN`: its queue is full (real-time signals).
    pub fn send_user(&self, info: SigInfo, is_from_outside: bool) -> Result<(), Errno> {
        self.send_user_as(info, is_from_outside, false)
    }

    /// Sends a signal of another process to the process, perhaps to others too: under the tree's lock then.
    pub(crate) fn send_user_as(&self, info: SigInfo, force: bool, is_to_many: bool) -> Result<(), Errno> {
        self.post(info, How { force, is_to_many, ..How::default() }).map(drop)
    }

    /// Sends a signal whose origin is told when it is taken; false: it was dropped (ignored, or the queue is full).
    pub fn send_tracked(&self, info: SigInfo, thread: Option<&Task>, origin: Arc<dyn Origin>) -> bool {
        let thread = thread.map(Task::serial);
        matches!(self.post(info, How { thread, force: true, origin: Some(origin), ..How::default() }), Ok(true))
    }

    /// Ends the process as SIGKILL does.
    pub fn kill(&self) {
        self.end(Status::Signaled { signal: SIGKILL, core: false });
    }

    /// Decides the end of the process; the first decision counts.
    pub(crate) fn end(&self, status: Status) {
        self.signals.lock().end(status);
    }

    /// Queues a signal and wakes who is to take it. `Ok(false)`: dropped.
    fn post(&self, info: SigInfo, how: How) -> Result<bool, Errno> {
        let signal = info.signal();
        if signal == 0 {
            return Ok(false);
        }
        let limit = self.limit(RLIMIT_SIGPENDING);
        let mut signals = self.signals.lock();
        if signals.ending.is_some() {
            return Ok(false);
        }
        if how.is_to_many {
            signals.sent_to_many += 1;
        }
        if SigSet::STOPS.has(signal) {
            signals.flush(SigSet::of(SIGCONT));
        } else if signal == SIGCONT {
            signals.flush(SigSet::STOPS);
            signals.resume();
        }
        let Some(first) = how.thread.or_else(|| signals.threads.keys().next().copied()) else { return Ok(false) };
        if signals.is_ignored(first, signal, how.force) {
            return Ok(false);
        }
        let queued = enqueue(&mut signals, &info, &how, limit)?;
        if queued {
            signals.complete(signal, first, how.thread);
        }
        drop(signals);
        self.signal_events.notify(Events::IN | Events::RDNORM);
        Ok(queued)
    }
}

/// Signals to several processes at once: none of them makes a child meanwhile that would be left out (see
/// `Signals::sent_to_many`).
impl Kernel {
    /// Sends a signal of the kernel's to every process of a group, by the group's id in the root namespace.
    pub fn signal_process_group(&self, id: i32, info: SigInfo) {
        self.signal_group_if(id, info, |_| true);
    }

    /// Sends a signal of the kernel's to every process of the group that `leader` made: the number may be another's.
    pub fn signal_group_of(&self, leader: &ThreadGroup, info: SigInfo) {
        self.signal_group_if(leader.pid().root(), info, |group| Arc::ptr_eq(group.id(), leader.pid()));
    }

    fn signal_group_if(&self, id: i32, info: SigInfo, is_it: impl FnOnce(&ProcessGroup) -> bool) {
        let tree = self.tree();
        let Some(group) = tree.process_group(self.root_pids(), id).filter(|group| is_it(group)) else { return };
        tree.members(&group).iter().for_each(|member| member.send_among(info));
    }

    /// Ends every process of the session that `leader` made.
    pub fn kill_session_of(&self, leader: &ThreadGroup) {
        let tree = self.tree();
        let made = |session: &Arc<Session>| Arc::ptr_eq(session.id(), leader.pid());
        tree.groups().iter().filter(|group| tree.session_of(group).is_some_and(made)).for_each(|group| group.kill());
    }

    /// Sends a signal of the kernel's to every process of a container.
    pub fn signal_container(&self, container: &Arc<Container>, info: SigInfo) {
        let tree = self.tree();
        tree.groups_of(container).iter().for_each(|member| member.send_among(info));
    }

    /// Ends every process of a container.
    pub fn kill_container(&self, container: &Arc<Container>) {
        let tree = self.tree();
        tree.groups_of(container).iter().for_each(|member| member.kill());
    }
}

/// Puts a signal into the queue. `Ok(false)`: a standard one that is pending already.
fn enqueue(signals: &mut MutexGuard<'_, Signals>, info: &SigInfo, how: &How, limit: u64) -> Result<bool, Errno> {
    let signal = info.signal();
    let task = match how.thread {
        Some(serial) => signals.threads.get(&serial).map(|thread| thread.task.clone()),
        None => signals.threads.values().next().map(|thread| thread.task.clone()),
    };
    let Some(task) = task else { return Ok(false) };
    let queue = match how.thread.and_then(|serial| signals.threads.get_mut(&serial)) {
        Some(thread) => &mut thread.pending,
        None => &mut signals.shared,
    };
    if queue.has_standard(signal) {
        return Ok(false);
    }
    if signal == SIGKILL {
        queue.mark(signal);
        return Ok(true);
    }
    // Standard signals of kill(2) and of the kernel do not fail for want of room.
    let is_unlimited = signal < SIGRTMIN && info.code >= 0;
    let user = task.kernel().user(task.creds().uid);
    match user.count_signal(if is_unlimited { u64::MAX } else { limit }) {
        Some(charge) => queue.push(*info, how.origin.clone(), Some(charge)),
        None if signal >= SIGRTMIN && info.code != SI_USER => return Err(Errno::EAGAIN),
        None => queue.mark(signal),
    }
    Ok(true)
}

impl Signals {
    /// Finds a thread for a signal just queued and wakes it; a deadly one ends the process here, unless `first`, who
    /// it was sent to, has a tracer to see it first.
    fn complete(&mut self, signal: u8, first: u64, only: Option<u64>) {
        for (_, thread) in self.threads.iter().filter(|&(&serial, _)| only.is_none_or(|only| only == serial)) {
            thread.expect_signals(true);
        }
        let chosen = if let Some(serial) = only {
            self.threads.get(&serial).filter(|thread| takes(thread, signal))
        } else {
            let ready = |thread: &&Thread| !thread.task.word().is_interrupted();
            let mut able = self.threads.values().filter(|thread| takes(thread, signal));
            able.clone().find(ready).or_else(|| able.next())
        };
        let Some(chosen) = chosen else { return };
        let is_seen = self.is_traced(first) && signal != SIGKILL;
        if self.is_fatal(signal) && !chosen.mask().has(signal) && !is_seen {
            self.end(Status::Signaled { signal, core: false });
            return;
        }
        chosen.task.interrupt();
    }
}

/// The thread can take the signal.
fn takes(thread: &Thread, signal: u8) -> bool {
    if thread.is_exiting || (thread.mask().has(signal) && !thread.awaited.has(signal)) {
        return false;
    }
    signal == SIGKILL || (thread.stop != ThreadStop::Stopped && thread.trap.is_none())
}

impl Task {
    /// Sends a signal of the kernel's to this thread.
    pub fn send(&self, info: SigInfo) {
        let how = How { thread: Some(self.serial()), force: true, ..How::default() };
        let _ = self.group().post(info, how);
    }

    /// Sends a signal of another process to this thread. `EAGAIN`: its queue is full (real-time signals).
    pub fn send_user(&self, info: SigInfo, is_from_outside: bool) -> Result<(), Errno> {
        let how = How { thread: Some(self.serial()), force: is_from_outside, ..How::default() };
        self.group().post(info, how).map(drop)
    }
}

impl CurrentTask {
    /// Sends this thread a signal that it can neither block nor ignore: it raised an exception.
    pub fn force_signal(&mut self, info: SigInfo) {
        let signal = info.signal();
        let serial = self.task().serial();
        {
            let mut signals = self.group().signals.lock();
            let action = signals.actions.of(signal);
            let is_blocked = signals.mask(serial).has(signal);
            if is_blocked || action.handler == SIG_IGN {
                signals.actions.set(signal, SigAction { handler: SIG_DFL, ..action });
                if let Some(thread) = signals.threads.get_mut(&serial) {
                    let mut mask = thread.mask();
                    mask.remove(signal);
                    thread.set_mask(mask);
                }
            }
            if signals.actions.of(signal).handler == SIG_DFL && !signals.is_traced(serial) {
                signals.is_unkillable = false;
            }
            // Standard signals pending already are overtaken: this one has the address.
            if let Some(thread) = signals.threads.get_mut(&serial) {
                thread.pending.flush(SigSet::of(signal));
            }
        }
        self.task().send(info);
        self.task().interrupt();
    }

    /// The thread ends by SIGSEGV unless it has a handler that can still run: `force_sigsegv`.
    pub(crate) fn force_segv(&mut self, failed: u8) {
        if failed == abi::signal::SIGSEGV {
            let signals = self.group().signals.lock();
            signals.actions.set(failed, SigAction::default());
        }
        self.force_signal(SigInfo::kernel(abi::signal::SIGSEGV));
    }
}
