//! Stop and continue: `signal(7)`; job control from the side of signals.

use crate::signal::state::{GroupStop, Notice, Signals, Thread, ThreadStop};
use crate::task::ThreadGroup;
use crate::tree::GroupNode;
use abi::poll::Events;
use abi::signal::{ActionFlags, CLD_CONTINUED, CLD_STOPPED, SIG_IGN, SIGCHLD, SIGCONT, SigInfo};

impl Thread {
    /// A seized tracee is told of a stop of its process, or its end.
    fn notice_jobs(&mut self) {
        if let Some(trace) = self.trace.as_mut().filter(|trace| trace.is_seized) {
            trace.wants_notice = true;
            self.task.rouse();
        }
    }
}

impl Signals {
    /// SIGCONT arrived: stopped threads go on, stops that are under way are off.
    pub(crate) fn resume(&mut self) {
        for thread in self.threads.values_mut() {
            thread.has_taken_stop = false;
            if thread.stop != ThreadStop::Running {
                thread.stop = ThreadStop::Running;
                thread.task.rouse();
            }
            thread.notice_jobs();
        }
        let notice = match self.stop {
            GroupStop::Running => return,
            GroupStop::Stopping(_) => Notice::Stopped,
            GroupStop::Stopped(_) => Notice::Continued,
        };
        self.stop = GroupStop::Running;
        self.stop_report = None;
        self.continue_report = true;
        self.notice = Some(notice);
    }

    /// A thread took a stopping signal: every thread is to stop, unless SIGCONT came in between.
    pub(crate) fn start_stop(&mut self, serial: u64, signal: u8) {
        let may_stop = self.threads.get(&serial).is_some_and(|thread| thread.has_taken_stop);
        if !may_stop || self.ending.is_some() || self.exec.is_some() {
            return;
        }
        // A traced thread may run on in a process that is stopped, and get another stopping signal.
        if !self.is_group_stopped() {
            self.stop = GroupStop::Stopping(signal);
        }
        self.continue_report = false;
        for thread in self.threads.values_mut() {
            if !thread.is_exiting && thread.stop == ThreadStop::Running {
                thread.stop = ThreadStop::Pending;
                thread.stop_signal = signal;
                thread.task.interrupt();
                if thread.task.serial() != serial {
                    thread.notice_jobs();
                }
            }
        }
    }

    /// A thread stops. True: it was the last; the parent is to be told.
    pub(crate) fn park(&mut self, serial: u64) -> bool {
        if let Some(thread) = self.threads.get_mut(&serial) {
            thread.stop = ThreadStop::Stopped;
        }
        self.finish_stop()
    }

    /// Completes a stop when no thread is missing. True: it is complete now.
    pub(crate) fn finish_stop(&mut self) -> bool {
        let GroupStop::Stopping(signal) = self.stop else { return false };
        let is_missing = self.threads.values().any(|t| t.stop == ThreadStop::Pending && !t.is_exiting);
        let is_any = self.threads.values().any(|t| !t.is_exiting);
        if is_missing || !is_any {
            return false;
        }
        self.stop = GroupStop::Stopped(signal);
        self.stop_report = Some(signal);
        true
    }
}

impl ThreadGroup {
    /// Tells the parent of a stop or continuation. A tracer of the first thread hears of a continuation too.
    pub(crate) fn tell_parent(&self, notice: Notice) {
        let tree = self.kernel().tree();
        let Some(node) = tree.node_of(self) else { return };
        if let Some(parent) = node.parent.and_then(|parent| tree.node(parent)) {
            self.tell_of_jobs(&parent.group, node, notice);
        }
        let tracer = node.threads.first().and_then(|leader| leader.tracer).map(|tracer| tracer.group);
        if let Some(tracer) = tracer.filter(|&id| notice == Notice::Continued && node.parent != Some(id))
            && let Some(tracer) = tree.node(tracer)
        {
            self.tell_of_jobs(&tracer.group, node, notice);
        }
    }

    fn tell_of_jobs(&self, parent: &Self, node: &GroupNode, notice: Notice) {
        let (action, signal) = (parent.action(SIGCHLD), self.signals.lock().stop_signal());
        if action.handler != SIG_IGN && !action.flags().contains(ActionFlags::NOCLDSTOP) {
            let (code, status) = match notice {
                Notice::Stopped => (CLD_STOPPED, signal),
                Notice::Continued => (CLD_CONTINUED, SIGCONT),
            };
            let pid = self.pid().within(parent.pid().namespace());
            let uid = node.threads.first().map_or(0, |thread| thread.task.creds().uid);
            parent.send(SigInfo::child(SIGCHLD, code, pid, uid, status.into(), 0, 0));
        }
        parent.child_events.notify(Events::IN);
    }
}
