//! Processes that come from outside: the first of a sandbox, and those that are started in it later.

use crate::container::Container;
use crate::kernel::Kernel;
use crate::limits::Limits;
use crate::process::exec::{Arguments, Executable, For, Loaded};
use crate::sched::Scheduling;
use crate::seccomp::Setting;
use crate::session::{ProcessGroup, Session, Terminal};
use crate::signal::Actions;
use crate::task::{Attributes, Live, Login, Namespaces, Start, Task, ThreadGroup};
use crate::timens::Offsets;
use crate::tree::GroupNode;
use abi::Errno;
use abi::signal::{SIGCHLD, SigSet};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use sync::{Fail, WaitWord};
use vfs::{Caller, Credentials, FdTable, FsContext, ProcessView};

/// A process to start from outside.
pub struct Init {
    /// What it and its descendants belong to.
    pub container: Arc<Container>,
    /// The program's path, as the process sees it.
    pub path: Vec<u8>,
    /// Arguments, the program's name first.
    pub argv: Vec<Vec<u8>>,
    /// Environment, `NAME=VALUE`.
    pub envp: Vec<Vec<u8>>,
    /// Where it starts. Its id is of the pid namespace for children.
    pub namespaces: Namespaces,
    /// Identity and rights.
    pub creds: Credentials,
    /// Descriptors.
    pub fds: Arc<FdTable>,
    /// Root, working directory, umask.
    pub fs: Arc<FsContext>,
    /// Resource limits.
    pub limits: Limits,
    /// `no_new_privs`.
    pub no_new_privs: bool,
    /// What decides about its calls.
    pub seccomp: Option<Setting>,
    /// `oom_score_adj` of proc(5).
    pub oom_score_adj: i32,
    /// As the first process it can be killed by signals without a handler, like any other.
    pub is_mortal: bool,
    /// It is the first one of its container: the init of its pid namespace, unless that has one. Programs that were
    /// started before it have left it the id.
    pub is_first: bool,
    /// The controlling terminal of its session.
    pub terminal: Option<Arc<dyn Terminal>>,
}

/// Who looks for the program before there is a process.
struct Outside {
    limits: Limits,
    umask: u32,
}

impl ProcessView for Outside {
    fn tid(&self) -> i32 {
        0
    }
    fn pid(&self) -> i32 {
        0
    }
    fn session(&self) -> i32 {
        0
    }
    fn process_group(&self) -> i32 {
        0
    }
    fn is_group_orphaned(&self) -> bool {
        true
    }
    fn is_signal_ignored(&self, _signal: u8) -> bool {
        true
    }
    fn signal_own_group(&self, _signal: u8) {}
    fn signal_self(&self, _signal: u8) {}
    fn limit(&self, resource: u32) -> u64 {
        self.limits.soft(resource)
    }
    fn umask(&self) -> u32 {
        self.umask
    }
}

impl Kernel {
    /// Starts a process from outside: without a parent, leader of a session of its own. As the first of its pid
    /// namespace it is an init: when it ends, everything else in the namespace is killed, and gone before
    /// [`ThreadGroup::wait_exit`] returns. `EAGAIN`: there are too many threads.
    pub fn start(self: &Arc<Self>, init: Init) -> Result<Arc<ThreadGroup>, Errno> {
        if !init.container.has_room() {
            return Err(Errno::EAGAIN);
        }
        let pids = init.namespaces.pid_for_children.clone();
        let Loaded { exec, program, granted, comm } = init.find()?;
        let (mm, context) = exec.load(self.platform())?;
        let mut attributes = Attributes {
            creds: Arc::new(granted.creds),
            comm: Default::default(),
            no_new_privs: init.no_new_privs,
            parent_death_signal: 0,
            personality: 0,
            login: Login::NOBODY,
            sched: Scheduling { affinity: init.container.affinity(), ..Scheduling::default() },
            namespaces: init.namespaces,
        };
        attributes.set_comm(&comm);
        let live = Live { mm, program, fds: init.fds, fs: init.fs };
        let task = {
            let mut tree = self.tree();
            let pid = tree.new_outside_pid(&pids, init.is_first)?;
            let is_init = pid.is_init();
            let group = ThreadGroup::new(self, init.container, pid.clone(), Actions::new(), init.limits);
            group.timers.watch_cpu_limit(&group);
            group.oom_score_adj.store(init.oom_score_adj, std::sync::atomic::Ordering::SeqCst);
            let session = Session::new(pid.clone());
            let process_group = ProcessGroup::new(pid.clone(), session.clone());
            if let Some(terminal) = init.terminal {
                terminal.attached(pid.root(), pid.root());
                session.set_terminal(Some(terminal));
                session.set_foreground(&process_group);
            }
            tree.add_group(GroupNode {
                group: group.clone(),
                parent: None,
                parent_thread: 0,
                children: BTreeSet::new(),
                tracees: BTreeMap::new(),
                threads: Vec::new(),
                process_group,
                exit_signal: SIGCHLD,
                zombie: None,
                is_subreaper: false,
                has_execed: true,
            });
            let task = Task::new(&group, pid, attributes, live.clone());
            task.enter_time();
            if let Some(setting) = init.seccomp {
                task.set_first_filter(setting);
            }
            tree.add_thread(&task);
            let mut signals = group.signals.lock();
            signals.is_unkillable = is_init && !init.is_mortal;
            signals.add_thread(&task, SigSet::EMPTY);
            drop(signals);
            task
        };
        let group = task.group().clone();
        if let Err(errno) = Start::new(task.clone(), live, context).spawn() {
            crate::process::clone::undo(&task);
            return Err(errno);
        }
        Ok(group)
    }
}

impl Init {
    /// Finds the program.
    fn find(&self) -> Result<Loaded, Errno> {
        let outside = Outside { limits: self.limits.clone(), umask: self.fs.umask() };
        let word = Arc::new(WaitWord::new());
        let caller = Caller { creds: Arc::new(self.creds.clone()), word, process: Arc::new(outside) };
        let loader = For {
            caller: &caller,
            fs: &self.fs,
            no_new_privs: self.no_new_privs,
            is_confined: false,
            personality: 0,
            has_vdso: self.namespaces.time.offsets() == Offsets::default(),
        };
        let arguments = Arguments { argv: self.argv.clone(), envp: self.envp.clone() };
        let loaded = loader.load(&Executable::path(self.path.clone()), arguments).map_err(|fail| match fail {
            Fail::Errno(errno) => errno,
            Fail::Interrupted(_) => Errno::EINTR,
        })?;
        // The execve is under the filter.
        self.seccomp.as_ref().map_or(Ok(()), Setting::check_exec)?;
        Ok(loaded)
    }
}
