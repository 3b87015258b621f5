//! The process tree: who is whose child, in which group and session, under which number.
//!
//! One lock ([`crate::Kernel::tree`], rank `Tree`) guards all of it: parents, children, process groups,
//! sessions, the states of threads and of zombies, and the ids that are in use.
//!
//! States of a thread: `Running`, then `Exiting` (it gives up what it has), then `Zombie` (a leader whose
//! group is not reaped yet), then it is gone from the tree. A group is a zombie when its last thread has left.

use crate::pid::{Pid, PidNamespace};
use crate::ptrace::Tracer;
use crate::session::{ProcessGroup, Session};
use crate::status::Status;
use crate::task::{Task, ThreadGroup};
use abi::Errno;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Weak};

/// Ids run up to here: /proc/sys/kernel/pid_max.
pub const PID_MAX: i32 = 4_194_304;
/// After the highest id was given out, the search starts here.
const RESERVED_PIDS: i32 = 300;

/// State of a thread in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It runs, sleeps or is stopped.
    Running,
    /// It gives up what it has.
    Exiting,
    /// It has nothing left but its number and its status.
    Zombie,
}

/// A thread in the tree.
pub(crate) struct ThreadNode {
    pub(crate) task: Arc<Task>,
    pub(crate) state: State,
    /// How it ended, once it has nothing more to do: it waits to be reaped.
    pub(crate) status: Option<Status>,
    pub(crate) tracer: Option<Tracer>,
}

/// A process in the tree.
pub(crate) struct GroupNode {
    pub(crate) group: Arc<ThreadGroup>,
    /// Its parent's id in the root namespace; `None` for the first process and what came from outside.
    pub(crate) parent: Option<i32>,
    /// The parent's thread that made it, by serial number.
    pub(crate) parent_thread: u64,
    pub(crate) children: BTreeSet<i32>,
    /// Threads that its threads trace, by serial number.
    pub(crate) tracees: BTreeMap<u64, Arc<Task>>,
    /// The leader first, while it is there.
    pub(crate) threads: Vec<ThreadNode>,
    pub(crate) process_group: Arc<ProcessGroup>,
    /// Sent to the parent at the end; 0 is none.
    pub(crate) exit_signal: u8,
    /// Set when the last thread has left.
    pub(crate) zombie: Option<Status>,
    /// `PR_SET_CHILD_SUBREAPER`.
    pub(crate) is_subreaper: bool,
    /// It has called execve since it was made.
    pub(crate) has_execed: bool,
}

/// A process group in the tree.
struct Members {
    group: Arc<ProcessGroup>,
    members: BTreeSet<i32>,
}

/// Everything that has one number.
struct Node {
    pid: Arc<Pid>,
    task: Option<Arc<Task>>,
    group: Option<GroupNode>,
    members: Option<Members>,
    session: Option<(Arc<Session>, usize)>,
}

/// Ids of one pid namespace.
#[derive(Default)]
struct PidTable {
    /// Root-namespace ids by the namespace's own.
    ids: BTreeMap<i32, i32>,
    last: i32,
    namespace: Weak<PidNamespace>,
}

/// The process tree.
#[derive(Default)]
pub struct Tree {
    nodes: BTreeMap<i32, Node>,
    tables: HashMap<u64, PidTable>,
    threads: usize,
}

impl Tree {
    /// Threads that are not gone.
    pub const fn thread_count(&self) -> usize {
        self.threads
    }

    /// Takes a number in `namespace` and in all above; `wanted` asks for certain ones, the innermost first
    /// (`set_tid` of clone3). `EEXIST` when one of these is taken, `EAGAIN` when there is none left, `ENOMEM` when
    /// the namespace has lost its init, `EINVAL` when the first of a namespace is to be another than 1.
    pub(crate) fn new_pid(&mut self, namespace: &Arc<PidNamespace>, wanted: &[i32]) -> Result<Arc<Pid>, Errno> {
        let path = namespace.path();
        let mut ids = Vec::with_capacity(path.len());
        // The innermost first: what is wanted there may be refused.
        for (depth, ns) in path.iter().rev().enumerate() {
            ids.push(self.free_id(ns, wanted.get(depth).copied())?);
        }
        ids.reverse();
        let root = ids.first().copied().unwrap_or(0);
        for (ns, &id) in path.iter().zip(&ids) {
            let table = self.tables.entry(ns.id).or_default();
            table.ids.insert(id, root);
        }
        let pid = Pid::new(ids, namespace.clone());
        let node = Node { pid: pid.clone(), task: None, group: None, members: None, session: None };
        self.nodes.insert(root, node);
        Ok(pid)
    }

    /// As [`Self::new_pid`], for one who comes from outside. Only the first of a container becomes the init of its
    /// namespace; others leave that id free.
    pub(crate) fn new_outside_pid(&mut self, namespace: &Arc<PidNamespace>, is_first: bool) -> Result<Arc<Pid>, Errno> {
        if is_first {
            let has_init = self.root_id(namespace, 1).is_some();
            return self.new_pid(namespace, if has_init { &[] } else { &[1] });
        }
        let table = self.tables.entry(namespace.id).or_default();
        table.last = table.last.max(1);
        self.new_pid(namespace, &[])
    }

    fn free_id(&mut self, ns: &Arc<PidNamespace>, wish: Option<i32>) -> Result<i32, Errno> {
        let table = self.tables.entry(ns.id).or_default();
        if table.namespace.strong_count() == 0 {
            table.namespace = Arc::downgrade(ns);
        }
        if ns.is_closed() {
            return Err(Errno::ENOMEM);
        }
        if let Some(id) = wish {
            if !(1..PID_MAX).contains(&id) || (id != 1 && table.last == 0) {
                return Err(Errno::EINVAL);
            }
            if table.ids.contains_key(&id) {
                return Err(Errno::EEXIST);
            }
            table.last = table.last.max(1);
            return Ok(id);
        }
        let free = (table.last + 1..PID_MAX).find(|id| !table.ids.contains_key(id));
        let free = free.or_else(|| (RESERVED_PIDS..=table.last).find(|id| !table.ids.contains_key(id)));
        let id = free.ok_or(Errno::EAGAIN)?;
        table.last = id;
        Ok(id)
    }

    /// Gives a number back when nothing has it any more.
    fn release(&mut self, root: i32) {
        let Some(node) = self.nodes.get(&root) else { return };
        if node.task.is_some() || node.group.is_some() || node.members.is_some() || node.session.is_some() {
            return;
        }
        if let Some(node) = self.nodes.remove(&root) {
            for ns in node.pid.namespace().path() {
                let Some(table) = self.tables.get_mut(&ns.id) else { continue };
                table.ids.remove(&node.pid.within(&ns));
                if table.ids.is_empty() && ns.level() > 0 && ns.is_closed() {
                    self.tables.remove(&ns.id);
                }
            }
        }
    }

    /// Gives back a number that was never used.
    pub(crate) fn forget_pid(&mut self, pid: &Pid) {
        self.release(pid.root());
    }

    /// Root-namespace ids in use in a namespace.
    pub(crate) fn ids_in(&self, namespace: &PidNamespace) -> Vec<i32> {
        self.tables.get(&namespace.id).map_or_else(Vec::new, |table| table.ids.values().copied().collect())
    }

    /// The id that a namespace gave out last: /proc/loadavg.
    pub fn last_id(&self, namespace: &PidNamespace) -> i32 {
        self.tables.get(&namespace.id).map_or(0, |table| table.last)
    }

    /// Sets [`Self::last_id`]. False: it is no id.
    pub fn set_last_id(&mut self, namespace: &PidNamespace, id: i32) -> bool {
        let table = self.tables.get_mut(&namespace.id).filter(|_| (0..PID_MAX).contains(&id));
        table.map(|table| table.last = id).is_some()
    }

    fn to_root(&self, namespace: &PidNamespace, id: i32) -> Option<i32> {
        if namespace.level() == 0 {
            return Some(id);
        }
        self.tables.get(&namespace.id)?.ids.get(&id).copied()
    }

    /// The id in the root namespace of what has an id in `namespace`: thread, process, process group or session.
    pub fn root_id(&self, namespace: &PidNamespace, id: i32) -> Option<i32> {
        self.to_root(namespace, id).filter(|root| self.nodes.contains_key(root))
    }

    /// The id in `namespace` of what has an id in the root namespace; 0 when it is gone or not to be seen there.
    pub fn id_in(&self, namespace: &PidNamespace, root: i32) -> i32 {
        self.nodes.get(&root).map_or(0, |node| node.pid.within(namespace))
    }

    /// The thread with an id in a namespace.
    pub fn task(&self, namespace: &PidNamespace, id: i32) -> Option<Arc<Task>> {
        self.nodes.get(&self.to_root(namespace, id)?)?.task.clone()
    }

    /// The process whose leader has an id in a namespace.
    pub fn group(&self, namespace: &PidNamespace, id: i32) -> Option<Arc<ThreadGroup>> {
        Some(self.node(self.to_root(namespace, id)?)?.group.clone())
    }

    /// The process that a thread's or process's id in a namespace belongs to, as `kill(2)` takes it.
    pub fn group_of_any(&self, namespace: &PidNamespace, id: i32) -> Option<Arc<ThreadGroup>> {
        self.group(namespace, id).or_else(|| Some(self.task(namespace, id)?.group().clone()))
    }

    /// The process group with an id in a namespace.
    pub fn process_group(&self, namespace: &PidNamespace, id: i32) -> Option<Arc<ProcessGroup>> {
        let node = self.nodes.get(&self.to_root(namespace, id)?)?;
        node.members.as_ref().map(|members| members.group.clone())
    }

    /// The session with an id in a namespace.
    pub fn session(&self, namespace: &PidNamespace, id: i32) -> Option<Arc<Session>> {
        let node = self.nodes.get(&self.to_root(namespace, id)?)?;
        node.session.as_ref().map(|(session, _)| session.clone())
    }

    /// Processes of a group.
    pub fn members(&self, group: &ProcessGroup) -> Vec<Arc<ThreadGroup>> {
        let Some(members) = self.nodes.get(&group.id().root()).and_then(|node| node.members.as_ref()) else {
            return Vec::new();
        };
        members.members.iter().filter_map(|&id| Some(self.node(id)?.group.clone())).collect()
    }

    /// All processes, zombies included, by id.
    pub fn groups(&self) -> Vec<Arc<ThreadGroup>> {
        self.nodes.values().filter_map(|node| Some(node.group.as_ref()?.group.clone())).collect()
    }

    /// The thread that has a process's id.
    pub(crate) fn leader_of(&self, group: &ThreadGroup) -> Option<&Arc<Task>> {
        let task = self.nodes.get(&group.pid().root())?.task.as_ref()?;
        Some(task).filter(|task| std::ptr::eq(Arc::as_ptr(task.group()), group))
    }

    /// Threads of a process that run, sleep or are stopped.
    pub(crate) fn tasks_of(&self, group: &ThreadGroup) -> impl Iterator<Item = &Arc<Task>> {
        let threads = self.node_of(group).into_iter().flat_map(|node| &node.threads);
        threads.filter(|thread| thread.state == State::Running).map(|thread| &thread.task)
    }

    /// A process's session; `None` when it is gone.
    pub(crate) fn session_of(&self, group: &ThreadGroup) -> Option<&Arc<Session>> {
        Some(self.node_of(group)?.process_group.session())
    }

    pub(crate) fn node(&self, root: i32) -> Option<&GroupNode> {
        self.nodes.get(&root)?.group.as_ref()
    }

    pub(crate) fn node_mut(&mut self, root: i32) -> Option<&mut GroupNode> {
        self.nodes.get_mut(&root)?.group.as_mut()
    }

    pub(crate) fn node_of(&self, group: &ThreadGroup) -> Option<&GroupNode> {
        // The number of one that is gone may be another's by now.
        self.node(group.pid().root()).filter(|node| std::ptr::eq(Arc::as_ptr(&node.group), group))
    }

    pub(crate) fn node_of_mut(&mut self, group: &ThreadGroup) -> Option<&mut GroupNode> {
        self.node_mut(group.pid().root()).filter(|node| std::ptr::eq(Arc::as_ptr(&node.group), group))
    }

    /// Adds a process under the id of its first thread; then [`Self::add_thread`].
    pub(crate) fn add_group(&mut self, node: GroupNode) {
        let id = node.group.pid().root();
        let process_group = node.process_group.clone();
        if let Some(parent) = node.parent.and_then(|parent| self.node_mut(parent)) {
            parent.children.insert(id);
        }
        if let Some(at) = self.nodes.get_mut(&id) {
            at.group = Some(node);
        }
        self.join(id, &process_group);
    }

    /// Adds a thread of a process.
    pub(crate) fn add_thread(&mut self, task: &Arc<Task>) {
        let tid = task.pid().root();
        if let Some(at) = self.nodes.get_mut(&tid) {
            at.task = Some(task.clone());
        }
        if let Some(node) = self.node_of_mut(task.group()) {
            node.threads.push(ThreadNode { task: task.clone(), state: State::Running, status: None, tracer: None });
            self.threads += 1;
            task.group().container().count(1);
        }
    }

    /// A thread has nothing left but its number and its status.
    pub(crate) fn set_status(&mut self, task: &Task, status: Status) {
        let Some(node) = self.node_of_mut(task.group()) else { return };
        if let Some(thread) = node.threads.iter_mut().find(|thread| thread.task.serial() == task.serial()) {
            thread.status = Some(status);
        }
    }

    /// Takes a thread out: it is dead.
    pub(crate) fn remove_thread(&mut self, task: &Arc<Task>) {
        let tid = task.pid().root();
        if let Some(tracer) = self.tracer_of(task) {
            self.forget_tracee(tracer, task);
        }
        if let Some(node) = self.node_of_mut(task.group()) {
            let before = node.threads.len();
            node.threads.retain(|thread| !Arc::ptr_eq(&thread.task, task));
            let gone = before - node.threads.len();
            self.threads -= gone;
            task.group().container().discount(gone);
        }
        if let Some(at) = self.nodes.get_mut(&tid)
            && at.task.as_ref().is_some_and(|there| Arc::ptr_eq(there, task))
        {
            at.task = None;
        }
        self.release(tid);
    }

    /// Takes a process out whose threads have all left or are zombies: it is dead.
    pub(crate) fn remove_group(&mut self, group: &ThreadGroup) {
        let id = group.pid().root();
        let threads: Vec<_> =
            self.node(id).into_iter().flat_map(|node| &node.threads).map(|t| t.task.clone()).collect();
        for task in threads {
            self.remove_thread(&task);
        }
        self.leave(id);
        let node = self.nodes.get_mut(&id).and_then(|at| at.group.take());
        if let Some(parent) = node.and_then(|node| node.parent).and_then(|parent| self.node_mut(parent)) {
            parent.children.remove(&id);
        }
        self.release(id);
    }

    /// Gives a thread the number of another one, which it loses: the caller of execve takes its leader's place.
    pub(crate) fn take_over(&mut self, task: &Arc<Task>, leader: &Arc<Task>) {
        let (own, id) = (task.pid(), leader.pid());
        if let Some(at) = self.nodes.get_mut(&own.root()) {
            at.task = Some(leader.clone());
        }
        if let Some(at) = self.nodes.get_mut(&id.root()) {
            at.task = Some(task.clone());
        }
        leader.set_pid(own);
        task.set_pid(id);
        self.remove_thread(leader);
    }

    /// Moves a process under another parent.
    pub(crate) fn reparent(&mut self, child: i32, parent: Option<i32>, parent_thread: u64) {
        let Some(node) = self.node_mut(child) else { return };
        let old = std::mem::replace(&mut node.parent, parent);
        node.parent_thread = parent_thread;
        if let Some(old) = old.and_then(|old| self.node_mut(old)) {
            old.children.remove(&child);
        }
        if let Some(new) = parent.and_then(|new| self.node_mut(new)) {
            new.children.insert(child);
        }
    }

    fn join(&mut self, id: i32, process_group: &Arc<ProcessGroup>) {
        let at = process_group.id().root();
        let Some(node) = self.nodes.get_mut(&at) else { return };
        let is_new = node.members.is_none();
        let members =
            node.members.get_or_insert_with(|| Members { group: process_group.clone(), members: BTreeSet::new() });
        members.members.insert(id);
        if is_new {
            let session = process_group.session();
            if let Some(node) = self.nodes.get_mut(&session.id().root()) {
                node.session.get_or_insert_with(|| (session.clone(), 0)).1 += 1;
            }
        }
    }

    fn leave(&mut self, id: i32) {
        let Some(process_group) = self.node(id).map(|node| node.process_group.clone()) else { return };
        let at = process_group.id().root();
        let Some(node) = self.nodes.get_mut(&at) else { return };
        let Some(members) = &mut node.members else { return };
        members.members.remove(&id);
        if !members.members.is_empty() {
            return;
        }
        node.members = None;
        self.release(at);
        let at = process_group.session().id().root();
        if let Some(node) = self.nodes.get_mut(&at)
            && let Some((_, groups)) = &mut node.session
        {
            *groups -= 1;
            if *groups == 0 {
                node.session = None;
            }
        }
        self.release(at);
    }

    /// Moves a process into another process group.
    pub(crate) fn set_process_group(&mut self, group: &ThreadGroup, process_group: &Arc<ProcessGroup>) {
        let id = group.pid().root();
        // Joined first, so that a session in common does not end in between.
        if self.node(id).is_none_or(|node| Arc::ptr_eq(&node.process_group, process_group)) {
            return;
        }
        self.join(id, process_group);
        self.leave(id);
        if let Some(node) = self.node_mut(id) {
            node.process_group = process_group.clone();
        }
    }

    /// No member of the group, `ignored` not counted, has a parent in the same session but another group.
    pub(crate) fn is_orphaned(&self, process_group: &ProcessGroup, ignored: Option<&ThreadGroup>) -> bool {
        let Some(members) = self.nodes.get(&process_group.id().root()).and_then(|node| node.members.as_ref()) else {
            return true;
        };
        !members.members.iter().filter_map(|&id| self.node(id)).any(|node| {
            if ignored.is_some_and(|ignored| std::ptr::eq(ignored, Arc::as_ptr(&node.group))) || node.zombie.is_some() {
                return false;
            }
            let Some(parent) = node.parent.and_then(|parent| self.node(parent)) else { return false };
            Arc::ptr_eq(parent.process_group.session(), process_group.session())
                && !std::ptr::eq(Arc::as_ptr(&parent.process_group), process_group)
        })
    }

    /// Who takes over the children of a process that ends: the nearest sub-reaper above, else the init of its
    /// namespace.
    pub(crate) fn reaper(&self, group: &ThreadGroup) -> Option<i32> {
        let namespace = group.pid().namespace();
        let lives = |node: &GroupNode| node.threads.iter().any(|t| t.state == State::Running);
        let mut at = self.node_of(group)?.parent;
        while let Some(node) = at.and_then(|id| self.node(id)) {
            if !Arc::ptr_eq(node.group.pid().namespace(), namespace) {
                break;
            }
            if node.is_subreaper && lives(node) {
                return at;
            }
            at = node.parent;
        }
        let init = self.to_root(namespace, 1)?;
        self.node(init).filter(|node| lives(node) && !std::ptr::eq(Arc::as_ptr(&node.group), group)).map(|_| init)
    }
}

#[cfg(test)]
mod tests;
