//! A guest thread.

use super::frame::Frame;
use super::hands;
use super::layout::{
    EVENT_CALL, EVENT_KICKED, EVENT_OUTBOX_FAULT, EVENT_SIGNAL, EVENT_WAIT_DONE, EVENT_WAIT_KICKED, FEATURE_FSGSBASE,
    OP_EXIT, OP_RESUME, OP_RETURN, OP_SAVE_XSTATE, OP_SPAWN, OP_WAIT, SET_FS, SET_GS,
};
use super::patch::{Place, Texts};
use super::process::{PACE, Process};
use super::slot::SlotRef;
use super::space::Space;
use super::times::Times;
use crate::{Call, Exit, Fault, Regs, Wait};
use abi::Errno;
use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicI32,
    Ordering::{Relaxed, Release, SeqCst},
};
use std::time::Duration;

/// Host signal that gets a thread out of application code.
const KICK: i32 = libc::SIGUSR1;
/// TF of rflags.
const TRAP_FLAG: u64 = 0x100;

/// A stub thread in its slot.
#[derive(Debug)]
pub(super) struct Thread {
    pub(super) process: Arc<Process>,
    pub(super) index: u32,
    tid: AtomicI32,
    /// It runs application code, or is about to.
    in_app: AtomicBool,
    times: Times,
}

impl Thread {
    fn new(process: Arc<Process>, index: u32, tid: i32) -> Arc<Self> {
        let (tid, in_app) = (AtomicI32::new(tid), AtomicBool::new(false));
        let thread = Arc::new(Self { process, index, tid, in_app, times: Times::new() });
        thread.process.add_thread(&thread);
        thread
    }

    pub(super) fn slot(&self) -> SlotRef<'_> {
        self.process.slots.slot(self.index)
    }

    /// It runs application code, or is about to.
    pub(super) fn is_in_app(&self) -> bool {
        self.in_app.load(SeqCst)
    }

    /// It is in application code, and does not sleep in a host call.
    pub(super) fn is_running(&self) -> bool {
        self.is_in_app() && self.slot().sleeps.load(SeqCst) == 0
    }

    /// It goes to application code, as soon as the gate is open.
    fn enter_app(&self) {
        loop {
            self.in_app.store(true, SeqCst);
            if !self.process.is_gate_closed() {
                return;
            }
            self.in_app.store(false, SeqCst);
            std::thread::yield_now();
        }
    }

    /// Gets it out of application code.
    pub(super) fn kick(&self) {
        let tid = self.tid.load(Relaxed);
        if tid != 0 && !self.process.is_gone() {
            // SAFETY: sends a signal; a number that has no thread any more is an error without effect.
            unsafe { libc::syscall(libc::SYS_tgkill, self.process.pid, tid, KICK) };
        }
    }
}

/// Where the application's state is while the sentry has the turn.
#[derive(Clone, Copy, Debug)]
enum At {
    /// It was stopped by a host signal, or has not run: all is in the frame.
    Frame(Frame),
    /// It called from patched text: registers are in the slot, extended state is in the CPU.
    Call,
}

/// A guest thread. Owned by its task; never shared. Dropping it ends the host thread.
#[derive(Debug)]
pub struct Context {
    space: Arc<Space>,
    thread: Arc<Thread>,
    at: At,
    /// The call just made; its number where there was none is of no meaning.
    call: Call,
    /// Result register of a call from patched text, as long as `regs` is empty.
    result: u64,
    /// Empty while nobody asked for what is in the slot.
    regs: OnceCell<Regs>,
    /// The registers are not those of the slot any more.
    is_changed: bool,
    /// Segment bases as the host thread has them.
    bases: (u64, u64),
    /// The host thread has not reported yet.
    is_starting: bool,
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

    /// Waits until a new host thread has reported.
    fn settle(&mut self) {
        if std::mem::take(&mut self.is_starting) {
            // A process that is gone shows when the context is run.
            let _ = self.thread.process.wait(&self.thread.slot());
        }
    }

    /// Runs application code from the present registers to the next exit. It must be bound.
    pub fn run(&mut self) -> Exit {
        self.go(Self::resume)
    }

    /// Makes a host call that may sleep, in the place of the application, which goes on with its result; then as
    /// [`Self::run`], or [`Exit::WaitDone`]. `deadline`: absolute, at the call's argument of that index. A kick ends the call with
    /// [`Exit::WaitInterrupted`].
    pub fn run_wait(&mut self, wait: &Wait) -> Exit {
        self.go(|context| context.resume_wait(wait))
    }

    fn go(&mut self, resume: impl FnOnce(&mut Self) -> Result<(), Errno>) -> Exit {
        self.settle();
        self.thread.enter_app();
        let resumed = resume(self);
        self.thread.in_app.store(false, Release);
        if resumed.is_err() {
            return Exit::Dead;
        }
        let event = self.thread.slot().event.load(Relaxed);
        match event {
            EVENT_CALL => self.take_call(),
            EVENT_KICKED => {
                let slot = self.thread.slot();
                self.call = Call { nr: u32::MAX, args: call_args(&slot), is_trapped: false };
                self.result = slot.returned.load(Relaxed);
                self.take_saved();
                Exit::Interrupt
            }
            EVENT_WAIT_KICKED => Exit::WaitInterrupted,
            EVENT_WAIT_DONE => {
                let result = self.thread.slot().returned.load(Relaxed);
                self.set_result(result);
                Exit::WaitDone
            }
            EVENT_SIGNAL => self.take_signal(),
            _ => self.give_up(),
        }
    }

    /// Sends the thread to sleep in a host call.
    fn resume_wait(&mut self, wait: &Wait) -> Result<(), Errno> {
        if let At::Frame(_) = self.at {
            self.enter_call()?;
        }
        self.load_bases()?;
        hands::end_call();
        let slot = self.thread.slot();
        self.thread.process.empty_outbox(&slot)?;
        if self.is_changed {
            self.save(&slot);
        }
        let mut args = wait.args;
        if let Some((index, seconds, nanos)) = wait.deadline {
            slot.message[0].store(seconds as u64, Relaxed);
            slot.message[1].store(nanos as u64, Relaxed);
            args[index] = Process::message_addr(&slot);
        }
        slot.put_call(0, super::layout::Call { nr: wait.nr.into(), args, result: 0 });
        self.thread.process.command(&slot, OP_WAIT)
    }

    /// From a call by trap to one as from patched text: the stub takes it again at its own entry.
    fn enter_call(&mut self) -> Result<(), Errno> {
        let call = self.thread.process.shared.entries.get().ok_or(Errno::ENOSYS)?.call;
        self.load_bases()?;
        let slot = self.thread.slot();
        let regs = *self.regs();
        if let At::Frame(frame) = self.at {
            let back = self.space.texts.resume_at(regs.rip);
            let entry = Regs { rip: call, rcx: back, r11: slot.stub_addr(), rax: regs.orig_rax, ..regs };
            frame.store(&slot, &entry);
        }
        self.thread.process.command(&slot, OP_RESUME)?;
        if slot.event.load(Relaxed) != EVENT_CALL {
            self.thread.process.kill();
            return Err(Errno::ESRCH);
        }
        self.at = At::Call;
        self.is_changed = true;
        Ok(())
    }

    /// What was written for the application to find when it goes on is in its memory after this.
    pub fn settle_memory(&self) {
        // A range that is gone meanwhile is the program's own affair.
        let _ = self.thread.process.empty_outbox(&self.thread.slot());
    }

    /// Sets what the stub answers itself: the ids of the thread in the order of [`crate::Ids`], and whether it may.
    pub fn set_local(&self, ids: &crate::Ids, may_answer: bool) {
        let slot = self.thread.slot();
        for (word, id) in slot.ids.iter().zip([ids.pid, ids.tid, ids.uid, ids.gid, ids.euid, ids.egid]) {
            word.store(id, Relaxed);
        }
        slot.asks_always.store(u32::from(!may_answer), Relaxed);
    }

    /// The stub does not keep to the rules.
    fn give_up(&self) -> Exit {
        self.thread.process.kill();
        Exit::Dead
    }

    /// Sends the thread to application code and waits until it is back.
    fn resume(&mut self) -> Result<(), Errno> {
        if let At::Call = self.at {
            if !self.is_changed {
                self.thread.slot().returned.store(self.result, Relaxed);
                return self.give_back();
            }
            if self.can_return() {
                self.load_bases()?;
                self.save(&self.thread.slot());
                return self.give_back();
            }
            self.leave_call()?;
        }
        hands::end_call();
        self.load_bases()?;
        let slot = self.thread.slot();
        if let At::Frame(frame) = self.at {
            let regs = *self.regs();
            frame.store(&slot, &Regs { rip: self.space.texts.resume_at(regs.rip), ..regs });
        }
        self.thread.process.command(&slot, OP_RESUME)
    }

    /// The thread goes on from its call, with its outbox.
    fn give_back(&self) -> Result<(), Errno> {
        let slot = self.thread.slot();
        hands::end_call();
        self.thread.process.command(&slot, OP_RETURN)?;
        if slot.event.load(Relaxed) == EVENT_OUTBOX_FAULT {
            slot.returned.store(Errno::EFAULT.to_return(), Relaxed);
            return self.thread.process.command(&slot, OP_RETURN);
        }
        Ok(())
    }

    /// The registers are such that the stub can load them without a frame.
    fn can_return(&self) -> bool {
        let regs = self.regs();
        let flags = super::frame::user_flags(regs.eflags);
        regs.rcx == regs.rip && regs.r11 == flags && flags & TRAP_FLAG == 0
    }

    /// Writes the registers to the slot of a call from patched text.
    fn save(&self, slot: &SlotRef<'_>) {
        let regs = self.regs();
        for (word, value) in slot.call.iter().zip([regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9]) {
            word.store(value, Relaxed);
        }
        let saved = &slot.saved;
        saved.rip.store(self.space.texts.resume_at(regs.rip), Relaxed);
        saved.rsp.store(regs.rsp, Relaxed);
        saved.flags.store(super::frame::user_flags(regs.eflags), Relaxed);
        saved.rbx.store(regs.rbx, Relaxed);
        saved.rbp.store(regs.rbp, Relaxed);
        saved.r12.store(regs.r12, Relaxed);
        saved.r13.store(regs.r13, Relaxed);
        saved.r14.store(regs.r14, Relaxed);
        saved.r15.store(regs.r15, Relaxed);
        slot.returned.store(regs.rax, Relaxed);
    }

    /// From a call to a frame: the extended state is saved beside the registers.
    fn leave_call(&mut self) -> Result<(), Errno> {
        self.regs();
        self.thread.process.empty_outbox(&self.thread.slot())?;
        hands::end_call();
        let host = &self.thread.process.shared.xstate;
        let mut frame = Frame::fresh(host.len);
        let slot = self.thread.slot();
        slot.args[0].store(frame.fpstate_addr(&slot), Relaxed);
        slot.args[1].store(host.features, Relaxed);
        frame.clear_fpstate(&slot, host);
        self.thread.process.command(&slot, OP_SAVE_XSTATE)?;
        frame.finish_fpstate(&slot, host);
        self.at = At::Frame(frame);
        self.is_changed = true;
        Ok(())
    }

    fn take_call(&mut self) -> Exit {
        let slot = self.thread.slot();
        self.call = Call { nr: slot.nr.load(Relaxed), args: call_args(&slot), is_trapped: false };
        self.result = self.call.nr.into();
        hands::begin_call(&slot);
        self.take_saved();
        Exit::Syscall
    }

    fn take_saved(&mut self) {
        self.at = At::Call;
        self.regs = OnceCell::new();
        self.is_changed = false;
    }

    /// The registers in the slot of a call from patched text.
    fn saved(&self) -> Regs {
        let slot = self.thread.slot();
        let saved = &slot.saved;
        let [rdi, rsi, rdx, r10, r8, r9] = self.call.args;
        let rip = saved.rip.load(Relaxed);
        let rip = self.space.texts.place(rip).address(rip);
        let flags = saved.flags.load(Relaxed);
        Regs {
            r15: saved.r15.load(Relaxed),
            r14: saved.r14.load(Relaxed),
            r13: saved.r13.load(Relaxed),
            r12: saved.r12.load(Relaxed),
            rbp: saved.rbp.load(Relaxed),
            rbx: saved.rbx.load(Relaxed),
            r11: flags,
            r10,
            r9,
            r8,
            rax: self.result,
            rcx: rip,
            rdx,
            rsi,
            rdi,
            // A kick is no call.
            orig_rax: if self.call.nr == u32::MAX { u64::MAX } else { self.call.nr.into() },
            rip,
            cs: 0x33,
            eflags: flags,
            rsp: saved.rsp.load(Relaxed),
            ss: 0x2b,
            fs_base: saved.fs_base.load(Relaxed),
            ..Regs::default()
        }
    }

    fn take_signal(&mut self) -> Exit {
        let slot = self.thread.slot();
        let signal = slot.signal.load(Relaxed);
        let Some((frame, mut regs, context, info)) = Frame::report(&slot) else { return self.give_up() };
        self.at = At::Frame(frame);
        if self.thread.process.shared.features & FEATURE_FSGSBASE == 0 {
            (regs.fs_base, regs.gs_base) = self.bases;
        }
        self.bases = (regs.fs_base, regs.gs_base);
        regs.gs_base = self.guest_gs(regs.gs_base);
        let exit = match signal as i32 {
            KICK => Exit::Interrupt,
            libc::SIGSYS if info.arch == 0xc000_003e => {
                regs.orig_rax = regs.rax;
                Exit::Syscall
            }
            // A 32-bit call: what a kernel without IA-32 emulation makes of INT 0x80.
            libc::SIGSYS => {
                regs.rip = regs.rip.wrapping_sub(2);
                Exit::Fault(Fault { signal: libc::SIGSEGV as u8, code: 0x80, addr: 0, trapno: 13, error: 0x402 })
            }
            signal => Exit::Fault(Fault {
                signal: signal as u8,
                code: info.code,
                addr: info.addr,
                trapno: context.trapno,
                error: context.err,
            }),
        };
        let exit = self.leave_trampoline(exit, &mut regs);
        if exit == Exit::Syscall {
            let args = [regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9];
            self.call = Call { nr: regs.orig_rax as u32, args, is_trapped: true };
        }
        self.regs = OnceCell::from(regs);
        self.is_changed = true;
        exit
    }

    /// Makes registers in a trampoline those at its call site.
    fn leave_trampoline(&self, exit: Exit, regs: &mut Regs) -> Exit {
        match self.space.texts.place(regs.rip) {
            Place::Same => exit,
            // GS points nowhere: the call is made all the same.
            Place::Checking(after) if matches!(exit, Exit::Fault(fault) if i32::from(fault.signal) == libc::SIGSEGV) => {
                (regs.rip, regs.rcx, regs.r11) = (after, after, regs.eflags);
                regs.orig_rax = regs.rax;
                Exit::Syscall
            }
            Place::Before(rip) | Place::Checking(rip) => {
                regs.rip = rip;
                exit
            }
            Place::After(rip) => {
                (regs.rip, regs.rcx) = (rip, rip);
                exit
            }
        }
    }

    /// The application's GS base where the host thread has `base`: the slot's address stands for none.
    fn guest_gs(&self, base: u64) -> u64 {
        if base == self.thread.slot().stub_addr() { 0 } else { base }
    }

    /// What the host thread has for GS base where the application has `base`.
    fn host_gs(&self, base: u64) -> u64 {
        let is_ours = base == 0 && self.thread.process.shared.can_patch();
        if is_ours { self.thread.slot().stub_addr() } else { base }
    }

    /// Has the segment bases loaded, where they changed.
    fn load_bases(&mut self) -> Result<(), Errno> {
        let slot = self.thread.slot();
        let regs = self.regs();
        let bases = (regs.fs_base, self.host_gs(regs.gs_base));
        let mut flags = 0;
        if bases != self.bases {
            if self.thread.process.shared.features & FEATURE_FSGSBASE != 0 {
                slot.fs_base.store(bases.0, Relaxed);
                slot.gs_base.store(bases.1, Relaxed);
                flags = SET_FS | SET_GS;
            } else {
                // ARCH_SET_FS, ARCH_SET_GS.
                let calls = [
                    (libc::SYS_arch_prctl, [0x1002, bases.0, 0, 0, 0, 0]),
                    (libc::SYS_arch_prctl, [0x1001, bases.1, 0, 0, 0, 0]),
                ];
                self.thread.process.calls(&slot, &calls)?;
            }
        }
        slot.resume_flags.store(flags, Relaxed);
        self.bases = bases;
        Ok(())
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

    /// Where a new host thread starts, as an offset in its slot.
    fn boot_stack(&self) -> u64 {
        match self.at {
            At::Frame(frame) => frame.boot_stack(),
            At::Call => Frame::fresh(self.thread.process.shared.xstate.len).boot_stack(),
        }
    }

    /// Gives the slot of a copy the state that the host does not copy by itself.
    fn copy_to(&self, slot: &SlotRef<'_>) {
        if let At::Frame(frame) = self.at {
            frame.copy(&self.thread.slot(), slot);
            // Its own resume stores the registers; until then the frame shows where its stack may lie.
            frame.store(slot, self.regs());
        } else {
            slot.frame.store(slot.stub_addr() + Frame::fresh(self.thread.process.shared.xstate.len).offset(), Relaxed);
        }
    }

    /// A copy with another host thread, which starts with this one's segment bases.
    fn copy(&self, space: Arc<Space>, thread: Arc<Thread>) -> Self {
        let mut copy = Self::new(space, thread, self.at, *self.regs());
        (copy.call, copy.result) = (self.call, self.result);
        copy
    }

    /// Copies the address space (fork). The new context has this one's registers and extended state; it is
    /// parked: move it to a host thread of its own and bind it there.
    pub fn fork(&mut self) -> Result<(Arc<Space>, Self), Errno> {
        self.settle();
        self.thread.process.empty_outbox(&self.thread.slot())?;
        let process = self.thread.process.fork(self.thread.index, self.boot_stack(), |child| self.copy_to(child))?;
        let pid = process.pid;
        let thread = Thread::new(Arc::clone(&process), self.thread.index, pid);
        let space = Arc::new(Space { process, texts: self.space.texts.fork() });
        let child = self.copy(Arc::clone(&space), thread);
        Ok((space, child))
    }

    /// The first context of a fork of the zygote: no registers, no extended state.
    pub(super) fn fork_fresh(&mut self) -> Result<(Arc<Space>, Self), Errno> {
        let frame = Frame::fresh(self.thread.process.shared.xstate.len);
        let index = self.thread.index;
        let process =
            self.thread.process.fork(index, frame.boot_stack(), |child| frame.store(child, &Regs::default()))?;
        let pid = process.pid;
        let child = Self::first(process, index, pid, frame, Texts::new());
        Ok((Arc::clone(&child.space), child))
    }

    /// A further thread of this address space (`CLONE_VM`), registers copied; parked. `EAGAIN`.
    pub fn spawn(&mut self) -> Result<Self, Errno> {
        self.settle();
        self.thread.process.empty_outbox(&self.thread.slot())?;
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

    /// Ends the thread on the host. Dropping a context does the same.
    pub fn exit(self) {}

    /// For other threads to get this one out of application code.
    pub fn kicker(&self) -> Kicker {
        Kicker(Arc::clone(&self.thread))
    }
}

fn call_args(slot: &SlotRef<'_>) -> [u64; 6] {
    std::array::from_fn(|i| slot.call[i].load(Relaxed))
}

impl Drop for Context {
    fn drop(&mut self) {
        hands::let_go(&self.thread);
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
        self.0.kick();
    }

    /// From now on its stub answers nothing itself: [`Context::set_local`], from another thread.
    pub fn ask_always(&self) {
        self.0.slot().asks_always.store(1, Relaxed);
    }

    /// It sleeps in a host call that the application made.
    pub fn is_asleep(&self) -> bool {
        let process = &self.0.process;
        self.0.is_in_app()
            && self.0.slot().sleeps.load(Relaxed) != 0
            && super::times::is_asleep(process.shared.reaper.proc(), process.pid, self.0.tid.load(Relaxed))
    }

    /// How often it has slept so.
    pub fn sleeps(&self) -> u64 {
        self.0.slot().sleep_count.load(Relaxed).into()
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
