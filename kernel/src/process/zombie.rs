//! What becomes of a process that has ended, and of those who depended on it.

use crate::kernel::Kernel;
use crate::status::Status;
use crate::task::{Task, ThreadGroup};
use crate::tree::{State, Tree};
use crate::usage::Usage;
use abi::poll::Events;
use abi::signal::{CLD_DUMPED, CLD_EXITED, CLD_KILLED, SIG_IGN, SIGCHLD, SIGCONT, SIGHUP, SIGKILL, SigInfo};
use std::sync::Arc;
use std::time::Duration;

/// How often a dying init looks for stragglers, at least.
const LOOK: Duration = Duration::from_millis(100);

/// `si_code` and `si_status` of SIGCHLD for an end.
pub(crate) const fn child_code(status: Status) -> (i32, i32) {
    match status {
        Status::Exited(code) => (CLD_EXITED, code as i32),
        Status::Signaled { signal, core: false } => (CLD_KILLED, signal as i32),
        Status::Signaled { signal, core: true } => (CLD_DUMPED, signal as i32),
    }
}

/// Time in clock ticks of 10 ms.
pub(crate) const fn ticks(time: Duration) -> i64 {
    (time.as_millis() / 10) as i64
}

impl Tree {
    /// A thread has gone: its children get their death signal and belong to another thread of the process.
    pub(crate) fn orphan_children(&mut self, group: &ThreadGroup, thread: u64, heir: u64) {
        let children: Vec<i32> =
            self.node_of(group).map_or_else(Vec::new, |node| node.children.iter().copied().collect());
        for child in children {
            let Some(node) = self.node_mut(child).filter(|node| node.parent_thread == thread) else { continue };
            node.parent_thread = heir;
            let child = node.group.clone();
            for thread in &node.threads {
                let signal = thread.task.with_attributes(|attributes| attributes.parent_death_signal);
                if signal != 0 && thread.state == State::Running {
                    // As Linux: the signal goes to the process, once for each thread that asked.
                    child.send(SigInfo::sent(signal, abi::signal::SI_USER, group.pid().own(), 0));
                }
            }
        }
    }

    /// The last thread of a process has left: its children get another parent, its own parent is told, and when
    /// nobody wants to know it is gone.
    pub(crate) fn end_group(&mut self, group: &Arc<ThreadGroup>) {
        self.give_children_away(group);
        let status = {
            let signals = group.signals.lock();
            signals.ending
        };
        let Some(node) = self.node_of_mut(group) else { return };
        let status = status.unwrap_or(Status::Exited(0));
        node.zombie = Some(status);
        self.hang_up_orphans(group, None);
        self.settle(group);
        group.publish(status);
    }

    /// Tells the parent of an end. False: nobody wants to know.
    pub(crate) fn tell_end(&self, group: &ThreadGroup, status: Status) -> bool {
        let Some(node) = self.node_of(group) else { return false };
        let Some(parent) = node.parent.and_then(|parent| self.node(parent)) else { return false };
        let parent = &parent.group;
        let mut signal = node.exit_signal;
        let mut is_wanted = true;
        if signal == SIGCHLD {
            let actions = parent.actions();
            is_wanted = !actions.reaps_children();
            if actions.of(SIGCHLD).handler == SIG_IGN {
                signal = 0;
            }
        }
        if let Some(leader) = node.threads.first() {
            self.send_end(&leader.task, parent, signal, status);
        }
        parent.child_events.notify(Events::IN);
        is_wanted
    }

    /// Sends the signal about the end of a thread or, of a first thread, its process; 0 is none.
    pub(crate) fn send_end(&self, task: &Task, to: &ThreadGroup, signal: u8, status: Status) {
        if signal != 0 {
            let (code, value) = child_code(status);
            let usage = self.group_usage(task.group());
            let pid = task.tid_in(to.pid().namespace());
            let (user, system) = (ticks(usage.user), ticks(usage.system));
            let receiver = self.node_of(to).and_then(|node| node.threads.first());
            let uid = task.creds().uid;
            let uid = receiver.map_or(uid, |receiver| receiver.task.creds().user_ns.guest_uid(uid));
            to.send(SigInfo::child(signal, code, pid, uid, value, user, system));
        }
    }

    /// What the threads of a process have used, for those who hold the tree.
    pub(crate) fn group_usage(&self, group: &ThreadGroup) -> Usage {
        let mut usage = group.past_usage().0;
        for thread in self.node_of(group).into_iter().flat_map(|node| &node.threads) {
            usage.add(&thread.task.usage());
        }
        usage
    }

    fn give_children_away(&mut self, group: &Arc<ThreadGroup>) {
        let reaper = self.reaper(group);
        let heir = reaper.and_then(|id| self.node(id)).and_then(|node| node.threads.first());
        let heir = heir.map_or(0, |thread| thread.task.serial());
        let children: Vec<i32> =
            self.node_of(group).map_or_else(Vec::new, |node| node.children.iter().copied().collect());
        for id in children {
            let Some(node) = self.node_mut(id) else { continue };
            let child = node.group.clone();
            let is_traced = node.threads.first().is_some_and(|leader| leader.tracer.is_some());
            node.exit_signal = SIGCHLD;
            self.reparent(id, reaper, heir);
            // A dead one with a tracer is that one's affair for now.
            if !is_traced {
                self.settle(&child);
            }
            if self.node(id).is_none() {
                continue;
            }
            self.hang_up_orphans(&child, Some(group));
        }
    }

    /// When a process group has become orphaned and has stopped members, these are hung up and continued
    /// (POSIX `_exit`). `parent`: the one that ends, when `group` is its child; else `group` itself ends.
    fn hang_up_orphans(&self, group: &ThreadGroup, parent: Option<&ThreadGroup>) {
        let Some(node) = self.node_of(group) else { return };
        let jobs = &node.process_group;
        let other = match parent {
            Some(parent) => self.node_of(parent),
            None => node.parent.and_then(|parent| self.node(parent)),
        };
        let Some(other) = other else { return };
        let is_link =
            !Arc::ptr_eq(&other.process_group, jobs) && Arc::ptr_eq(other.process_group.session(), jobs.session());
        let ignored = if parent.is_none() { Some(group) } else { None };
        if !is_link || !self.is_orphaned(jobs, ignored) {
            return;
        }
        let members = self.members(jobs);
        if members.iter().any(|member| member.signals.lock().is_group_stopped()) {
            for member in members {
                member.send(SigInfo::kernel(SIGHUP));
                member.send(SigInfo::kernel(SIGCONT));
            }
        }
    }
}

impl Kernel {
    /// The init of a pid namespace ends: everything else in it is killed and gone before that
    /// (`pid_namespaces(7)`).
    pub(crate) fn clear_namespace(&self, init: &Arc<ThreadGroup>) {
        let namespace = init.pid().namespace().clone();
        {
            let _tree = self.tree();
            namespace.close();
        }
        loop {
            let before = self.departures.read();
            let mut others = Vec::new();
            let mut is_done = true;
            {
                let mut tree = self.tree();
                for id in tree.ids_in(&namespace) {
                    let Some(node) = tree.node(id).filter(|node| !Arc::ptr_eq(&node.group, init)) else { continue };
                    let group = node.group.clone();
                    let parent = node.parent.and_then(|parent| tree.node(parent)).map(|parent| &parent.group);
                    match (node.zombie, parent) {
                        (None, _) => {
                            others.push(group);
                            is_done = false;
                        }
                        (Some(_), Some(parent)) if !Arc::ptr_eq(parent, init) => {
                            // A parent outside of the namespace may take its time; one inside dies too.
                            is_done &= parent.pid().within(&namespace) == 0;
                        }
                        (Some(_), _) => tree.remove_group(&group),
                    }
                }
            }
            if is_done {
                return;
            }
            for group in &others {
                group.end(Status::Signaled { signal: SIGKILL, core: false });
            }
            self.departures.await_more(before, Some(LOOK));
        }
    }
}
