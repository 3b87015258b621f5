//! The end of a task: `exit(2)`, `exit_group(2)`.

use crate::futex::wake_at_exit;
use crate::signal::{Notice, Signals, ThreadStop};
use crate::status::Status;
use crate::task::{CurrentTask, End, Live, Task};
use crate::tree::State;
use abi::poll::Events;
use abi::signal::{SIGHUP, SigInfo, SigSet};
use mm::{Mm, UserAddr};
use std::sync::Arc;
use sync::wake_later;
use vfs::Caller;

/// Ends a task: it gives up what it has, then leaves the tree.
pub(crate) fn exit(mut current: CurrentTask, end: End) {
    current.leave_dump();
    if current.task().is_traced() {
        current.stop_at_end(end);
    }
    let task = current.task().clone();
    let group = task.group().clone();
    let own = match end {
        End::Thread(status) => status,
        End::Group => Status::Exited(0),
    };
    begin(&task, own);
    let clear = current.leave_memory();
    task.set_undo(None);
    task.release_seccomp();
    let (_, caller, live, context, release) = current.into_parts();
    task.set_kicker(None);
    task.share_signal_mask(None);
    release_live(&task, &caller, live);
    drop(release);
    let is_last = become_zombie(&task);
    if is_last {
        group.timers.end();
        release_terminal(&task);
        if group.pid().is_init() {
            group.kernel().clear_namespace(&group);
        }
    }
    // The host thread goes with the context, the host process with the last user of its space: nobody waits for that.
    match clear {
        Some(clear) if is_last => {
            clear.wake();
            task.leave(own, true);
        }
        Some(clear) => {
            // Who joins the thread finds it gone.
            task.leave(own, false);
            // The thread itself wakes those who wait for its end, if it ends now.
            if let Some(context) = context.exit(clear.addr.0) {
                clear.wake();
                drop(context);
            }
        }
        None => {
            task.leave(own, is_last);
            drop(context);
        }
    }
}

/// The thread has nothing left but its number and its status. True: no other thread of the process has more.
fn become_zombie(task: &Arc<Task>) -> bool {
    let mut tree = task.kernel().tree();
    let Some(node) = tree.node_of_mut(task.group()) else { return true };
    if let Some(thread) = node.threads.iter_mut().find(|thread| Arc::ptr_eq(&thread.task, task)) {
        thread.state = State::Zombie;
    }
    node.threads.iter().all(|thread| thread.state == State::Zombie)
}

/// A word to be cleared when a thread has ended: `CLONE_CHILD_CLEARTID`.
struct ClearTid {
    mm: Arc<Mm>,
    addr: UserAddr,
}

impl ClearTid {
    /// Clears it and wakes one waiter.
    fn wake(&self) {
        wake_at_exit(&self.mm, self.addr);
    }
}

impl CurrentTask {
    /// The thread is done with its memory, which others may go on to use: what is left to clear.
    fn leave_memory(&mut self) -> Option<ClearTid> {
        let is_shared = Arc::strong_count(self.mm()) > 2;
        if is_shared {
            // The area may be unmapped as soon as somebody knows that the thread has ended.
            self.context.unregister_rseq();
        } else {
            self.group().note_end_of(self.mm());
        }
        let addr = std::mem::take(&mut self.clear_child_tid);
        self.leave_futexes();
        let is_wanted = is_shared && !addr.is_null();
        is_wanted.then(|| ClearTid { mm: self.mm().clone(), addr })
    }
}

/// The task takes no more signals; what was meant for the process goes to its other threads. If it is the last one
/// to do so, the process ends as it does unless its end is decided.
fn begin(task: &Arc<Task>, own: Status) {
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
    if signals.threads.values().all(|thread| thread.is_exiting) {
        signals.ending.get_or_insert(own);
    }
    drop(signals);
    if is_stop_complete {
        group.tell_parent(Notice::Stopped);
    }
}

impl Signals {
    /// A thread takes no more signals. True: a stop of the process is complete without it.
    fn begin_exit(&mut self, serial: u64) -> bool {
        let Some(thread) = self.threads.get_mut(&serial) else { return false };
        thread.is_exiting = true;
        let was_pending = std::mem::replace(&mut thread.stop, ThreadStop::Running) == ThreadStop::Pending;
        let mask = thread.mask();
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

/// The leader of a session ends: the foreground group of its terminal is hung up, and the terminal controls nobody.
fn release_terminal(task: &Arc<Task>) {
    let group = task.group();
    let Some(session) = group.session() else { return };
    if session.id().root() != group.pid().root() {
        return;
    }
    let foreground = session.foreground();
    let Some(terminal) = session.set_terminal(None) else { return };
    if let Some(foreground) = foreground {
        group.kernel().signal_process_group(foreground.id().root(), SigInfo::kernel(SIGHUP));
    }
    terminal.hang_up();
}

impl Task {
    /// Leaves the tree, or stays in it as a zombie. The last thread ends the process.
    fn leave(self: &Arc<Self>, own: Status, is_last: bool) {
        let group = self.group();
        let kernel = group.kernel();
        self.discharge();
        // A parent that is woken wants the tree too.
        wake_later(|| self.leave_tree(own, is_last));
        group.thread_events.notify(Events::IN);
        if is_last {
            kernel.departures.advance();
        }
    }

    /// Takes the task out of the tree, and tells those who wait for that.
    fn leave_tree(self: &Arc<Self>, own: Status, is_last: bool) {
        let group = self.group();
        let mut tree = group.kernel().tree();
        tree.detach_all(self);
        let (gone, status) = {
            let mut signals = group.signals.lock();
            (signals.threads.remove(&self.serial()), signals.ending.unwrap_or(own))
        };
        let is_traced = tree.tracer_of(self).is_some();
        tree.set_status(self, own);
        if is_traced && !(self.is_leader() && is_last) {
            tree.tell_tracer(self, status);
        }
        // What it has used stays with it until it is reaped.
        if !self.is_leader() && !is_traced {
            group.add_thread_usage(&self.usage());
            tree.remove_thread(self);
        }
        if !is_last {
            // The last thread may have ended the process while this one was on its way out.
            tree.settle(group);
        }
        let heir = tree.node_of(group).and_then(|node| node.threads.iter().find(|t| t.state == State::Running));
        let heir = heir.map_or(0, |thread| thread.task.serial());
        tree.orphan_children(group, self.serial(), heir);
        if is_last {
            tree.end_group(group);
        }
        drop(tree);
        drop(gone);
    }
}
