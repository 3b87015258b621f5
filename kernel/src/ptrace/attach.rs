//! How tracing begins.

use crate::ptrace::Trace;
use crate::ptrace::yama::lets_parent_trace;
use crate::signal::ThreadStop;
use crate::task::{CurrentTask, Task};
use abi::Errno;
use abi::poll::Events;
use abi::ptrace::Options;
use abi::signal::{SIGSTOP, SigInfo};
use std::sync::Arc;
use sync::Woken;
use vfs::Capability;

/// How a tracer attaches itself.
#[derive(Clone, Copy, Debug)]
pub enum Attach {
    /// `PTRACE_ATTACH`: the tracee gets a SIGSTOP.
    Stop,
    /// `PTRACE_SEIZE`: it goes on.
    Seize(Options),
}

impl CurrentTask {
    /// `PTRACE_TRACEME`: the parent traces it. `EPERM`: somebody does already, or the parent may not.
    pub fn trace_me(&self) -> Result<(), Errno> {
        let task = self.task();
        {
            let mut tree = self.kernel().tree();
            if tree.tracer_of(task).is_some() {
                return Err(Errno::EPERM);
            }
            let node = tree.node_of(self.group()).ok_or(Errno::EPERM)?;
            let Some(parent) = node.parent.and_then(|parent| tree.node(parent)) else { return Ok(()) };
            let maker = parent.threads.iter().find(|thread| thread.task.serial() == node.parent_thread);
            let Some(tracer) = maker.or(parent.threads.first()).map(|thread| thread.task.clone()) else {
                return Ok(());
            };
            if !may_be_traced_by(task, &tracer) || !lets_parent_trace(task, &tracer) {
                return Err(Errno::EPERM);
            }
            tree.link(task, Trace::new(tracer, Options::empty(), false));
        }
        Ok(())
    }

    /// `PTRACE_ATTACH`, `PTRACE_SEIZE`. `EPERM`: not allowed, traced already, or dead.
    pub fn attach(&self, target: &Arc<Task>, how: Attach) -> Result<(), Errno> {
        if Arc::ptr_eq(self.group(), target.group()) || !self.may_access(target) {
            return Err(Errno::EPERM);
        }
        let (options, is_seized) = match how {
            Attach::Stop => (Options::empty(), false),
            Attach::Seize(options) => (options, true),
        };
        {
            let mut tree = self.kernel().tree();
            tree.thread(target)
                // One that shows as a zombie is none to trace, also while it still leaves.
                .filter(|thread| thread.tracer.is_none() && thread.status.is_none() && target.is_live())
                .ok_or(Errno::EPERM)?;
            tree.link(target, Trace::new(self.task().clone(), options, is_seized));
            if !is_seized {
                target.send(SigInfo::kernel(SIGSTOP));
            }
            target.convert_stop();
        }
        self.await_conversion(target);
        Ok(())
    }

    /// Waits until a thread that was stopped when it was attached to is stopped for its tracer.
    fn await_conversion(&self, target: &Task) {
        let word = self.task().word();
        let registration = self.group().child_events.add(Events::IN, word.clone());
        loop {
            word.arm();
            if !target.is_moving() || word.sleep_killable(None) == Woken::Interrupted {
                break;
            }
        }
        self.group().child_events.remove(registration);
    }

    /// Options that a tracer may set. `EINVAL`, `EPERM`.
    pub fn check_trace_options(&self, options: Options) -> Result<(), Errno> {
        if !Options::all().contains(options) {
            return Err(Errno::EINVAL);
        }
        let suspends = options.contains(Options::SUSPEND_SECCOMP);
        let may_suspend = self.creds().has_in_root(Capability::SysAdmin) && !self.is_seccomp_suspended();
        if suspends && !may_suspend { Err(Errno::EPERM) } else { Ok(()) }
    }
}

impl CurrentTask {
    /// Its tracer has no rights over it: a program that it executes gets no more rights than it has.
    pub(crate) fn is_confined_by_tracer(&self) -> bool {
        let tracer = self.task().tracer();
        tracer.is_some_and(|tracer| !tracer.creds().has_in(&self.creds().user_ns, Capability::SysPtrace))
    }
}

/// The tracee's capabilities must not exceed the tracer's, unless that one may trace everything.
fn may_be_traced_by(tracee: &Task, tracer: &Task) -> bool {
    let (own, its) = (tracee.creds(), tracer.creds());
    own.permitted & !its.permitted == 0 || its.has_in(&own.user_ns, Capability::SysPtrace)
}

impl Task {
    /// A thread that is stopped with its process becomes one that is stopped for its tracer.
    fn convert_stop(&self) {
        let mut signals = self.group().signals.lock();
        let Some(thread) = signals.threads.get_mut(&self.serial()) else { return };
        let Some(trace) = thread.trace.as_mut().filter(|_| thread.stop == ThreadStop::Stopped) else { return };
        trace.wants_stop = true;
        trace.is_moving = true;
        thread.stop = ThreadStop::Running;
        thread.task.rouse();
    }

    fn is_moving(&self) -> bool {
        let signals = self.group().signals.lock();
        let trace = signals.threads.get(&self.serial()).and_then(|thread| thread.trace.as_ref());
        trace.is_some_and(|trace| trace.is_moving)
    }
}
