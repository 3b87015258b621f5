//! A task as its own host thread sees it.

use crate::futex::HostWait;
use crate::kernel::Kernel;
use crate::ptrace::{Debug, Step};
use crate::seccomp::Own;
use crate::status::Status;
use crate::task::{Live, Program, Release, RestartBlock, Stop, Task, ThreadGroup};
use abi::Errno;
use abi::signal::{SigSet, SigStack};
use mm::{Exec, Mm, UserAddr};
use platform::{Context, Fault, Regs};
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use sync::Restart;
use vfs::{Caller, Credentials, FdTable, FsContext};

/// The end of a task, once it is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Of this thread; the process goes on when it has others.
    Thread(Status),
    /// Of the process, as its signal state says.
    Group,
}

/// The task of the calling host thread: what only its owner may touch. Not `Send`.
pub struct CurrentTask {
    pub(crate) task: Arc<Task>,
    kernel: Arc<Kernel>,
    caller: Caller,
    mm: Arc<Mm>,
    program: Arc<Program>,
    fds: Arc<FdTable>,
    fs: Arc<FsContext>,
    pub(crate) context: Context,
    /// The filters of its calls.
    pub(crate) seccomp: Own,
    /// Restored when the handler returns, or at once when none runs.
    pub(crate) saved_mask: Option<SigSet>,
    /// The call just made was interrupted and is to go on so.
    pub(crate) interrupted: Option<Restart>,
    /// What `restart_syscall(2)` goes on with.
    pub(crate) restart_block: Option<RestartBlock>,
    /// A host call that it is to sleep in, in the place of application code.
    pub(crate) host_wait: Option<HostWait>,
    /// What keeps it from application code before the call just made returns.
    pub(crate) stops: VecDeque<Stop>,
    /// The result of the call just made, while stops come first.
    pub(crate) result: Option<u64>,
    /// Whether its tracer has it run step by step.
    pub(crate) step: Step,
    pub(crate) debug: Debug,
    pub(crate) end: Option<End>,
    /// The last exception, for the signal frame.
    pub(crate) fault: Option<Fault>,
    /// A parent that waits in vfork; released when this is dropped.
    pub(crate) release: Option<Release>,
    /// Alternate signal stack: `sigaltstack(2)`.
    pub alt_stack: SigStack,
    /// Cleared and woken at exit: `set_tid_address(2)`.
    pub clear_child_tid: UserAddr,
    _not_send: PhantomData<*const ()>,
}

impl CurrentTask {
    /// The calling host thread is to run `task`, which nobody else runs.
    pub(crate) fn new(task: Arc<Task>, live: Live, mut context: Context) -> Self {
        context.bind();
        task.set_kicker(Some(context.kicker()));
        task.share_signal_mask(Some(context.kicker()));
        let caller = Caller { creds: task.creds(), word: task.word().clone(), process: task.clone() };
        let current = Self {
            kernel: task.kernel().clone(),
            caller,
            mm: live.mm,
            program: live.program,
            fds: live.fds,
            fs: live.fs,
            task,
            context,
            seccomp: Own::default(),
            saved_mask: None,
            interrupted: None,
            restart_block: None,
            host_wait: None,
            stops: VecDeque::new(),
            result: None,
            step: Step::Off,
            debug: Debug::default(),
            end: None,
            fault: None,
            release: None,
            alt_stack: SigStack { sp: 0, flags: abi::signal::SS_DISABLE, pad: 0, size: 0 },
            clear_child_tid: UserAddr::NULL,
            _not_send: PhantomData,
        };
        current.tell_stub();
        current
    }

    /// Tells the stub what it may answer itself: after each change of what that is.
    pub(crate) fn tell_stub(&self) {
        let creds = self.creds();
        let user = |id| creds.user_ns.guest_uid(id);
        let group = |id| creds.user_ns.guest_gid(id);
        let ids = platform::Ids {
            pid: self.group().pid().own() as u32,
            tid: self.task.pid().own() as u32,
            uid: user(creds.uid),
            gid: group(creds.gid),
            euid: user(creds.euid),
            egid: group(creds.egid),
        };
        // The map of a new user namespace may be written at any time, by others. A tracer may want to see every call.
        let has_fixed_ids = creds.user_ns.parent.is_none();
        let is_seen = self.task.is_watched() || self.is_stepping();
        // Nor does the stub know of clocks that are not the host's.
        let is_plain = has_fixed_ids && !is_seen && !self.task.has_own_time();
        self.task.seccomp.steady(|is_filtered| self.context.set_local(&ids, is_plain && !is_filtered));
    }

    /// The task as others see it.
    pub const fn task(&self) -> &Arc<Task> {
        &self.task
    }

    /// Its process.
    pub fn group(&self) -> &Arc<ThreadGroup> {
        self.task.group()
    }

    /// The machine.
    pub const fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    /// Who asks, for file operations.
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Identity and rights.
    pub const fn creds(&self) -> &Arc<Credentials> {
        &self.caller.creds
    }

    /// Its memory; implements `mm::UserMemory`.
    pub const fn mm(&self) -> &Arc<Mm> {
        &self.mm
    }

    /// The file whose program is in its memory.
    pub const fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// Its descriptor table.
    pub const fn fds(&self) -> &Arc<FdTable> {
        &self.fds
    }

    /// Its root, working directory and umask.
    pub const fn fs(&self) -> &Arc<FsContext> {
        &self.fs
    }

    /// Registers.
    pub fn regs(&self) -> &Regs {
        self.context.regs()
    }

    /// Registers, to change.
    pub fn regs_mut(&mut self) -> &mut Regs {
        self.context.regs_mut()
    }

    /// The platform's thread.
    pub const fn context(&mut self) -> &mut Context {
        &mut self.context
    }

    /// Sets how `restart_syscall(2)` goes on with this call; then end it with `Interrupted(Restart::Block)`.
    pub const fn set_restart_block(&mut self, block: RestartBlock) {
        self.restart_block = Some(block);
    }

    /// How the call that was interrupted goes on.
    pub const fn take_restart_block(&mut self) -> Option<RestartBlock> {
        self.restart_block.take()
    }

    /// Takes over new credentials: what the task and its files see. Counts it for the new real user.
    pub fn set_creds(&mut self, creds: Credentials) {
        let creds = Arc::new(creds);
        if creds.uid != self.caller.creds.uid {
            self.task.charge(creds.uid);
        }
        self.task.with_attributes(|attributes| attributes.creds = creds.clone());
        self.caller.creds = creds;
        // It may find other names than before.
        self.context.forget_failures();
        self.tell_stub();
    }

    /// Changes of names and of who may find them, so far.
    pub fn name_changes(&self) -> u64 {
        self.kernel().platform().name_changes().load(SeqCst)
    }

    /// The present call failed because of what `path` names, and will until there are more than `changes`: the stub may
    /// say so itself the next time.
    pub fn remember_failure(&self, path: &[u8], errno: Errno, changes: u64) {
        self.context.remember_failure(path, errno, changes);
    }

    /// Replaces the descriptor table (`unshare(2)`, `close_range(2)`).
    pub fn set_fds(&mut self, fds: Arc<FdTable>) {
        self.fds = fds;
        self.publish();
    }

    /// Replaces root, working directory and umask (`unshare(2)`).
    pub fn set_fs(&mut self, fs: Arc<FsContext>) {
        self.fs = fs;
        self.context.forget_failures();
        self.publish();
    }

    /// Takes over another address space and the thread in it; gives the old ones.
    pub(crate) fn set_mm(&mut self, mm: Arc<Mm>, program: Arc<Program>, mut context: Context) -> (Live, Context) {
        context.bind();
        self.task.set_kicker(Some(context.kicker()));
        self.task.share_signal_mask(Some(context.kicker()));
        let old = (self.live(), std::mem::replace(&mut self.context, context));
        self.mm = mm;
        self.program = program;
        self.publish();
        self.tell_stub();
        old
    }

    /// Puts a program into its own address space. False: somebody else uses that, or it can't be used again; nothing
    /// has happened then. After an error there is no memory left.
    pub(crate) fn keep_space(&mut self, exec: &Exec, program: &Arc<Program>) -> Result<bool, Errno> {
        let Self { task, mm, context, .. } = self;
        let Some(new) = exec.replace(mm, context, |new| task.replace_mm(mm, new))? else { return Ok(false) };
        let old = (std::mem::replace(&mut self.mm, new), std::mem::replace(&mut self.program, program.clone()));
        self.publish();
        self.tell_stub();
        drop(old);
        Ok(true)
    }

    /// Lets others see what it has.
    fn publish(&self) {
        let old = self.task.set_live(Some(self.live()));
        drop(old);
    }

    /// What it has.
    pub(crate) fn live(&self) -> Live {
        Live { mm: self.mm.clone(), program: self.program.clone(), fds: self.fds.clone(), fs: self.fs.clone() }
    }

    /// Takes it apart at its end.
    pub(crate) fn into_parts(self) -> (Arc<Task>, Caller, Live, Context, Option<Release>) {
        let live = Live { mm: self.mm, program: self.program, fds: self.fds, fs: self.fs };
        (self.task, self.caller, live, self.context, self.release)
    }

    /// Counts a call that reads; what it moved when it did not fail.
    pub fn count_read(&self, moved: Option<usize>) {
        self.task.transfers.count_read(moved.unwrap_or(0));
    }

    /// Counts a call that writes.
    pub fn count_write(&self, moved: Option<usize>) {
        self.task.transfers.count_write(moved.unwrap_or(0));
    }

    /// Ends this thread with the code of `exit(2)`, once the call is over.
    pub fn exit_thread(&mut self, code: u8) {
        self.end = Some(End::Thread(Status::Exited(code)));
    }

    /// Ends the first process of the caller's pid namespace as if by a signal, and with it all others: `reboot(2)`.
    pub fn end_namespace(&mut self, signal: u8) {
        let init = self.kernel().tree().group(&self.task().pid_namespace(), 1);
        if let Some(init) = init {
            init.end(Status::Signaled { signal, core: false });
        }
        self.exit_group(0);
    }

    /// Ends the process with the code of `exit_group(2)`, once the call is over.
    pub fn exit_group(&mut self, code: u8) {
        self.group().end(Status::Exited(code));
        self.end = Some(End::Group);
    }
}
