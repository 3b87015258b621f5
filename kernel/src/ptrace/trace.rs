//! What is kept of a tracee.

use crate::ptrace::debug::Debug;
use crate::task::{CurrentTask, Task};
use abi::ptrace::{EVENT_SECCOMP, EVENT_STOP, EVENTMSG_SYSCALL_ENTRY, Options, event_code};
use abi::signal::{SIGTRAP, SigInfo, SigSet};
use platform::Regs;
use platform::Rseq;
use std::sync::Arc;

/// What a tracer asked for. Lies with the thread's signals, under their lock.
pub(crate) struct Trace {
    pub(crate) tracer: Arc<Task>,
    pub(crate) options: Options,
    /// Attached by `PTRACE_SEIZE`.
    pub(crate) is_seized: bool,
    /// It is to stop: `PTRACE_INTERRUPT`, or a stop of its process.
    pub(crate) wants_stop: bool,
    /// A stop of its process began or ended since it last stopped for one (seized only).
    pub(crate) wants_notice: bool,
    /// Whether calls stop.
    pub(crate) calls: Calls,
    /// `PTRACE_ATTACH` and `PTRACE_SEIZE` wait until a thread that was stopped already has become trapped.
    pub(crate) is_moving: bool,
}

impl Trace {
    pub(crate) const fn new(tracer: Arc<Task>, options: Options, is_seized: bool) -> Self {
        Self { tracer, options, is_seized, wants_stop: false, wants_notice: false, calls: Calls::Run, is_moving: false }
    }

    /// It is to stop as soon as it can.
    pub(crate) const fn wants_trap(&self) -> bool {
        self.wants_stop || self.wants_notice
    }
}

/// What happens at calls of a tracee.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Calls {
    /// Nothing.
    #[default]
    Run,
    /// It stops before and after.
    Stop,
    /// It stops before, and the call is not made.
    Skip,
}

/// How a tracee goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// `PTRACE_CONT`.
    Cont,
    /// `PTRACE_SYSCALL`.
    Syscall,
    /// `PTRACE_SINGLESTEP`.
    Step,
    /// `PTRACE_SINGLEBLOCK`.
    Block,
    /// `PTRACE_SYSEMU`.
    Emulate,
    /// `PTRACE_SYSEMU_SINGLESTEP`.
    EmulateStep,
}

impl Resume {
    pub(crate) const fn calls(self) -> Calls {
        match self {
            Self::Cont | Self::Step | Self::Block => Calls::Run,
            Self::Syscall => Calls::Stop,
            Self::Emulate | Self::EmulateStep => Calls::Skip,
        }
    }
}

/// What only the owner of a task may touch, lent to its tracer while it is stopped.
#[derive(Clone, Copy, Default)]
pub(crate) struct Image {
    pub(crate) regs: Regs,
    pub(crate) debug: Debug,
    /// The mask that a call set aside.
    pub(crate) saved_mask: Option<SigSet>,
    pub(crate) rseq: Option<Rseq>,
}

/// Why a tracee stopped, as `PTRACE_GET_SYSCALL_INFO` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopKind {
    /// Before a call.
    Entry,
    /// After a call.
    Exit,
    /// By a seccomp program; its data.
    Seccomp(u64),
    /// Something else.
    Other,
}

/// A stop of a tracee. Lies with the thread's signals, under their lock.
pub(crate) struct Trap {
    /// As the wait calls report it; 0 when they have.
    pub(crate) code: i32,
    /// What the tracer sees of the signal; none in a stop of the process.
    pub(crate) info: Option<SigInfo>,
    /// `PTRACE_GETEVENTMSG`.
    pub(crate) message: u64,
    pub(crate) image: Image,
    /// `PTRACE_LISTEN`.
    pub(crate) is_listening: bool,
    /// How it goes on, once it may: the signal that it gets, and how it steps.
    pub(crate) over: Option<(i32, Resume)>,
    /// Something that the tracee is to do itself.
    pub(crate) visit: Option<Visit>,
}

/// What a stopped tracee does for its tracer.
pub(crate) type Visit = Box<dyn FnOnce(&mut CurrentTask) + Send>;

impl Trap {
    pub(crate) fn new(code: i32, info: Option<SigInfo>, message: u64) -> Self {
        Self { code, info, message, image: Image::default(), is_listening: false, over: None, visit: None }
    }

    /// It is stopped as far as its tracer is concerned.
    pub(crate) const fn is_on(&self) -> bool {
        self.over.is_none() && !self.is_listening
    }

    /// A stop by `PTRACE_INTERRUPT`, or one of the process of a seized tracee.
    pub(crate) fn is_event_stop(&self) -> bool {
        self.info.is_some_and(|info| info.code >> 8 == EVENT_STOP)
    }

    pub(crate) fn kind(&self) -> StopKind {
        const SECCOMP: i32 = event_code(EVENT_SECCOMP);
        const CALL: i32 = SIGTRAP as i32 | 0x80;
        match self.info.map_or(0, |info| info.code) {
            CALL if self.message == EVENTMSG_SYSCALL_ENTRY => StopKind::Entry,
            CALL => StopKind::Exit,
            SECCOMP => StopKind::Seccomp(self.message),
            _ => StopKind::Other,
        }
    }
}
