//! Waiting for children: `wait4(2)`, `waitid(2)`.

use crate::peaks::Peaks;
use crate::process::zombie::child_code;
use crate::status::{CONTINUED_TO_WAIT, Status, stopped_to_wait};
use crate::task::{CurrentTask, Task, ThreadGroup};
use crate::tree::{GroupNode, Tree};
use crate::usage::Usage;
use abi::Errno;
use abi::poll::Events;
use abi::process::Rusage;
use abi::signal::{CLD_CONTINUED, CLD_STOPPED, CLD_TRAPPED, SIGCHLD, SIGCONT};
use abi::wait::WaitFlags;
use std::sync::Arc;
use sync::Fail;

/// Which children.
#[derive(Clone, Debug)]
pub enum Which {
    /// Any.
    Any,
    /// The process, or the tracee, with this id in the root namespace; 0 is none.
    Process(i32),
    /// Those in the process group with this id in the root namespace; 0 is none.
    Group(i32),
}

/// What happened to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It ended.
    Ended(Status),
    /// It was stopped by a signal.
    Stopped(u8),
    /// It is a tracee that stopped; the signal and, above that, the event.
    Trapped(i32),
    /// SIGCONT made it go on.
    Continued,
}

impl What {
    /// As `wait4(2)` stores it.
    pub const fn to_wait(self) -> i32 {
        match self {
            Self::Ended(status) => status.to_wait(),
            Self::Stopped(signal) => stopped_to_wait(signal as i32),
            Self::Trapped(code) => stopped_to_wait(code),
            Self::Continued => CONTINUED_TO_WAIT,
        }
    }

    /// `si_code` and `si_status` as `waitid(2)` stores them.
    pub const fn to_info(self) -> (i32, i32) {
        match self {
            Self::Ended(status) => child_code(status),
            Self::Stopped(signal) => (CLD_STOPPED, signal as i32),
            Self::Trapped(code) => (CLD_TRAPPED, code),
            Self::Continued => (CLD_CONTINUED, SIGCONT as i32),
        }
    }
}

/// News of a child.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its id, as the one who waits sees it.
    pub pid: i32,
    /// Its real user.
    pub uid: u32,
    /// What happened.
    pub what: What,
    /// What it and the children that it waited for have used.
    pub usage: Usage,
    /// Peaks of the memory that they have left behind.
    pub peaks: Peaks,
}

impl Event {
    /// What `wait4(2)` tells of what the child has used.
    pub fn rusage(&self) -> Rusage {
        self.usage.to_rusage(self.peaks.max_resident())
    }
}

/// A child or a tracee. Of a process its first thread stands for it.
struct Candidate {
    task: Arc<Task>,
    is_tracee: bool,
}

/// Result of a look at one candidate.
enum Consider {
    /// It is not meant, or nothing will ever happen to it.
    Not,
    /// Something may happen yet.
    Later,
    Now(What),
}

/// Result of one look at all.
enum Look {
    Found(Event),
    /// Something may happen yet.
    Nothing,
    /// There is no child that could be waited for.
    Childless,
}

impl CurrentTask {
    /// Waits for news of children; `None` with `WNOHANG` when there are none. `ECHILD`.
    pub fn wait(&self, which: &Which, flags: WaitFlags) -> Result<Option<Event>, Fail> {
        let queue = &self.group().child_events;
        let look = || match self.look(which, flags) {
            Look::Found(event) => Some(Ok(Some(event))),
            Look::Childless => Some(Err(Errno::ECHILD)),
            Look::Nothing if flags.contains(WaitFlags::NOHANG) => Some(Ok(None)),
            Look::Nothing => None,
        };
        match self.caller().block(queue, Events::IN, None, look) {
            // SIGCHLD comes first; what it is about is there by then.
            Err(interrupted) => look().map_or(Err(interrupted), |result| Ok(result?)),
            Ok(result) => Ok(result?),
        }
    }

    fn look(&self, which: &Which, flags: WaitFlags) -> Look {
        let mut tree = self.kernel().tree();
        let mut is_any = false;
        for candidate in self.candidates(&tree, which, flags) {
            match self.consider(&tree, &candidate, which, flags) {
                Consider::Not => {}
                Consider::Later => is_any = true,
                Consider::Now(what) => return Look::Found(self.collect(&mut tree, &candidate, what, flags)),
            }
        }
        if is_any { Look::Nothing } else { Look::Childless }
    }

    /// Children, then tracees.
    fn candidates(&self, tree: &Tree, which: &Which, flags: WaitFlags) -> Vec<Candidate> {
        let Some(own) = tree.node_of(self.group()) else { return Vec::new() };
        let mut candidates = Vec::new();
        let mut add_child = |id: i32| {
            let leader = tree.node(id).and_then(|child| child.threads.first());
            candidates.extend(leader.map(|leader| Candidate { task: leader.task.clone(), is_tracee: false }));
        };
        match *which {
            Which::Process(id) => own.children.get(&id).copied().into_iter().for_each(&mut add_child),
            _ => own.children.iter().copied().for_each(&mut add_child),
        }
        for task in own.tracees.values() {
            let is_wanted = !matches!(*which, Which::Process(id) if task.tid() != id);
            let serial = self.task().serial();
            let is_own = || tree.tracer_of(task).is_some_and(|tracer| tracer.serial == serial);
            if is_wanted && (!flags.contains(WaitFlags::NOTHREAD) || is_own()) {
                candidates.push(Candidate { task: task.clone(), is_tracee: true });
            }
        }
        candidates
    }

    /// Whether there is something to say of a candidate: `wait_consider_task` of Linux.
    fn consider(&self, tree: &Tree, candidate: &Candidate, which: &Which, flags: WaitFlags) -> Consider {
        let task = &candidate.task;
        let (Some(node), Some(thread)) = (tree.node_of(task.group()), tree.thread(task)) else { return Consider::Not };
        if !candidate.is_tracee && !self.is_waited_for(node, flags)
            || matches!(*which, Which::Group(id) if node.process_group.id().root() != id)
        {
            return Consider::Not;
        }
        // A child that its own parent traces is looked at as a tracee.
        let is_own = thread.tracer.is_some_and(|tracer| tracer.group == self.group().pid().root());
        let is_tracee = candidate.is_tracee || is_own;
        let mut is_any = true;
        if let Some(status) = thread.status {
            let is_delayed = task.is_leader() && node.threads.len() > 1;
            // A dead tracee is there for its tracer alone until that one has seen it.
            let is_seen = is_tracee || thread.tracer.is_none();
            if !is_delayed && is_seen && flags.contains(WaitFlags::EXITED) {
                let ending = task.group().signals.lock().ending;
                let whole = node.zombie.filter(|_| task.is_leader()).or(ending);
                return Consider::Now(What::Ended(whole.unwrap_or(status)));
            }
            is_any = !is_tracee || flags.intersects(WaitFlags::CONTINUED.union(WaitFlags::EXITED));
        }
        match news(task, is_tracee, flags) {
            Some(what) => Consider::Now(what),
            None if is_any => Consider::Later,
            None => Consider::Not,
        }
    }

    fn is_waited_for(&self, child: &GroupNode, flags: WaitFlags) -> bool {
        if flags.contains(WaitFlags::NOTHREAD) && child.parent_thread != self.task().serial() {
            return false;
        }
        flags.contains(WaitFlags::ALL) || (child.exit_signal != SIGCHLD) == flags.contains(WaitFlags::CLONE)
    }

    /// Takes the news unless `WNOWAIT` leaves it; a zombie is gone after that.
    fn collect(&self, tree: &mut Tree, candidate: &Candidate, what: What, flags: WaitFlags) -> Event {
        let task = &candidate.task;
        let group: &Arc<ThreadGroup> = task.group();
        let mut usage = tree.group_usage(group);
        usage.add(&group.past_usage().1);
        let pid = task.tid_in(self.group().pid().namespace());
        let mut peaks = group.peaks();
        peaks.merge(&group.child_peaks());
        let event = Event { pid, uid: self.creds().user_ns.guest_uid(task.creds().uid), what, usage, peaks };
        if flags.contains(WaitFlags::NOWAIT) {
            return event;
        }
        match what {
            What::Ended(status) => self.reap(tree, task, status, &event),
            What::Stopped(_) => group.signals.lock().stop_report = None,
            What::Trapped(_) => task.clear_trap_code(),
            What::Continued => group.signals.lock().continue_report = false,
        }
        event
    }

    /// A zombie is gone; one that was a tracee only is its parent's now.
    fn reap(&self, tree: &mut Tree, task: &Arc<Task>, status: Status, event: &Event) {
        let group = task.group();
        if !task.is_leader() {
            tree.bury(task);
            return;
        }
        let tracer = tree.tracer_of(task);
        let parent = tree.node_of(group).and_then(|node| node.parent);
        if tracer.is_some_and(|tracer| Some(tracer.group) != parent) {
            tree.unlink(task, None);
            if !tree.tell_end(group, status) {
                tree.remove_group(group);
            }
            return;
        }
        self.group().add_child_usage(&event.usage);
        self.group().add_child_peaks(&event.peaks);
        tree.remove_group(group);
    }
}

/// What there is to say of one that has not ended.
fn news(task: &Task, is_tracee: bool, flags: WaitFlags) -> Option<What> {
    let signals = task.group().signals.lock();
    if is_tracee {
        let trap = signals.threads.get(&task.serial()).and_then(|thread| thread.trap.as_ref());
        if let Some(trap) = trap.filter(|trap| trap.is_on() && trap.code != 0) {
            return Some(What::Trapped(trap.code));
        }
    } else if let Some(signal) = signals.stop_report
        && flags.contains(WaitFlags::STOPPED)
    {
        return Some(What::Stopped(signal));
    }
    (signals.continue_report && flags.contains(WaitFlags::CONTINUED)).then_some(What::Continued)
}
