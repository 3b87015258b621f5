//! A guest thread.

use super::frame::Frame;
use super::hands;
use super::layout::{OP_EXIT, OP_SPAWN};
use super::patch::Texts;
use super::process::{PACE, Process};
use super::slot::SlotRef;
use super::space::Space;
use super::thread::{Kicker, Thread};
use crate::{Call, Exit, Regs, Rseq, Wait};
use abi::Errno;
use std::cell::{Cell, OnceCell};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// `RSEQ_FLAG_UNREGISTER` of `rseq(2)`.
const RSEQ_FLAG_UNREGISTER: u32 = 1;

/// Where the application's state is while the sentry has the turn.
#[derive(Clone, Copy, Debug)]
pub(super) enum At {
    /// It was stopped by a host signal, or has not run: all is in the frame.
    Frame(Frame),
    /// It called from patched text: registers are in the slot, extended state is in the CPU.
    Call,
}

/// A guest thread. Owned by its task; never shared. Dropping it ends the host thread.
#[derive(Debug)]
pub struct Context {
    pub(super) space: Arc<Space>,
    pub(super) thread: Arc<Thread>,
    pub(super) at: At,
    /// The call just made; its number where there was none is of no meaning.
    pub(super) call: Call,
    /// Result register of a call from patched text, as long as `regs` is empty.
    pub(super) result: u64,
    /// Empty while nobody asked for what is in the slot.
    pub(super) regs: OnceCell<Regs>,
    /// The registers are not those of the slot any more.
    pub(super) is_changed: bool,
    /// Segment bases as the host thread has them.
    pub(super) bases: (u64, u64),
    /// The host thread has not reported yet.
    is_starting: bool,
    /// The word that it clears at its end, or 0.
    clear: u64,
    /// Failures of calls that could be kept.
    pub(super) failures: Cell<u32>,
}

impl Context {
    pub(super) fn first(process: Arc<Process>, index: u32, tid: i32, frame: Frame, texts: Texts) -> Self {
        let thread = Thread::new(Arc::clone(&process), index, tid);
        let space = Arc::new(Space { process, texts });
        Self::new(space, thread, At::Frame(frame), Regs::default())
    }

    fn new(space: Arc<Space>, thread: Arc<Thread>, at: At, regs: Regs) -> Self {
        Self {
            space,
            thread,
            at,
            call: Call::default(),
            result: 0,
            regs: OnceCell::from(regs),
            is_changed: true,
            // None that a thread has: they are loaded before it runs.
            bases: (u64::MAX, u64::MAX),
            is_starting: true,
            clear: 0,
            failures: Cell::new(0),
        }
    }

    /// Makes this the context of the calling host thread: [`Space`] operations use its hands.
    pub fn bind(&mut self) {
        self.settle();
        drop(hands::take(&self.thread));
    }

    /// Runs `f` with this context's hands in place of those bound now.
    pub fn lend_hands<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        self.settle();
        let before = hands::take(&self.thread);
        let result = f(self);
        hands::give_back(before);
        result
    }

    /// Runs `f`, which lays out this context's address space, whose hands are taken: mappings are made together, and an
    /// error may come later than what caused it.
    pub fn gather<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T, Errno>) -> Result<T, Errno> {
        let process = Arc::clone(&self.thread.process);
        hands::gather(&process, || f(self))
    }

    /// As [`Self::gather`], but what is left at the end is made when the context is run: should that fail, the process is
    /// killed. It must be bound.
    pub fn gather_till_run<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T, Errno>) -> Result<T, Errno> {
        let process = Arc::clone(&self.thread.process);
        hands::gather_till_run(&process, || f(self))
    }

    /// The address space to be in the place of the present one after [`Self::start_anew`]; `None` when that cannot be:
    /// the host process has other threads, or others know the space.
    pub fn next_space(&self) -> Option<Arc<Space>> {
        let process = &self.thread.process;
        // This context's, and that of its memory's description.
        let is_own = Arc::strong_count(&self.space) == 2 && process.can_start_anew();
        is_own.then(|| Arc::new(Space { process: Arc::clone(process), texts: Texts::new() }))
    }

    /// Makes `space` the one that this thread runs in: nothing is left of the present program's memory but the range
    /// `kept`, nor of its registers. It must be bound.
    pub fn start_anew(&mut self, space: Arc<Space>, kept: Range<u64>) -> Result<(), Errno> {
        self.thread.slot().outbox_count.store(0, Relaxed);
        hands::end_call();
        self.unregister_rseq();
        self.set_robust_list(0);
        self.forget_failures();
        self.thread.process.forget_memory(&self.thread.slot());
        self.at = At::Frame(Frame::fresh(self.thread.process.shared.xstate.len));
        self.regs = OnceCell::from(Regs::default());
        self.is_changed = true;
        self.space = space;
        self.space.unmap(0, kept.start)?;
        self.space.unmap(kept.end, super::space::GUEST_END - kept.end)
    }

    /// Waits until a new host thread has reported. Before that no kick may be sent: until a forked one has mapped its own
    /// slots its frame would lie in its parent's.
    pub(super) fn settle(&mut self) {
        if std::mem::take(&mut self.is_starting) {
            // A process that is gone shows when the context is run.
            let _ = self.thread.process.wait_for_start(&self.thread.slot());
        }
    }

    /// Runs application code from the present registers to the next exit. It must be bound.
    pub fn run(&mut self) -> Exit {
        self.go(Exit::Interrupt, Self::resume)
    }

    /// Makes a host call that may sleep, in the place of the application, which goes on with its result; then as
    /// [`Self::run`], or [`Exit::WaitDone`]. `deadline`: absolute, at the call's argument of that index. A kick ends the call with
    /// [`Exit::WaitInterrupted`].
    pub fn run_wait(&mut self, wait: &Wait) -> Exit {
        self.go(Exit::WaitInterrupted, |context| context.resume_wait(wait))
    }

    /// What was written for the application to find when it goes on is in its memory after this.
    pub fn settle_memory(&self) {
        // A range that is gone meanwhile is the program's own affair.
        let _ = self.finish_call();
    }

    /// What the present call gives the application, and changes in its address space, is there after this.
    pub(super) fn finish_call(&self) -> Result<(), Errno> {
        hands::flush(&self.thread.process)?;
        self.thread.process.empty_outbox(&self.thread.slot())
    }

    /// Sets what the stub answers itself: the ids of the thread in the order of [`crate::Ids`], and whether it may.
    pub fn set_local(&self, ids: &crate::Ids, may_answer: bool) {
        let slot = self.thread.slot();
        for (word, id) in slot.ids.iter().zip([ids.pid, ids.tid, ids.uid, ids.gid, ids.euid, ids.egid]) {
            word.store(id, Relaxed);
        }
        slot.asks_always.store(u32::from(!may_answer), Relaxed);
        self.thread.process.tell_kept(&slot);
    }

    /// What the application registered with `rseq(2)`, itself or by its stub.
    pub fn rseq(&self) -> Option<Rseq> {
        let slot = self.thread.slot();
        let area = slot.rseq_area.load(Relaxed);
        let (len, signature) = (slot.rseq_len.load(Relaxed), slot.rseq_signature.load(Relaxed));
        (area != 0).then_some(Rseq { area, len, signature })
    }

    /// Takes back what is registered: the host would go on writing there. It must be bound.
    pub fn unregister_rseq(&self) {
        if let Some(rseq) = self.rseq() {
            // The host cannot refuse what is registered.
            let _ = self.space.rseq(rseq.area, rseq.len, RSEQ_FLAG_UNREGISTER, rseq.signature);
            self.set_rseq(None);
        }
    }

    /// Notes what is registered on the host.
    pub fn set_rseq(&self, rseq: Option<Rseq>) {
        let slot = self.thread.slot();
        slot.rseq_area.store(rseq.map_or(0, |rseq| rseq.area), Relaxed);
        slot.rseq_len.store(rseq.map_or(0, |rseq| rseq.len), Relaxed);
        slot.rseq_signature.store(rseq.map_or(0, |rseq| rseq.signature), Relaxed);
    }

    /// Head of the application's list of robust futexes, or 0.
    pub fn robust_list(&self) -> u64 {
        self.thread.slot().robust_list.load(Relaxed)
    }

    /// Sets the head of the list.
    pub fn set_robust_list(&self, head: u64) {
        self.thread.slot().robust_list.store(head, Relaxed);
    }

    /// The call that the last [`Exit::Syscall`] told of.
    pub const fn call(&self) -> &Call {
        &self.call
    }

    /// Replaces the call, as a tracer may: [`Self::call`] tells of this one now.
    pub const fn set_call(&mut self, call: Call) {
        self.call = call;
    }

    /// Sets the result register.
    pub fn set_result(&mut self, value: u64) {
        self.result = value;
        if let Some(regs) = self.regs.get_mut() {
            regs.rax = value;
        }
    }

    /// Registers; `fs_base` and `gs_base` included.
    pub fn regs(&self) -> &Regs {
        self.regs.get_or_init(|| self.saved())
    }

    /// Registers, to change. Only user-visible flags of `eflags` count; the selectors do not.
    pub fn regs_mut(&mut self) -> &mut Regs {
        self.is_changed = true;
        let saved = if self.regs.get().is_none() { Some(self.saved()) } else { None };
        if let Some(saved) = saved {
            self.regs = OnceCell::from(saved);
        }
        self.regs.get_mut().expect("they were loaded just now")
    }

    /// Extended state in XSAVE format as a signal frame holds it, software-reserved bytes and second magic
    /// included; empty when it is the initial state.
    pub fn fpstate(&mut self) -> Vec<u8> {
        if let At::Call = self.at {
            // A process that is gone shows when the context is run.
            let _ = self.leave_call();
        }
        match self.at {
            At::Frame(frame) => frame.fpstate(&self.thread.slot()),
            At::Call => Vec::new(),
        }
    }

    /// Replaces the extended state with an image in the form of a signal frame (or 512 bytes of FXSAVE);
    /// empty: the initial state. `EINVAL` for what the CPU cannot load.
    pub fn set_fpstate(&mut self, state: &[u8]) -> Result<(), Errno> {
        let host = self.thread.process.shared.xstate;
        self.regs();
        let mut frame = match self.at {
            At::Frame(frame) => frame,
            At::Call => Frame::fresh(host.len),
        };
        frame.set_fpstate(&self.thread.slot(), state, &host)?;
        self.at = At::Frame(frame);
        self.is_changed = true;
        Ok(())
    }

    /// Bytes of extended state that a signal frame holds on this host, with the second magic.
    pub fn fpstate_len(&self) -> usize {
        self.thread.process.shared.xstate.len + 4
    }

    /// Components of extended state that the host has enabled: XCR0.
    pub fn xfeatures(&self) -> u64 {
        self.thread.process.shared.xstate.features
    }

    /// Processor that the thread last ran on.
    pub fn cpu(&self) -> u32 {
        self.thread.slot().cpu.load(Relaxed)
    }

    /// The address space.
    pub const fn space(&self) -> &Arc<Space> {
        &self.space
    }

    /// Gives the slot of a copy the state that the host does not copy by itself.
    fn copy_to(&self, slot: &SlotRef<'_>) {
        if let At::Frame(frame) = self.at {
            frame.copy(&self.thread.slot(), slot);
        }
    }

    /// A copy with another host thread, which starts with this one's segment bases.
    fn copy(&self, space: Arc<Space>, thread: Arc<Thread>) -> Self {
        thread.inherit(&self.thread);
        let mut copy = Self::new(space, thread, self.at, *self.regs());
        (copy.call, copy.result) = (self.call, self.result);
        copy
    }

    /// Copies the address space (fork). The new context has this one's registers and extended state; it is
    /// parked: move it to a host thread of its own and bind it there.
    pub fn fork(&mut self) -> Result<(Arc<Space>, Self), Errno> {
        self.settle();
        self.finish_call()?;
        let process = self.thread.process.fork(self.thread.index, |child| self.copy_to(child))?;
        let pid = process.pid;
        let thread = Thread::new(Arc::clone(&process), self.thread.index, pid);
        let texts = self.space.texts.fork(&process);
        let space = Arc::new(Space { process, texts });
        let child = self.copy(Arc::clone(&space), thread);
        Ok((space, child))
    }

    /// The first context of a fork of the zygote: no registers, no extended state.
    pub(super) fn fork_fresh(&mut self) -> Result<(Arc<Space>, Self), Errno> {
        let frame = Frame::fresh(self.thread.process.shared.xstate.len);
        let index = self.thread.index;
        let process = self.thread.process.fork(index, |child| frame.store(child, &Regs::default()))?;
        let pid = process.pid;
        let child = Self::first(process, index, pid, frame, Texts::new());
        Ok((Arc::clone(&child.space), child))
    }

    /// A further thread of this address space (`CLONE_VM`), registers copied; parked. `EAGAIN`.
    pub fn spawn(&mut self) -> Result<Self, Errno> {
        self.settle();
        self.finish_call()?;
        let process = &self.thread.process;
        let index = process.take_slot()?;
        let (slot, child_slot) = (self.thread.slot(), process.slots.slot(index));
        child_slot.reset(slot.cpu.load(Relaxed), process.shared.features, slot.socket.load(Relaxed));
        self.copy_to(&child_slot);
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
        Ok(self.copy(Arc::clone(&self.space), thread))
    }

    /// Ends the thread on the host, as dropping the context does; then the word at `clear` is set to zero and one who
    /// waits for it (`futex(2)`, shared) is woken. Gives the context back when it cannot do that.
    pub fn exit(mut self, clear: u64) -> Option<Self> {
        if !self.has_own_exit() || clear >= super::space::GUEST_END - 4 {
            return Some(self);
        }
        self.clear = clear;
        None
    }

    /// The host thread can end by itself. The first one of a process stays parked while there are others: the host
    /// reaches a process's memory by its id only as long as that thread has not ended.
    fn has_own_exit(&self) -> bool {
        self.thread.tid.load(Relaxed) != self.thread.process.pid
    }

    /// For other threads to get this one out of application code.
    pub fn kicker(&self) -> Kicker {
        Kicker(Arc::clone(&self.thread))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        hands::let_go(&self.thread);
        self.settle();
        if self.has_own_exit() {
            let slot = self.thread.slot();
            slot.args[0].store(self.clear, Relaxed);
            slot.op.store(OP_EXIT, Relaxed);
            slot.post(|wake| wake());
        }
        self.thread.tid.store(0, Relaxed);
        // Not at the very end of the host thread, when its own variables are gone: then it is near for good.
        let _ = PACE.try_with(|pace| pace.borrow_mut().end(&self.thread.process.shared.cores));
        self.thread.process.free_slot(self.thread.index);
    }
}
