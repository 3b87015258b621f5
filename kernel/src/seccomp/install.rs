//! Adding filters.

use super::filter::Filter;
use super::listener::Listener;
use super::notifier::Notifier;
use super::slot::State;
use crate::signal::Signals;
use crate::task::{CurrentTask, Task};
use abi::Errno;
use abi::fs::OpenFlags;
use abi::seccomp::{
    AUDIT_ARCH_X86_64, Data, FilterFlags, MODE_DISABLED, MODE_FILTER, MODE_STRICT, RET_ACTION_FULL, RET_ALLOW,
    RET_DATA, RET_ERRNO, RET_LOG, RET_TRACE,
};
use bpf::Program;
use std::sync::Arc;
use vfs::{Capability, OpenFile};

/// A filter of the first process, put there from outside.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The program.
    pub program: Program,
    /// All that it does is logged, but for allowing.
    pub is_logged: bool,
}

impl Setting {
    /// The execve of the first process is under its filter, as where a runtime's own init loads the filter and makes
    /// the call. What the filter says of that call, whose arguments are addresses: the errno, or `EPERM` where it would
    /// end the process; `ENOSYS` without a tracer.
    pub fn check_exec(&self) -> Result<(), Errno> {
        let nr = abi::nr::EXECVE.cast_signed();
        let result = self.program.run(&Data { nr, arch: AUDIT_ARCH_X86_64, instruction_pointer: 0, args: [0; 6] });
        match (result & RET_ACTION_FULL, result & RET_DATA) {
            (RET_ALLOW | RET_LOG, _) => Ok(()),
            (RET_TRACE, _) => Err(Errno::ENOSYS),
            (RET_ERRNO, errno @ 1..=4095) => Err(Errno(u16::try_from(errno).unwrap_or_default())),
            _ => Err(Errno::EPERM),
        }
    }
}

impl Task {
    /// Gives a thread that does not run yet its first filter.
    pub(crate) fn set_first_filter(&self, setting: Setting) {
        let flags = if setting.is_logged { FilterFlags::LOG } else { FilterFlags::empty() };
        // A single program is never too long.
        let filter = Filter::new(setting.program, flags, None, None).ok();
        self.set_seccomp(State { mode: MODE_FILTER, filter, count: 1 });
    }

    /// The thread can take over filters that begin with its own.
    fn can_follow(&self, newest: Option<&Arc<Filter>>) -> bool {
        let state = self.seccomp.state();
        let Some(own) = state.filter else { return state.mode == MODE_DISABLED };
        newest.is_some_and(|newest| newest.chain().any(|filter| std::ptr::eq(filter, &raw const *own)))
    }
}

impl CurrentTask {
    /// It may add filters: it has `no_new_privs` or `CAP_SYS_ADMIN`. `EACCES`.
    pub fn check_may_filter(&self) -> Result<(), Errno> {
        let may = self.task().attributes().no_new_privs || self.creds().has(Capability::SysAdmin);
        if may { Ok(()) } else { Err(Errno::EACCES) }
    }

    /// `SECCOMP_SET_MODE_STRICT`. `EINVAL`: it has filters.
    pub fn set_strict_mode(&mut self) -> Result<(), Errno> {
        let _signals = self.group().signals.lock();
        if self.task().seccomp.state().mode == MODE_FILTER {
            return Err(Errno::EINVAL);
        }
        self.task().set_seccomp(State { mode: MODE_STRICT, ..State::default() });
        Ok(())
    }

    /// `SECCOMP_SET_MODE_FILTER` with flags that were checked; the listener's descriptor, or 0, or the id of a thread
    /// that cannot follow. `EINVAL`: strict mode. `EBUSY`: there is a listener. `ENOMEM`: a long chain. `ESRCH`,
    /// `EMFILE`.
    pub fn add_filter(&mut self, program: Program, flags: FilterFlags) -> Result<i32, Errno> {
        if !flags.contains(FilterFlags::NEW_LISTENER) {
            return self.install(program, flags, None);
        }
        let fds = self.fds().clone();
        let reserved = fds.reserve(self.caller(), 0, true)?;
        let mut first = [0; 8];
        // Numbers start anywhere; without a generator the host would not have come up.
        let _ = rustix::rand::getrandom(&mut first, rustix::rand::GetRandomFlags::empty());
        let is_killable = flags.contains(FilterFlags::WAIT_KILLABLE_RECV);
        let notifier = Notifier::new(is_killable, u64::from_ne_bytes(first));
        // Dropped on failure, it refuses what nobody has asked.
        let file = OpenFile::anonymous(Box::new(Listener::new(notifier.clone())), OpenFlags::RDWR);
        self.install(program, flags, Some(notifier))?;
        Ok(reserved.install(file))
    }

    fn install(&mut self, program: Program, flags: FilterFlags, notifier: Option<Arc<Notifier>>) -> Result<i32, Errno> {
        let group = self.group().clone();
        let signals = group.signals.lock();
        let State { mode, filter: previous, .. } = self.task().seccomp.state();
        if mode == MODE_STRICT {
            return Err(Errno::EINVAL);
        }
        let has_listener = |filter: &Filter| filter.notifier().is_some_and(|notifier| notifier.is_open());
        if notifier.is_some() && previous.as_ref().is_some_and(|previous| previous.chain().any(has_listener)) {
            return Err(Errno::EBUSY);
        }
        let filter = Filter::new(program, flags, notifier, previous.clone())?;
        let state = State { mode: MODE_FILTER, count: filter.count(), filter: Some(filter) };
        if flags.contains(FilterFlags::TSYNC) {
            let others = self.others(&signals);
            if let Some(stuck) = others.iter().find(|other| !other.can_follow(previous.as_ref())) {
                let is_plain = flags.contains(FilterFlags::TSYNC_ESRCH);
                let id = stuck.tid_in(&self.task().pid_namespace());
                return if is_plain || id == 0 { Err(Errno::ESRCH) } else { Ok(id) };
            }
            let no_new_privs = self.task().attributes().no_new_privs;
            for other in others {
                other.set_seccomp(state.clone());
                if no_new_privs {
                    other.with_attributes(|attributes| attributes.no_new_privs = true);
                }
            }
        }
        self.task().set_seccomp(state);
        Ok(0)
    }

    /// The other threads of the process that go on.
    fn others(&self, signals: &Signals) -> Vec<Arc<Task>> {
        let own = self.task().serial();
        let threads = signals.threads.iter().filter(|&(&serial, thread)| serial != own && !thread.is_exiting);
        threads.map(|(_, thread)| thread.task.clone()).collect()
    }
}
