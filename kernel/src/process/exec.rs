//! Executing programs: `execve(2)`, `execveat(2)`.

use crate::kernel::RLIMIT_STACK;
use crate::process::privilege::{self, Granted, Limits};
use crate::process::program::{self, Found};
use crate::ptrace::Debug;
use crate::task::{CurrentTask, Program};
use crate::timens::Offsets;
use abi::Errno;
use abi::process::MAX_ARG_STRLEN;
use abi::signal::{SS_DISABLE, SigStack};
use mm::{Exec, Image, Mm};
use platform::Context;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use sync::Fail;
use vfs::{Caller, FsContext, Place, Walk};

/// `ADDR_NO_RANDOMIZE` of `personality(2)`.
const ADDR_NO_RANDOMIZE: u32 = 0x004_0000;
/// Limits of arguments and environment together: at least this, at most that.
const ARGS_LEAST: u64 = 128 << 10;
const ARGS_MOST: u64 = 6 << 20;

/// Arguments and environment.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    /// `argv`.
    pub argv: Vec<Vec<u8>>,
    /// `envp`.
    pub envp: Vec<Vec<u8>>,
}

/// The file to execute.
#[derive(Clone, Debug)]
pub struct Executable {
    /// Where relative paths start; `None`: the working directory.
    pub base: Option<Place>,
    /// The path; empty: the base itself (`AT_EMPTY_PATH`).
    pub path: Vec<u8>,
    /// A symbolic link at the end is followed.
    pub follow: bool,
    /// The name for the auxiliary vector and for scripts: the path, or `/dev/fd/N/path`.
    pub name: Vec<u8>,
    /// An interpreter could not open the file by that name: its descriptor will be closed.
    pub is_hidden: bool,
}

impl Executable {
    /// A path.
    pub fn path(path: Vec<u8>) -> Self {
        Self { base: None, name: path.clone(), path, follow: true, is_hidden: false }
    }
}

/// A program that is ready to be put into an address space.
pub(crate) struct Loaded {
    pub(crate) exec: Exec,
    pub(crate) program: Arc<Program>,
    pub(crate) granted: Granted,
    pub(crate) comm: Vec<u8>,
}

/// For whom a program is loaded.
pub(crate) struct For<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) fs: &'a FsContext,
    pub(crate) no_new_privs: bool,
    /// Its tracer may not trace a program with more rights: there will be none.
    pub(crate) is_confined: bool,
    pub(crate) personality: u32,
    /// The host's clocks, which the vDSO reads, are the program's.
    pub(crate) has_vdso: bool,
}

impl For<'_> {
    /// Finds a program and reads what it takes to run it.
    pub(crate) fn load(&self, executable: &Executable, arguments: Arguments) -> Result<Loaded, Fail> {
        let caller = self.caller;
        let stack_limit = caller.process.limit(RLIMIT_STACK);
        let walk = Walk::new(caller, self.fs);
        let walk = match &executable.base {
            Some(base) => walk.from(base.clone()),
            None => walk,
        };
        let file = match &executable.base {
            Some(base) if executable.path.is_empty() => walk.open_exec_place(base.clone())?,
            _ => walk.open_exec(&executable.path, executable.follow)?,
        };
        check_size(&arguments, &executable.name, stack_limit)?;
        let mut argv = arguments.argv;
        if argv.is_empty() {
            argv.push(Vec::new());
        }
        let Found { file, interpreter, argv } =
            program::find(caller, self.fs, file, &executable.name, executable.is_hidden, argv)?;
        let program = Program::new(file.clone())?;
        let limits = Limits { no_new_privs: self.no_new_privs, is_confined: self.is_confined };
        let granted = privilege::after_exec(caller, self.fs, limits, &file)?;
        let creds = &granted.creds;
        let user = |id| creds.user_ns.guest_uid(id);
        let group = |id| creds.user_ns.guest_gid(id);
        let read_file = |offset: u64, buf: &mut [u8]| program::read_at(caller, &file, offset, buf);
        let read_interpreter = |offset: u64, buf: &mut [u8]| match &interpreter {
            Some(file) => program::read_at(caller, file, offset, buf),
            None => Ok(0),
        };
        let interpreter_image = match &interpreter {
            Some(file) => {
                let image = Image { backing: program::backing(caller, file)?, read_at: &read_interpreter };
                Some(image.parse().map_err(|_| Errno::ELIBBAD)?)
            }
            None => None,
        };
        let exec = Exec {
            image: Image { backing: program::backing(caller, &file)?, read_at: &read_file }.parse()?,
            interpreter: interpreter_image,
            argv,
            envp: arguments.envp,
            filename: executable.name.clone(),
            ids: [user(creds.uid), user(creds.euid), group(creds.gid), group(creds.egid)],
            is_secure: granted.is_secure,
            stack_limit,
            is_fixed_layout: self.personality & ADDR_NO_RANDOMIZE != 0,
            has_vdso: self.has_vdso,
        };
        let comm = executable.name.rsplit(|&byte| byte == b'/').next().unwrap_or_default().to_vec();
        Ok(Loaded { exec, program, granted, comm })
    }
}

/// `E2BIG` for strings that are too long, alone or together.
fn check_size(arguments: &Arguments, name: &[u8], stack_limit: u64) -> Result<(), Errno> {
    let strings = || arguments.argv.iter().chain(&arguments.envp);
    if strings().any(|string| string.len() >= MAX_ARG_STRLEN) {
        return Err(Errno::E2BIG);
    }
    let pointers = (arguments.argv.len().max(1) + arguments.envp.len()) * 8;
    let bytes: usize = strings().map(|string| string.len() + 1).sum();
    let limit = (stack_limit / 4).clamp(ARGS_LEAST, ARGS_MOST);
    if (bytes + pointers + name.len() + 1) as u64 > limit { Err(Errno::E2BIG) } else { Ok(()) }
}

impl CurrentTask {
    /// Most bytes that `execve(2)` takes, strings and pointers together.
    pub fn max_arguments(&self) -> u64 {
        (self.group().limit(RLIMIT_STACK) / 4).clamp(ARGS_LEAST, ARGS_MOST)
    }

    /// Replaces the program. When it returns, the registers are those of the new one.
    pub fn exec(&mut self, executable: &Executable, arguments: Arguments) -> Result<(), Fail> {
        let attributes = self.task().attributes();
        let time = &attributes.namespaces.time_for_children;
        let loaded = For {
            caller: self.caller(),
            fs: self.fs(),
            no_new_privs: attributes.no_new_privs,
            is_confined: self.is_confined_by_tracer(),
            personality: attributes.personality,
            has_vdso: time.offsets() == Offsets::default(),
        }
        .load(executable, arguments)?;
        let old = self.task().pid();
        let platform = self.kernel().platform().clone();
        let fresh = if self.may_keep_space(&loaded.granted) { None } else { Some(loaded.exec.load(&platform)?) };
        self.dethread()?;
        if self.become_program(loaded, fresh).is_err() {
            // As Linux: there is nothing to go back to.
            self.group().kill();
            return Ok(());
        }
        self.owe_exec_stop(&old);
        Ok(())
    }

    /// The new program may be put into the present address space, which only this thread uses. Its host process has
    /// been the old program's to spoil: that shall not reach a program with other rights, nor what a tracer sees.
    fn may_keep_space(&self, granted: &Granted) -> bool {
        let is_plain = !granted.is_secure && granted.is_dumpable && granted.creds.is_within(self.creds());
        is_plain && !self.task().is_traced() && Arc::strong_count(self.mm()) == 2
    }

    /// The point of no return is behind: the task takes over the new program, in a fresh address space or in its own.
    fn become_program(&mut self, loaded: Loaded, fresh: Option<(Arc<Mm>, Context)>) -> Result<(), Errno> {
        let dump_filter = self.mm().dump_filter();
        self.leave_futexes();
        self.task().renew_futex_identity(self.task().pid().own());
        self.group().timers.delete_posix();
        self.unshare_fds();
        self.fds().close_on_exec(self.caller());
        // Who sees the new memory sees the new name too, and needs the rights for it.
        let Granted { creds, is_secure, is_dumpable } = loaded.granted;
        let is_changed = creds.euid != self.creds().euid || creds.egid != self.creds().egid;
        self.task().with_attributes(|attributes| {
            attributes.set_comm(&loaded.comm);
            if is_changed || is_secure {
                attributes.parent_death_signal = 0;
            }
            attributes.namespaces.time = attributes.namespaces.time_for_children.clone();
        });
        self.task().enter_time();
        self.group().is_dumpable.fetch_and(is_dumpable, SeqCst);
        self.set_creds(creds);
        // A tracer sees which call it was.
        let orig_rax = self.regs().orig_rax;
        let is_kept = fresh.is_none() && self.keep_space(&loaded.exec, &loaded.program)?;
        if !is_kept {
            let (mm, context) = match fresh {
                Some(fresh) => fresh,
                None => loaded.exec.load(self.kernel().platform())?,
            };
            let (old, context) = self.set_mm(mm, loaded.program, context);
            // The old thread and then, with its last user, the old memory go.
            if Arc::strong_count(&old.mm) == 1 {
                self.group().note_end_of(&old.mm);
            }
            drop(context);
            drop(old);
        }
        self.regs_mut().orig_rax = orig_rax;
        self.mm().set_dump_filter(dump_filter);
        self.debug = Debug::default();
        self.group().is_dumpable.store(is_dumpable, SeqCst);
        // A vfork parent goes on.
        self.release = None;
        self.reset_signals();
        self.restart_block = None;
        Ok(())
    }

    /// Handlers become default, the alternate stack goes; ignored, blocked and pending signals stay.
    fn reset_signals(&mut self) {
        self.alt_stack = SigStack { flags: SS_DISABLE, ..SigStack::default() };
        let mut signals = self.group().signals.lock();
        signals.actions = signals.actions.without_handlers();
        signals.flush_timers();
    }

    /// Another process that shares the descriptor table keeps it.
    fn unshare_fds(&mut self) {
        // This task's own, and what it shows of itself.
        if Arc::strong_count(self.fds()) > 2 {
            let copy = self.fds().fork();
            self.set_fds(copy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn argument_limits() {
        let arguments = |argv: Vec<Vec<u8>>| Arguments { argv, envp: Vec::new() };
        assert_eq!(check_size(&arguments(vec![vec![b'a'; MAX_ARG_STRLEN]]), b"x", 8 << 20), Err(Errno::E2BIG));
        assert_eq!(check_size(&arguments(vec![vec![b'a'; MAX_ARG_STRLEN - 1]]), b"x", 8 << 20), Ok(()));
        let many = vec![vec![b'a'; 1000]; 2200];
        assert_eq!(check_size(&arguments(many), b"x", 8 << 20), Err(Errno::E2BIG));
    }
}
