//! The end of a task: `exit(2)`, `exit_group(2)`.

use crate::signal::{Notice, Signals, ThreadStop};
use crate::status::Status;
use crate::task::{CurrentTask, End, Live, Task};
use crate::tree::State;
use abi::poll::Events;
use abi::signal::{SIGCONT, SIGHUP, SigInfo, SigSet};
use std::sync::Arc;
use vfs::Caller;

/// Ends a task: it gives up what it has, then leaves the tree.
pub(crate) fn exit(mut current: CurrentTask, end: End) {
    let task = current.task().clone();
    let group = task.group().clone();
    let ending = begin(&task);
    let status = match end {
        End::Thread(status) => ending.unwrap_or(status),
        End::Group => ending.unwrap_or(Status::Exited(0)),
    };
    current.leave_futexes();
    task.set_undo(None);
    let (_, caller, live, context, release) = current.into_parts();
    // The host thread goes with the context, the host process with the last user of its space.
    task.set_kicker(None);
    drop(context);
    release_live(&task, &caller, live);
    drop(release);
    let is_last = {
        let tree = group.kernel().tree();
        let others = tree.node_of(&group).into_iter().flat_map(|node| &node.threads);
        !others.into_iter().any(|thread| thread.state != State::Zombie && !Arc::ptr_eq(&thread.task, &task))
    };
    if is_last {
        group.timers.end();
        release_terminal(&task);
        if group.pid().is_init() {
            group.kernel().clear_namespace(&group);
        }
    }
    task.leave(status);
}

/// The task takes no more signals; what was meant for the process goes to its other threads. How the process ends,
/// if that is decided.
fn begin(task: &Arc<Task>) -> Option<Status> {
    let group = task.group();
    {
        let mut tree = group.kernel().tree();
        if let Some(node) = tree.node_of_mut(group)
            && let Some(thread) = node.threads.iter_mut().find(|thread| Arc::ptr_eq(&thread.task, task))
        {
            thread.state = State::Exiting;
        }
    }
    let mut signals = group.signals.lock();
    let is_stop_complete = signals.begin_exit(task.serial());
    let ending = signals.ending;
    drop(signals);
    if is_stop_complete {
        group.tell_parent(Notice::Stopped);
    }
    ending
}

impl Signals {
    /// A thread takes no more signals. True: a stop of the process is complete without it.
    fn begin_exit(&mut self, serial: u64) -> bool {
        let Some(thread) = self.threads.get_mut(&serial) else { return false };
        thread.is_exiting = true;
        let was_pending = std::mem::replace(&mut thread.stop, ThreadStop::Running) == ThreadStop::Pending;
        let mask = thread.mask;
        self.retarget(serial, SigSet::ALL.without(mask));
        was_pending && self.finish_stop()
    }
}

/// Gives up memory, descriptors and directories; the last user of a descriptor table closes them.
fn release_live(task: &Arc<Task>, caller: &Caller, live: Live) {
    drop(task.set_live(None));
    let Live { mm, program, fds, fs } = live;
    drop(mm);
    drop(program);
    if let Some(fds) = Arc::into_inner(fds) {
        fds.close_all(caller);
    }
    drop(fs);
    task.work.lock().clear();
}

/// The leader of a session ends: its terminal hangs up.
fn release_terminal(task: &Arc<Task>) {
    let group = task.group();
    let Some(session) = group.session() else { return };
    if session.id().root() != group.pid().root() {
        return;
    }
    let foreground = session.foreground();
    let Some(terminal) = session.set_terminal(None) else { return };
    if let Some(foreground) = foreground {
        let id = foreground.id().root();
        group.kernel().signal_process_group(id, SigInfo::kernel(SIGHUP));
        group.kernel().signal_process_group(id, SigInfo::kernel(SIGCONT));
    }
    terminal.hang_up();
}

impl Task {
    /// Leaves the tree, or stays in it as a zombie. The last thread ends the process.
    fn leave(self: &Arc<Self>, status: Status) {
        let group = self.group();
        let kernel = group.kernel();
        self.discharge();
        let mut tree = kernel.tree();
        {
            let mut signals = group.signals.lock();
            signals.threads.remove(&self.serial());
        }
        let is_leader = self.pid().root() == group.pid().root();
        if is_leader {
            // What it has used stays with it until it is reaped.
            if let Some(node) = tree.node_of_mut(group) {
                node.leader_status = Some(status);
                for thread in &mut node.threads {
                    if Arc::ptr_eq(&thread.task, self) {
                        thread.state = State::Zombie;
                    }
                }
            }
        } else {
            group.add_thread_usage(&self.usage());
            tree.remove_thread(self);
        }
        let heir = tree.node_of(group).and_then(|node| node.threads.iter().find(|t| t.state == State::Running));
        let heir = heir.map_or(0, |thread| thread.task.serial());
        tree.orphan_children(group, self.serial(), heir);
        let is_over = tree.node_of(group).is_some_and(|node| node.threads.iter().all(|t| t.state == State::Zombie));
        if is_over {
            tree.end_group(group);
        }
        drop(tree);
        group.thread_events.notify(Events::IN);
        if is_over {
            kernel.departed();
        }
    }
}
