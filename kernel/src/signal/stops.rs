//! Stop and continue: `signal(7)`; job control from the side of signals.

use crate::signal::state::{GroupStop, Notice, Signals, ThreadStop};
use crate::task::ThreadGroup;
use abi::poll::Events;
use abi::signal::{ActionFlags, CLD_CONTINUED, CLD_STOPPED, SIG_IGN, SIGCHLD, SIGCONT, SigInfo};

impl Signals {
    /// SIGCONT arrived: stopped threads go on, stops that are under way are off.
    pub(crate) fn resume(&mut self) {
        for thread in self.threads.values_mut() {
            thread.has_taken_stop = false;
            if thread.stop != ThreadStop::Running {
                thread.stop = ThreadStop::Running;
                thread.task.interrupt();
                thread.task.word().wake();
            }
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
        self.stop = GroupStop::Stopping(signal);
        self.continue_report = false;
        for thread in self.threads.values_mut() {
            if !thread.is_exiting && thread.stop == ThreadStop::Running {
                thread.stop = ThreadStop::Pending;
                thread.task.interrupt();
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
        let is_any = self.threads.values().any(|t| t.stop == ThreadStop::Stopped);
        if is_missing || !is_any {
            return false;
        }
        self.stop = GroupStop::Stopped(signal);
        self.stop_report = Some(signal);
        true
    }
}

impl ThreadGroup {
    /// Tells the parent of a stop or continuation.
    pub(crate) fn tell_parent(&self, notice: Notice) {
        let tree = self.kernel().tree();
        let Some(node) = tree.node_of(self) else { return };
        let Some(parent) = node.parent.and_then(|parent| tree.node(parent)) else { return };
        let parent = &parent.group;
        let (action, signal) = {
            let stopped = match self.signals.lock().stop {
                GroupStop::Stopping(signal) | GroupStop::Stopped(signal) => signal,
                GroupStop::Running => 0,
            };
            (parent.actions().of(SIGCHLD), stopped)
        };
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
