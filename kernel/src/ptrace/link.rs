//! Who traces whom, as the tree knows it.

use crate::ptrace::Trace;
use crate::status::Status;
use crate::task::{Task, ThreadGroup};
use crate::tree::{ThreadNode, Tree};
use abi::poll::Events;
use abi::ptrace::Options;
use abi::signal::{SIGCHLD, SIGKILL, SIGSTOP, SigInfo};
use std::sync::Arc;

/// The thread that traces another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tracer {
    /// Its process's id in the root namespace.
    pub(crate) group: i32,
    /// Its serial number.
    pub(crate) serial: u64,
}

impl Tree {
    /// A thread's place in its process.
    pub(crate) fn thread(&self, task: &Task) -> Option<&ThreadNode> {
        self.node_of(task.group())?.threads.iter().find(|thread| thread.task.serial() == task.serial())
    }

    fn thread_mut(&mut self, task: &Task) -> Option<&mut ThreadNode> {
        self.node_of_mut(task.group())?.threads.iter_mut().find(|thread| thread.task.serial() == task.serial())
    }

    /// Who traces a thread, dead or alive.
    pub(crate) fn tracer_of(&self, task: &Task) -> Option<Tracer> {
        self.thread(task)?.tracer
    }

    /// A thread becomes the tracee of another one.
    pub(crate) fn link(&mut self, tracee: &Arc<Task>, trace: Trace) {
        let tracer = Tracer { group: trace.tracer.group().pid().root(), serial: trace.tracer.serial() };
        if let Some(node) = self.node_mut(tracer.group) {
            node.tracees.insert(tracee.serial(), tracee.clone());
        }
        if let Some(thread) = self.thread_mut(tracee) {
            thread.tracer = Some(tracer);
        }
        tracee.group().signals.lock().trace(tracee, trace);
    }

    /// A new thread or process is traced as its maker is, and stops at once.
    pub(crate) fn link_child(&mut self, child: &Arc<Task>, maker: &Task) {
        let trace = {
            let signals = maker.group().signals.lock();
            let trace = signals.threads.get(&maker.serial()).and_then(|thread| thread.trace.as_ref());
            trace.map(|trace| Trace::new(trace.tracer.clone(), trace.options, trace.is_seized))
        };
        let Some(mut trace) = trace else { return };
        let is_seized = trace.is_seized;
        trace.wants_stop = is_seized;
        self.link(child, trace);
        if !is_seized && let Some(thread) = child.group().signals.lock().threads.get_mut(&child.serial()) {
            thread.pending.mark(SIGSTOP);
        }
    }

    /// Ends the tracing of a thread; see `Signals::untrace`.
    pub(crate) fn unlink(&mut self, tracee: &Task, signal: Option<i32>) {
        let tracer = self.thread_mut(tracee).and_then(|thread| thread.tracer.take());
        if let Some(tracer) = tracer {
            self.forget_tracee(tracer, tracee);
            tracee.group().signals.lock().untrace(tracee.serial(), signal);
        }
    }

    /// The tracer's side of a bond that ends.
    pub(crate) fn forget_tracee(&mut self, tracer: Tracer, tracee: &Task) {
        if let Some(node) = self.node_mut(tracer.group) {
            node.tracees.remove(&tracee.serial());
        }
    }

    /// Ends the tracing of a thread. A dead one is the affair of its parent now, or is gone.
    pub(crate) fn detach(&mut self, tracee: &Arc<Task>, signal: Option<i32>) {
        self.unlink(tracee, signal);
        if self.thread(tracee).is_none_or(|thread| thread.status.is_none()) {
            return;
        }
        if tracee.is_leader() { self.settle(&tracee.group().clone()) } else { self.bury(tracee) }
    }

    /// A thread ends, and with it the tracing that it does.
    pub(crate) fn detach_all(&mut self, tracer: &Task) {
        let Some(node) = self.node_of(tracer.group()) else { return };
        let all: Vec<_> = node.tracees.values().cloned().collect();
        for tracee in all {
            if self.tracer_of(&tracee).is_none_or(|link| link.serial != tracer.serial()) {
                continue;
            }
            let must_die = {
                let signals = tracee.group().signals.lock();
                let trace = signals.threads.get(&tracee.serial()).and_then(|thread| thread.trace.as_ref());
                trace.is_some_and(|trace| trace.options.contains(Options::EXITKILL))
            };
            if must_die {
                tracee.send(SigInfo::kernel(SIGKILL));
            }
            self.detach(&tracee, None);
        }
    }

    /// Takes a dead thread out that its tracer has waited for. The process itself may be next.
    pub(crate) fn bury(&mut self, task: &Arc<Task>) {
        let group = task.group().clone();
        group.add_thread_usage(&task.usage());
        self.remove_thread(task);
        group.thread_events.notify(Events::IN);
        self.settle(&group);
    }

    /// A process that has ended, with nothing left of it but its first thread: who traces that one is told, else its
    /// parent; when nobody wants to know it is gone.
    pub(crate) fn settle(&mut self, group: &Arc<ThreadGroup>) {
        let Some(node) = self.node_of(group).filter(|node| node.threads.len() <= 1) else { return };
        let has_left = node.threads.iter().all(|thread| thread.status.is_some());
        let Some(status) = node.zombie.filter(|_| has_left) else { return };
        let leader = node.threads.first().filter(|thread| thread.tracer.is_some()).map(|thread| thread.task.clone());
        match leader {
            Some(leader) => self.tell_tracer(&leader, status),
            None if self.tell_end(group, status) => {}
            None => self.remove_group(group),
        }
    }

    /// Tells the tracer of a thread's end.
    pub(crate) fn tell_tracer(&self, task: &Task, status: Status) {
        let Some(tracer) = self.tracer_of(task).and_then(|tracer| self.node(tracer.group)) else { return };
        let own = self.node_of(task.group());
        let is_child = own.is_some_and(|own| own.parent == Some(tracer.group.pid().root()));
        let is_last = own.is_some_and(|own| own.zombie.is_some() && own.threads.len() <= 1);
        let signal = if is_child && is_last { own.map_or(SIGCHLD, |own| own.exit_signal) } else { SIGCHLD };
        self.send_end(task, &tracer.group, signal, status);
        tracer.group.child_events.notify(Events::IN);
    }
}
