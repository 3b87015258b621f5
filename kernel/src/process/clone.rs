//! Making threads and processes: `clone(2)`, `clone3(2)`, `fork(2)`, `vfork(2)`.

use crate::ipc::IpcNamespace;
use crate::kernel::RLIMIT_NPROC;
use crate::namespace::CgroupNamespace;
use crate::pid::{Pid, PidNamespace};
use crate::signal::Actions;
use crate::task::{Attributes, CurrentTask, Live, Namespaces, Start, Stop, Task, ThreadGroup, Vfork};
use crate::tree::GroupNode;
use abi::Errno;
use abi::sched::CloneFlags;
use abi::signal::{SS_DISABLE, SigStack};
use mm::{UserAddr, UserPtr};
use platform::{Context, GUEST_END};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use sync::{Fail, Restart};
use vfs::quota::Kind;
use vfs::{Capability, Credentials, FsContext, Owner, UserNamespace};

/// What `clone(2)` is asked for.
#[derive(Clone, Debug)]
pub struct Clone {
    /// `CLONE_*`, without the exit signal.
    pub flags: CloneFlags,
    /// Sent to the parent at the end; 0 is none.
    pub exit_signal: u8,
    /// The child's stack pointer; 0: the caller's.
    pub stack: u64,
    /// FS base, with SETTLS.
    pub tls: u64,
    /// Where the child's id goes in the parent's memory, with PARENT_SETTID.
    pub parent_tid: UserAddr,
    /// Where the child's id goes in its own memory, with CHILD_SETTID, and is cleared, with CHILD_CLEARTID.
    pub child_tid: UserAddr,
    /// Where the pidfd goes, with PIDFD.
    pub pidfd: UserAddr,
    /// Ids that the child is to have, in its own namespace first.
    pub set_tid: Vec<i32>,
}

/// New namespaces that need `CAP_SYS_ADMIN`: all but the one of users.
const NAMESPACES: CloneFlags = CloneFlags::NAMESPACES.difference(CloneFlags::NEWUSER);

impl CurrentTask {
    /// Makes a thread or process; its id as the caller sees it.
    pub fn clone_task(&mut self, request: &Clone) -> Result<i32, Fail> {
        let flags = request.flags;
        self.check_clone(request)?;
        let sent_to_many = if flags.contains(CloneFlags::THREAD) { 0 } else { self.begin_fork()? };
        let creds = self.clone_creds(flags)?;
        self.check_room()?;
        let mut namespaces = self.clone_namespaces(flags, &creds)?;
        if !flags.contains(CloneFlags::VM) {
            namespaces.time = namespaces.time_for_children.clone();
        }
        let fds = if flags.contains(CloneFlags::FILES) { self.fds().clone() } else { self.fds().fork() };
        let fs = if flags.contains(CloneFlags::NEWNS) {
            self.new_mounts(&creds.user_ns)?
        } else if flags.contains(CloneFlags::FS) {
            self.fs().clone()
        } else {
            self.fs().fork()
        };
        let (mm, mut context) = if flags.contains(CloneFlags::VM) {
            (self.mm().clone(), self.context.spawn()?)
        } else {
            self.mm().clone().fork(&mut self.context)?
        };
        self.set_child_regs(request, &mut context);
        let live = Live { mm, program: self.program().clone(), fds, fs };
        let own = self.task().attributes();
        let attributes = Attributes { parent_death_signal: 0, creds, namespaces, sched: own.sched.for_child(), ..own };
        let event = self.clone_event(flags, request.exit_signal);
        let is_traced = event.is_some() || (flags.contains(CloneFlags::PTRACE) && self.task().is_traced());
        let task = self.add_child(request, attributes, &live, is_traced, sent_to_many)?;
        let mut start = Start::new(task.clone(), live, context);
        self.inherit(request, &mut start);
        let tid = task.tid_in(self.group().pid().namespace());
        if let Err(errno) = self.report_child(request, &task, tid) {
            undo(&task);
            return Err(errno.into());
        }
        let stop = flags.contains(CloneFlags::VFORK).then(|| {
            let (vfork, release) = Vfork::new(self.task().word().clone());
            start.release = Some(release);
            Stop::Vfork(vfork)
        });
        if let Err(errno) = start.spawn() {
            undo(&task);
            return Err(errno.into());
        }
        self.owe_clone_stops(event, &task.pid(), stop);
        Ok(tid)
    }

    /// Combinations that Linux refuses.
    fn check_clone(&self, request: &Clone) -> Result<(), Errno> {
        let flags = request.flags;
        let has = |wanted: CloneFlags| flags.contains(wanted);
        if has(CloneFlags::NEWNS | CloneFlags::FS)
            || has(CloneFlags::NEWUSER | CloneFlags::FS)
            || has(CloneFlags::NEWIPC | CloneFlags::SYSVSEM)
            || (has(CloneFlags::THREAD) && !has(CloneFlags::SIGHAND))
            || (has(CloneFlags::SIGHAND) && !has(CloneFlags::VM))
            || has(CloneFlags::SIGHAND | CloneFlags::CLEAR_SIGHAND)
        {
            return Err(Errno::EINVAL);
        }
        if has(CloneFlags::PARENT) && self.group().pid().is_init() {
            return Err(Errno::EINVAL);
        }
        let is_new_pid =
            !Arc::ptr_eq(&self.task().attributes().namespaces.pid_for_children, &self.task().pid_namespace());
        if has(CloneFlags::THREAD) && (flags.intersects(CloneFlags::NEWUSER | CloneFlags::NEWPID) || is_new_pid) {
            return Err(Errno::EINVAL);
        }
        if has(CloneFlags::PIDFD) && flags.intersects(CloneFlags::DETACHED | CloneFlags::THREAD) {
            return Err(Errno::EINVAL);
        }
        if has(CloneFlags::SETTLS) && request.tls >= GUEST_END {
            return Err(Errno::EPERM);
        }
        Ok(())
    }

    /// A signal to several processes reaches the parent before the fork, or it and the child after it. What
    /// [`Self::may_fork`] is to be told.
    fn begin_fork(&self) -> Result<u64, Fail> {
        let signals = self.group().signals.lock();
        if signals.wants_attention(self.task().serial()) {
            return Err(Fail::Interrupted(Restart::Always));
        }
        Ok(signals.sent_to_many)
    }

    /// No signal has come since [`Self::begin_fork`] that the child would miss; under the tree's lock.
    fn may_fork(&self, sent_to_many: u64) -> bool {
        let signals = self.group().signals.lock();
        signals.ending.is_none()
            && (signals.sent_to_many == sent_to_many || !signals.wants_attention(self.task().serial()))
    }

    /// `RLIMIT_NPROC` and the container's own limit: `EAGAIN`.
    fn check_room(&self) -> Result<(), Errno> {
        let creds = self.creds();
        let is_exempt = creds.uid == 0
            || [Capability::SysResource, Capability::SysAdmin].iter().any(|&capability| creds.has_in_root(capability));
        let limit = self.group().limit(RLIMIT_NPROC);
        if !is_exempt && self.kernel().user(creds.uid).processes() >= limit {
            return Err(Errno::EAGAIN);
        }
        if self.group().container().has_room() { Ok(()) } else { Err(Errno::EAGAIN) }
    }

    /// Credentials of a child: those of a new user namespace, if asked for. `EPERM` in a changed root directory and
    /// for ids that are not mapped, `ENOSPC` when nested too deep.
    pub(crate) fn clone_creds(&self, flags: CloneFlags) -> Result<Arc<Credentials>, Errno> {
        let own = self.creds();
        if !flags.contains(CloneFlags::NEWUSER) {
            return Ok(own.clone());
        }
        if self.fs().is_chrooted() {
            return Err(Errno::EPERM);
        }
        let namespace = UserNamespace::child(own, self.kernel().new_namespace_id())?;
        self.kernel().note_user_namespace();
        Ok(Arc::new(own.entering(namespace)))
    }

    /// Root and working directory in a copy of the mount namespace.
    pub(crate) fn new_mounts(&self, owner: &Arc<UserNamespace>) -> Result<Arc<FsContext>, Errno> {
        let fs = self.fs().with_new_namespace(Owner::charged(owner, Kind::Mount, self.creds().euid)?)?;
        fs.namespace().set_id(self.kernel().new_namespace_id());
        Ok(fs)
    }

    /// Namespaces of a child with these credentials. `EPERM`, `EINVAL`, `ENOSPC` when nested too deep.
    pub(crate) fn clone_namespaces(&self, flags: CloneFlags, creds: &Credentials) -> Result<Namespaces, Errno> {
        let mut namespaces = self.task().attributes().namespaces;
        if !flags.intersects(NAMESPACES) {
            return Ok(namespaces);
        }
        let owner = &creds.user_ns;
        if !self.creds().has_in(owner, Capability::SysAdmin) {
            return Err(Errno::EPERM);
        }
        owner.check_room()?;
        let charged = |kind| Owner::charged(owner, kind, self.creds().euid);
        if flags.contains(CloneFlags::NEWUTS) {
            let id = self.kernel().new_namespace_id();
            namespaces.uts = namespaces.uts.copy(id, charged(Kind::Uts)?);
        }
        if flags.contains(CloneFlags::NEWIPC) {
            namespaces.ipc = IpcNamespace::new(self.kernel().new_namespace_id(), charged(Kind::Ipc)?);
        }
        if flags.contains(CloneFlags::NEWPID) {
            let parent = self.task().pid_namespace();
            if !Arc::ptr_eq(&parent, &namespaces.pid_for_children) || !owner.is_within(&parent.owner) {
                return Err(Errno::EINVAL);
            }
            let child = parent.child(self.kernel().new_namespace_id(), charged(Kind::Pid)?);
            namespaces.pid_for_children = child.ok_or(Errno::ENOSPC)?;
        }
        if flags.contains(CloneFlags::NEWCGROUP) {
            namespaces.cgroup = CgroupNamespace::new(self.kernel().new_namespace_id(), charged(Kind::Cgroup)?);
        }
        if flags.contains(CloneFlags::NEWNET) {
            namespaces.net = namespaces.net.unshare(charged(Kind::Net)?);
            namespaces.net.set_id(self.kernel().new_namespace_id());
        }
        if flags.contains(CloneFlags::NEWTIME) {
            let id = self.kernel().new_namespace_id();
            namespaces.time_for_children = namespaces.time_for_children.child(id, charged(Kind::Time)?);
        }
        Ok(namespaces)
    }

    fn set_child_regs(&self, request: &Clone, context: &mut Context) {
        let regs = context.regs_mut();
        *regs = *self.regs();
        regs.rax = 0;
        regs.orig_rax = u64::MAX;
        if request.stack != 0 {
            regs.rsp = request.stack;
        }
        if request.flags.contains(CloneFlags::SETTLS) {
            regs.fs_base = request.tls;
        }
    }

    /// What the child has of its parent's own things.
    fn inherit(&self, request: &Clone, start: &mut Start) {
        let flags = request.flags;
        let shares_stack = !flags.contains(CloneFlags::VM) || flags.contains(CloneFlags::VFORK);
        if shares_stack {
            start.alt_stack = self.alt_stack;
        } else {
            start.alt_stack = SigStack { flags: SS_DISABLE, ..SigStack::default() };
        }
        if !flags.contains(CloneFlags::VM) {
            start.rseq = self.context.rseq();
        }
        if flags.contains(CloneFlags::CHILD_CLEARTID) {
            start.clear_child_tid = request.child_tid;
        }
        if flags.contains(CloneFlags::CHILD_SETTID) {
            start.set_child_tid = request.child_tid;
        }
    }

    /// Puts the child into the tree.
    fn add_child(
        &self,
        request: &Clone,
        attributes: Attributes,
        live: &Live,
        is_traced: bool,
        sent_to_many: u64,
    ) -> Result<Arc<Task>, Fail> {
        let flags = request.flags;
        let namespace = attributes.namespaces.pid_for_children.clone();
        self.check_set_tid(request, &namespace)?;
        let mask = self.signal_mask();
        let mut tree = self.kernel().tree();
        let pid = tree.new_pid(&namespace, &request.set_tid)?;
        let mut attributes = attributes;
        if flags.contains(CloneFlags::NEWPID) {
            // The namespace of grandchildren is that of the child.
            attributes.namespaces.pid_for_children = namespace;
        }
        let group =
            if flags.contains(CloneFlags::THREAD) { self.group().clone() } else { self.new_group(flags, pid.clone()) };
        let is_thread = flags.contains(CloneFlags::THREAD);
        if is_thread {
            let signals = self.group().signals.lock();
            if signals.ending.is_some() || signals.exec.is_some_and(|serial| serial != self.task().serial()) {
                drop(signals);
                tree.forget_pid(&pid);
                return Err(Fail::Interrupted(Restart::Always));
            }
        } else {
            if !self.may_fork(sent_to_many) {
                tree.forget_pid(&pid);
                return Err(Fail::Interrupted(Restart::Always));
            }
            let own = tree.node_of(self.group()).ok_or(Errno::EAGAIN)?;
            let is_sibling = flags.contains(CloneFlags::PARENT);
            let (parent, parent_thread, exit_signal) = if is_sibling {
                (own.parent, own.parent_thread, own.exit_signal)
            } else {
                (Some(self.group().pid().root()), self.task().serial(), request.exit_signal)
            };
            let node = GroupNode {
                group: group.clone(),
                parent,
                parent_thread,
                children: BTreeSet::new(),
                tracees: BTreeMap::new(),
                threads: Vec::new(),
                process_group: own.process_group.clone(),
                exit_signal,
                zombie: None,
                is_subreaper: false,
                has_execed: false,
            };
            tree.add_group(node);
        }
        let task = Task::new(&group, pid, attributes, live.clone());
        task.enter_time();
        if flags.contains(CloneFlags::SYSVSEM) {
            task.set_undo(Some(self.task().undo()));
        }
        tree.add_thread(&task);
        let mut signals = group.signals.lock();
        task.inherit_seccomp(self.task());
        signals.add_thread(&task, mask);
        drop(signals);
        if is_traced {
            tree.link_child(&task, self.task());
        }
        Ok(task)
    }

    /// `set_tid` needs rights in every namespace that it names: `EINVAL`, `EPERM`.
    fn check_set_tid(&self, request: &Clone, namespace: &Arc<PidNamespace>) -> Result<(), Errno> {
        if request.set_tid.is_empty() {
            return Ok(());
        }
        if request.set_tid.len() > namespace.level().max(1) {
            return Err(Errno::EINVAL);
        }
        let creds = self.creds();
        let is_allowed = namespace.path().iter().rev().take(request.set_tid.len()).all(|ns| {
            creds.has_in(&ns.owner, Capability::SysAdmin) || creds.has_in(&ns.owner, Capability::CheckpointRestore)
        });
        if is_allowed { Ok(()) } else { Err(Errno::EPERM) }
    }

    fn new_group(&self, flags: CloneFlags, pid: Arc<Pid>) -> Arc<ThreadGroup> {
        let own = self.group();
        let actions: Arc<Actions> = own.actions();
        let actions = if flags.contains(CloneFlags::SIGHAND) {
            actions
        } else if flags.contains(CloneFlags::CLEAR_SIGHAND) {
            actions.without_handlers()
        } else {
            actions.fork()
        };
        let is_init = pid.is_init();
        let limits = own.limits.lock().clone();
        let group = ThreadGroup::new(self.kernel(), own.container().clone(), pid, actions, limits);
        group.inherit(own);
        group.signals.lock().is_unkillable = is_init;
        group
    }

    /// Tells the parent the child's id and pidfd. `EFAULT` and its like only of the pidfd, as on Linux.
    fn report_child(&self, request: &Clone, task: &Arc<Task>, tid: i32) -> Result<(), Errno> {
        let memory = &**self.mm();
        if request.flags.contains(CloneFlags::PIDFD) {
            let file = crate::pidfd::open(task.group(), false);
            let reserved = self.fds().reserve(self.caller(), 0, true)?;
            UserPtr::<i32>::new(request.pidfd).write(memory, &reserved.fd())?;
            reserved.install(file);
        }
        if request.flags.contains(CloneFlags::PARENT_SETTID) {
            // As Linux: a bad address is the program's own affair.
            let _ = UserPtr::<i32>::new(request.parent_tid).write(memory, &tid);
        }
        Ok(())
    }
}

/// Takes back a child that never ran.
pub(crate) fn undo(task: &Arc<Task>) {
    let group = task.group();
    let mut tree = group.kernel().tree();
    tree.unlink(task, None);
    group.signals.lock().threads.remove(&task.serial());
    task.discharge();
    let is_group = task.pid().root() == group.pid().root();
    if is_group {
        tree.remove_group(group);
    } else {
        tree.remove_thread(task);
    }
    drop(tree);
    drop(task.set_live(None));
}
