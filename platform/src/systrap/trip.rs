//! A trip of a guest thread to application code and back.

use super::context::{At, Context};
use super::frame::Frame;
use super::hands;
use super::layout::{
    AUDIT_ARCH_X86_64, EVENT_CALL, EVENT_KICKED, EVENT_OUTBOX_FAULT, EVENT_SIGNAL, EVENT_WAIT_DONE, EVENT_WAIT_KICKED,
    FEATURE_FSGSBASE, OP_CALLS_RESUME, OP_CALLS_RETURN, OP_RESUME, OP_RETURN, OP_SAVE_XSTATE, OP_WAIT, SET_FS, SET_GS,
};
use super::patch::Place;
use super::process::Process;
use super::slot::SlotRef;
use super::thread::KICK;
use crate::{Call, Exit, Fault, Regs, Wait};
use abi::Errno;
use std::cell::OnceCell;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

/// TF of rflags.
const TRAP_FLAG: u64 = 0x100;

impl Context {
    /// Goes to application code; `kicked` is what a kick before that looks like.
    pub(super) fn go(&mut self, kicked: Exit, resume: impl FnOnce(&mut Self) -> Result<(), Errno>) -> Exit {
        self.settle();
        self.thread.enter_app();
        // Looked at after it has entered: who spoils a text looks at the two the other way round.
        if self.thread.process.spoilt_texts.load(SeqCst) != 0 {
            self.thread.leave_app();
            return kicked;
        }
        let resumed = resume(self);
        self.thread.leave_app();
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
    pub(super) fn resume_wait(&mut self, wait: &Wait) -> Result<(), Errno> {
        if let At::Frame(_) = self.at {
            self.enter_call()?;
        }
        self.load_bases()?;
        self.finish_call()?;
        hands::end_call();
        let slot = self.thread.slot();
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
        let call = self.thread.process.shared.entries.get().ok_or(Errno::ENOSYS)?.ask;
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

    /// The stub does not keep to the rules.
    fn give_up(&self) -> Exit {
        self.thread.process.kill();
        Exit::Dead
    }

    /// Sends the thread to application code and waits until it is back.
    pub(super) fn resume(&mut self) -> Result<(), Errno> {
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
        let calls = hands::take_put_off();
        hands::end_call();
        self.load_bases()?;
        let slot = self.thread.slot();
        if let At::Frame(frame) = self.at {
            let regs = *self.regs();
            frame.store(&slot, &Regs { rip: self.space.texts.resume_at(regs.rip), ..regs });
        }
        if calls.is_empty() && slot.outbox_count.load(Relaxed) == 0 {
            return self.thread.process.command(&slot, OP_RESUME);
        }
        self.thread.process.calls_and(&slot, &calls, OP_CALLS_RESUME)?;
        if slot.event.load(Relaxed) == EVENT_OUTBOX_FAULT {
            self.thread.process.kill();
            return Err(Errno::ESRCH);
        }
        Ok(())
    }

    /// The thread goes on from its call, with its outbox.
    fn give_back(&self) -> Result<(), Errno> {
        let slot = self.thread.slot();
        let calls = hands::take_put_off();
        hands::end_call();
        if calls.is_empty() {
            self.thread.process.command(&slot, OP_RETURN)?;
        } else {
            self.thread.process.calls_and(&slot, &calls, OP_CALLS_RETURN)?;
        }
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
    pub(super) fn save(&self, slot: &SlotRef<'_>) {
        let regs = self.regs();
        for (word, value) in slot.call.iter().zip([regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9]) {
            word.store(value, Relaxed);
        }
        let saved = &slot.saved;
        saved.rip.store(self.space.texts.resume_at(regs.rip), Relaxed);
        saved.rsp.store(regs.rsp, Relaxed);
        saved.flags.store(super::frame::user_flags(regs.eflags), Relaxed);
        // Kicked before it runs, it tells these again.
        saved.fs_base.store(regs.fs_base, Relaxed);
        saved.rbx.store(regs.rbx, Relaxed);
        saved.rbp.store(regs.rbp, Relaxed);
        saved.r12.store(regs.r12, Relaxed);
        saved.r13.store(regs.r13, Relaxed);
        saved.r14.store(regs.r14, Relaxed);
        saved.r15.store(regs.r15, Relaxed);
        slot.returned.store(regs.rax, Relaxed);
    }

    /// From a call to a frame: the extended state is saved beside the registers.
    pub(super) fn leave_call(&mut self) -> Result<(), Errno> {
        self.regs();
        self.finish_call()?;
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
    pub(super) fn saved(&self) -> Regs {
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
            libc::SIGSYS if info.arch == AUDIT_ARCH_X86_64 => {
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
            Place::Checking { after, .. } if matches!(exit, Exit::Fault(fault) if i32::from(fault.signal) == libc::SIGSEGV) =>
            {
                (regs.rip, regs.rcx, regs.r11) = (after, after, regs.eflags);
                regs.orig_rax = regs.rax;
                Exit::Syscall
            }
            Place::Before(rip) | Place::Checking { before: rip, .. } => {
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
}

fn call_args(slot: &SlotRef<'_>) -> [u64; 6] {
    std::array::from_fn(|i| slot.call[i].load(Relaxed))
}
