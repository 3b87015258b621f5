//! A guest thread.

use super::frame::Frame;
use super::layout::{EVENT_SIGNAL, FEATURE_FSGSBASE, OP_EXIT, OP_RESUME, OP_SPAWN, SET_FS, SET_GS};
use super::process::{PACE, Process};
use super::slot::SlotRef;
use super::space::Space;
use super::times::Times;
use crate::{Exit, Fault, Regs};
use abi::Errno;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::time::Duration;

/// Host signal that gets a thread out of application code.
const KICK: i32 = libc::SIGUSR1;

/// A stub thread in its slot.
#[derive(Debug)]
struct Thread {
    process: Arc<Process>,
    index: u32,
    tid: AtomicI32,
    times: Times,
}

impl Thread {
    fn new(process: Arc<Process>, index: u32, tid: i32) -> Arc<Self> {
        Arc::new(Self { process, index, tid: AtomicI32::new(tid), times: Times::new() })
    }

    fn slot(&self) -> SlotRef<'_> {
        self.process.slots.slot(self.index)
    }
}

thread_local! {
    /// The parked stub thread whose hands the calling host thread uses.
    static HANDS: RefCell<Option<Arc<Thread>>> = const { RefCell::new(None) };
}

/// Runs `f` with the slot of the parked thread bound to this host thread; `EINVAL` when there is none in
/// `process`.
pub(super) fn with_hands<T>(
    process: &Arc<Process>,
    f: impl FnOnce(&SlotRef<'_>) -> Result<T, Errno>,
) -> Result<T, Errno> {
    HANDS.with_borrow(|hands| match hands {
        Some(thread) if Arc::ptr_eq(&thread.process, process) => f(&thread.slot()),
        _ => Err(Errno::EINVAL),
    })
}

/// A guest thread. Owned by its task; never shared. Dropping it ends the host thread.
#[derive(Debug)]
pub struct Context {
    space: Arc<Space>,
    thread: Arc<Thread>,
    regs: Regs,
    /// Segment bases as the host thread has them.
    bases: (u64, u64),
    frame: Frame,
    /// The host thread has not reported yet.
    is_starting: bool,
}

impl Context {
    pub(super) fn first(process: Arc<Process>, index: u32, tid: i32, frame: Frame) -> Self {
        let thread = Thread::new(Arc::clone(&process), index, tid);
        let space = Arc::new(Space { process });
        Self { space, thread, regs: Regs::default(), bases: (0, 0), frame, is_starting: true }
    }

    /// Makes this the context of the calling host thread: [`Space`] operations use its hands.
    pub fn bind(&mut self) {
        self.settle();
        HANDS.set(Some(Arc::clone(&self.thread)));
    }

    /// Runs `f` with this context's hands in place of those bound now.
    pub fn lend_hands<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        self.settle();
        let before = HANDS.replace(Some(Arc::clone(&self.thread)));
        let result = f(self);
        HANDS.set(before);
        result
    }

    /// Waits until a new host thread has reported.
    fn settle(&mut self) {
        if std::mem::take(&mut self.is_starting) {
            // A process that is gone shows when the context is run.
            let _ = self.thread.process.wait(&self.thread.slot());
        }
    }

    /// Runs application code from the present registers to the next exit. It must be bound.
    pub fn run(&mut self) -> Exit {
        self.settle();
        let process = &self.thread.process;
        let slot = self.thread.slot();
        self.frame.store(&slot, &self.regs);
        if self.load_bases(&slot).is_err() || process.command(&slot, OP_RESUME).is_err() {
            return Exit::Dead;
        }
        if slot.event.load(Relaxed) != EVENT_SIGNAL {
            process.kill();
            return Exit::Dead;
        }
        let signal = slot.signal.load(Relaxed);
        let Some((frame, regs, context, info)) = Frame::report(&slot) else {
            process.kill();
            return Exit::Dead;
        };
        self.frame = frame;
        self.regs = regs;
        if process.shared.features & FEATURE_FSGSBASE == 0 {
            (self.regs.fs_base, self.regs.gs_base) = self.bases;
        }
        self.bases = (self.regs.fs_base, self.regs.gs_base);
        match signal as i32 {
            KICK => Exit::Interrupt,
            libc::SIGSYS if info.arch == 0xc000_003e => {
                self.regs.orig_rax = self.regs.rax;
                Exit::Syscall
            }
            // A 32-bit call: what a kernel without IA-32 emulation makes of INT 0x80.
            libc::SIGSYS => {
                self.regs.rip = self.regs.rip.wrapping_sub(2);
                Exit::Fault(Fault { signal: libc::SIGSEGV as u8, code: 0x80, addr: 0, trapno: 13, error: 0x402 })
            }
            signal => Exit::Fault(Fault {
                signal: signal as u8,
                code: info.code,
                addr: info.addr,
                trapno: context.trapno,
                error: context.err,
            }),
        }
    }

    /// Has the segment bases loaded, where they changed.
    fn load_bases(&self, slot: &SlotRef<'_>) -> Result<(), Errno> {
        let mut flags = 0;
        if (self.regs.fs_base, self.regs.gs_base) != self.bases {
            if self.thread.process.shared.features & FEATURE_FSGSBASE != 0 {
                slot.fs_base.store(self.regs.fs_base, Relaxed);
                slot.gs_base.store(self.regs.gs_base, Relaxed);
                flags = SET_FS | SET_GS;
            } else {
                // ARCH_SET_FS, ARCH_SET_GS.
                let calls = [
                    (libc::SYS_arch_prctl, [0x1002, self.regs.fs_base, 0, 0, 0, 0]),
                    (libc::SYS_arch_prctl, [0x1001, self.regs.gs_base, 0, 0, 0, 0]),
                ];
                self.thread.process.calls(slot, &calls)?;
            }
        }
        slot.resume_flags.store(flags, Relaxed);
        Ok(())
    }

    /// Registers; `fs_base` and `gs_base` included.
    pub const fn regs(&self) -> &Regs {
        &self.regs
    }

    /// Registers, to change. Only user-visible flags of `eflags` count; the selectors do not.
    pub const fn regs_mut(&mut self) -> &mut Regs {
        &mut self.regs
    }

    /// Extended state in XSAVE format as a signal frame holds it, software-reserved bytes and second magic
    /// included; empty when it is the initial state.
    pub fn fpstate(&self) -> Vec<u8> {
        self.frame.fpstate(&self.thread.slot())
    }

    /// Replaces the extended state with an image in the form of a signal frame (or 512 bytes of FXSAVE);
    /// empty: the initial state. `EINVAL` for what the CPU cannot load.
    pub fn set_fpstate(&mut self, state: &[u8]) -> Result<(), Errno> {
        let host = self.thread.process.shared.xstate;
        self.frame.set_fpstate(&self.thread.slot(), state, &host)
    }

    /// Bytes of extended state that a signal frame holds on this host, with the second magic.
    pub fn fpstate_len(&self) -> usize {
        self.thread.process.shared.xstate.len + 4
    }

    /// Processor that the thread last ran on.
    pub fn cpu(&self) -> u32 {
        self.thread.slot().cpu.load(Relaxed)
    }

    /// The address space.
    pub const fn space(&self) -> &Arc<Space> {
        &self.space
    }

    /// Copies the address space (fork). The new context has this one's registers and extended state; it is
    /// parked: move it to a host thread of its own and bind it there.
    pub fn fork(&mut self) -> Result<(Arc<Space>, Self), Errno> {
        self.settle();
        let slot = self.thread.slot();
        let (frame, regs) = (self.frame, &self.regs);
        let process = self.thread.process.fork(self.thread.index, frame.boot_stack(), |child| {
            frame.copy(&slot, child);
            frame.store(child, regs);
        })?;
        let pid = process.pid;
        let mut child = Self::first(process, self.thread.index, pid, frame);
        child.regs = self.regs;
        child.bases = self.bases;
        Ok((Arc::clone(&child.space), child))
    }

    /// The first context of a fork of the zygote: no registers, no extended state.
    pub(super) fn fork_fresh(&mut self) -> Result<(Arc<Space>, Self), Errno> {
        let frame = Frame::fresh(self.thread.process.shared.xstate.len);
        let index = self.thread.index;
        let process =
            self.thread.process.fork(index, frame.boot_stack(), |child| frame.store(child, &Regs::default()))?;
        let pid = process.pid;
        let child = Self::first(process, index, pid, frame);
        Ok((Arc::clone(&child.space), child))
    }

    /// A further thread of this address space (`CLONE_VM`), registers copied; parked. `EAGAIN`.
    pub fn spawn(&mut self) -> Result<Self, Errno> {
        self.settle();
        let process = &self.thread.process;
        let index = process.take_slot()?;
        let (slot, child_slot) = (self.thread.slot(), process.slots.slot(index));
        child_slot.reset(slot.cpu.load(Relaxed), process.shared.features, slot.socket.load(Relaxed));
        self.frame.copy(&slot, &child_slot);
        self.frame.store(&child_slot, &self.regs);
        slot.args[0].store(child_slot.stub_addr(), Relaxed);
        let started = process.command(&slot, OP_SPAWN).and_then(|()| match slot.result.load(Relaxed) as i64 {
            result @ -4095..0 => Err(Errno(-result as u16)),
            tid => i32::try_from(tid).map_err(|_| Errno::EAGAIN),
        });
        let tid = started.inspect_err(|_| {
            child_slot.tid.store(0, Relaxed);
            process.free_slot(index);
        })?;
        let thread = Thread::new(Arc::clone(process), index, tid);
        Ok(Self {
            space: Arc::clone(&self.space),
            thread,
            regs: self.regs,
            bases: self.bases,
            frame: self.frame,
            is_starting: true,
        })
    }

    /// Ends the thread on the host. Dropping a context does the same.
    pub fn exit(self) {}

    /// For other threads to get this one out of application code.
    pub fn kicker(&self) -> Kicker {
        Kicker(Arc::clone(&self.thread))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        HANDS.with_borrow_mut(|hands| {
            if hands.as_ref().is_some_and(|thread| Arc::ptr_eq(thread, &self.thread)) {
                *hands = None;
            }
        });
        self.settle();
        // The first thread of a process stays parked while there are others: the host reaches a process's memory by
        // its id only as long as that thread has not ended.
        if self.thread.tid.load(Relaxed) != self.thread.process.pid {
            let slot = self.thread.slot();
            slot.op.store(OP_EXIT, Relaxed);
            slot.post();
        }
        self.thread.tid.store(0, Relaxed);
        // Not at the very end of the host thread, when its own variables are gone: then it is near for good.
        let _ = PACE.try_with(|pace| pace.borrow_mut().end(&self.thread.process.shared.cores));
        self.thread.process.free_slot(self.thread.index);
    }
}

/// Gets a guest thread out of application code, and tells of its use of the processor.
#[derive(Clone, Debug)]
pub struct Kicker(Arc<Thread>);

impl Kicker {
    /// `Context::run` returns soon (at the latest with a spurious [`Exit::Interrupt`]).
    pub fn kick(&self) {
        let tid = self.0.tid.load(Relaxed);
        if tid != 0 && !self.0.process.is_gone() {
            // SAFETY: sends a signal; a number that has no thread any more is an error without effect.
            unsafe { libc::syscall(libc::SYS_tgkill, self.0.process.pid, tid, KICK) };
        }
    }

    /// Lets the host thread run on these processors of the sandbox alone: bit n of the words for processor n.
    pub fn set_affinity(&self, words: &[u64]) {
        let tid = self.0.tid.load(Relaxed);
        if tid != 0 && !self.0.process.is_gone() {
            self.0.process.shared.cores.confine(tid, words);
        }
    }

    /// Processor time that the host thread has used: in application code, in the host on its behalf.
    pub fn cpu_time(&self) -> (Duration, Duration) {
        let tid = self.0.tid.load(Relaxed);
        self.0.times.read(self.0.process.shared.reaper.proc(), self.0.process.pid, tid)
    }
}
