//! A container: a root of its own in the machine, a first program, and what is started beside it.

use super::machine::Machine;
use super::mounts::Builder;
use super::program::Program;
use super::running::{Running, lend};
use super::streams::{Console, Outlets, streams};
use crate::control::{ConsoleSize, Link, Order, Target};
use crate::failure::Failure;
use crate::plan::{Filter, Plan, Process, Resources, Streams};
use abi::Errno;
use abi::signal::SigInfo;
use fs::devpts::DevPts;
use kernel::sched::CpuSet;
use kernel::{Bounds, Namespaces, Task};
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, OnceLock};
use sync::{Mutex, Rank};
use vfs::{FsContext, MountNamespace};

/// `SI_USER` of sigaction(2): sent by kill(2).
pub(super) const SI_USER: i32 = 0;

/// Tasks without a limit of the plan's: as many as ids.
const TASKS: u64 = 1 << 22;

/// A container.
pub(crate) struct Container {
    machine: Arc<Machine>,
    /// Where its first program starts.
    namespaces: Namespaces,
    /// Its processes.
    members: Arc<kernel::Container>,
    devpts: Option<Arc<DevPts>>,
    /// Until it is started: it has the only hold on the program's descriptors.
    program: Mutex<Option<Program>>,
    console: Option<Arc<Console>>,
    init: OnceLock<Running>,
    oom_score_adj: i32,
    seccomp: Option<Filter>,
}

/// Where a further process of a container starts.
struct Place {
    mounts: Arc<MountNamespace>,
    namespaces: Namespaces,
}

impl Container {
    /// Builds it in `machine` and in these namespaces; `trees` are those of the plan.
    ///
    /// The first container with a terminal gives the machine its console.
    pub(crate) fn build(
        machine: &Arc<Machine>,
        plan: &Plan,
        namespaces: Namespaces,
        trees: Vec<OwnedFd>,
        given: Streams,
        link: &Link,
    ) -> Result<Self, Failure> {
        let trees = trees.into_iter().map(Some).collect();
        let members = machine.kernel.new_container(bounds(plan));
        let mut builder =
            Builder { machine, plan, members: &members, pids: &namespaces.pid_for_children, trees, devpts: None };
        let files = builder.build()?;
        let outlets = Outlets { machine, devpts: builder.devpts.as_ref(), fs: &files, uid: plan.process.uid };
        let (console, fds) = streams(&outlets, given, link)?;
        if let Some(console) = console.as_ref().filter(|_| !machine.has_console.swap(true, SeqCst)) {
            machine.terminals.console().set(console.host.pty().clone());
        }
        let devpts = builder.devpts.take();
        let program = Program {
            process: plan.process.clone(),
            namespaces: namespaces.clone(),
            is_mortal: plan.is_init_mortal,
            is_first: true,
            is_cwd_made: true,
            oom_score_adj: plan.oom_score_adj.unwrap_or(0),
            user_ns: machine.user_ns.clone(),
            fs: files,
            fds,
            terminal: console.as_deref().map(Console::terminal),
        };
        Ok(Self {
            machine: machine.clone(),
            namespaces,
            members,
            devpts,
            oom_score_adj: program.oom_score_adj,
            seccomp: plan.process.seccomp.clone(),
            program: Mutex::new(Rank::Leaf, Some(program)),
            console,
            init: OnceLock::new(),
        })
    }

    /// Fails where [`Self::start`] would find no program.
    pub(crate) fn look(&self) -> Result<(), Failure> {
        let program = self.program.lock().take();
        let result = program.as_ref().map_or(Ok(()), Program::look);
        *self.program.lock() = program;
        result
    }

    /// Loads and starts the first program.
    pub(crate) fn start(&self) -> Result<Running, Failure> {
        let Some(program) = self.program.lock().take() else {
            return Err(Failure::boot("the program has been started before"));
        };
        let group = program.start(&self.machine.kernel, &self.members)?;
        let running = Running::new(group, self.console.clone());
        // It is started once.
        let _ = self.init.set(running.clone());
        Ok(running)
    }

    /// Starts a further program beside the first one: in the namespaces that this one is in by now, or will start in.
    pub(crate) fn enter(&self, process: Process, given: Streams, link: &Link) -> Result<Running, Failure> {
        let Some(place) = self.place() else {
            return Err(Failure::refused(Errno::ESRCH, "cannot run another program: the container is not running"));
        };
        let fs = FsContext::new(place.mounts, process.umask);
        let outlets = Outlets { machine: &self.machine, devpts: self.devpts.as_ref(), fs: &fs, uid: process.uid };
        let (console, fds) = streams(&outlets, given, link)?;
        let terminal = console.as_deref().map(Console::terminal);
        let program = Program {
            process: Process { seccomp: self.seccomp.clone(), ..process },
            namespaces: place.namespaces,
            is_mortal: true,
            is_first: false,
            is_cwd_made: false,
            oom_score_adj: self.oom_score_adj,
            user_ns: self.machine.user_ns.clone(),
            fs,
            fds,
            terminal,
        };
        let group = program.start(&self.machine.kernel, &self.members).inspect_err(|_| {
            if let Some(console) = &console {
                console.end();
            }
        })?;
        Ok(Running::new(group, console))
    }

    /// Where the first process is, or will start; `None` when it has ended.
    fn place(&self) -> Option<Place> {
        let prepared = self.program.lock().as_ref().map(|program| program.fs.clone());
        if let Some(fs) = prepared {
            return Some(Place { mounts: fs.namespace(), namespaces: self.namespaces.clone() });
        }
        let init = self.init.get()?.group();
        let place = |task: Arc<Task>| {
            let mounts = task.fs()?.namespace();
            let mut namespaces = task.attributes().namespaces;
            namespaces.pid_for_children = init.pid().namespace().clone();
            Some(Place { mounts, namespaces })
        };
        init.tasks().into_iter().find_map(place)
    }

    /// Where its first program starts.
    pub(crate) const fn namespaces(&self) -> &Namespaces {
        &self.namespaces
    }

    /// Ends every process.
    pub(crate) fn kill(&self) {
        self.machine.kernel.kill_container(&self.members);
    }

    /// The host's terminal is not used any more; nor are descriptors of a program that never started.
    pub(crate) fn release(&self) {
        let program = self.program.lock().take();
        drop(program);
        if let Some(console) = &self.console {
            console.end();
        }
    }

    /// Sends a signal from outside.
    pub(crate) fn signal(&self, signal: u8, target: Target) -> Result<(), Errno> {
        if target != Target::All {
            return self.init.get().ok_or(Errno::ESRCH)?.signal(signal, target);
        }
        self.machine.kernel.signal_container(&self.members, SigInfo::sent(signal, SI_USER, 0, 0));
        Ok(())
    }

    /// Stops every task. False: one does not stop, and the others go on.
    pub(crate) fn pause(&self) -> bool {
        self.machine.kernel.pause(&self.members)
    }

    /// Lets the tasks go on.
    pub(crate) fn resume(&self) {
        self.machine.kernel.resume(&self.members);
    }

    /// It may have so many tasks and bytes of memory from now on. `None`: as before; below zero: no limit.
    pub(crate) fn limit(&self, tasks: Option<i64>, memory: Option<i64>) {
        if let Some(tasks) = tasks {
            self.members.set_pids_limit(u64::try_from(tasks).unwrap_or(TASKS));
        }
        if let Some(bytes) = memory {
            self.members.set_memory(u64::try_from(bytes).unwrap_or(u64::MAX));
        }
    }

    /// The tasks are stopped.
    pub(crate) fn is_paused(&self) -> bool {
        self.members.is_paused()
    }

    /// The host's terminal has another size.
    pub(crate) fn resize(&self, size: ConsoleSize) {
        if let Some(console) = &self.console {
            console.host.set_size(size.rows, size.columns);
        }
    }

    /// The host's terminal is lent, taken back or refused.
    pub(crate) fn lend_terminal(&self, order: &Order) {
        if let Some(console) = &self.console {
            lend(&console.host, order);
        }
    }
}

fn bounds(plan: &Plan) -> Bounds {
    let Resources { memory, cpu, cpus } = &plan.resources;
    Bounds {
        tasks: plan.pids_limit.unwrap_or(TASKS),
        memory: memory.unwrap_or(u64::MAX),
        cpu_count: cpu
            .map_or(usize::MAX, |(quota, period)| usize::try_from(quota.div_ceil(period.max(1))).unwrap_or(usize::MAX)),
        cpus: (!cpus.is_empty()).then(|| CpuSet::of(cpus.iter().copied())),
    }
}
