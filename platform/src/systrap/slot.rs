//! The sentry's side of a stub process's slots.

use super::layout::{ASLEEP, COPY, Call, EMPTY, FRAME, FULL, GONE, SLOT_LEN, SLOTS, SLOTS_BASE, SLOTS_LEN, Slot};
use super::pace::Patience;
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};
use rustix::thread::futex;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};

/// The slots of one stub process, mapped into the sentry. Unmapped when dropped.
#[derive(Debug)]
pub(super) struct Slots {
    /// Null when they were taken.
    base: *mut u8,
}

// SAFETY: the mapping is plain shared memory; all access is by atomics or volatile copies.
unsafe impl Send for Slots {}
// SAFETY: as above.
unsafe impl Sync for Slots {}

impl Slots {
    /// Fresh slots and the memory file that the stub maps.
    pub(super) fn create() -> io::Result<(Self, OwnedFd)> {
        let fd = rustix::fs::memfd_create("slots", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        rustix::fs::ftruncate(&fd, SLOTS_LEN)?;
        rustix::fs::fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        // SAFETY: a new mapping at an address of the host's choice.
        let base = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                SLOTS_LEN as usize,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED | MapFlags::NORESERVE,
                fd.as_fd(),
                0,
            )?
        };
        Ok((Self { base: base.cast() }, fd))
    }

    /// Takes the mapping: nothing is left here.
    pub(super) const fn take(&mut self) -> Self {
        Self { base: std::mem::replace(&mut self.base, std::ptr::null_mut()) }
    }

    /// Slot `index`.
    pub(super) fn slot(&self, index: u32) -> SlotRef<'_> {
        assert!(u64::from(index) < SLOTS && !self.base.is_null(), "slot numbers come from the sentry");
        // SAFETY: inside the mapping; page aligned; every bit pattern is a valid `Slot`.
        #[expect(clippy::cast_ptr_alignment, reason = "slots are page aligned")]
        let slot = unsafe { &*self.base.add(index as usize * SLOT_LEN as usize).cast::<Slot>() };
        SlotRef { slot, index }
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        if self.base.is_null() {
            return;
        }
        // SAFETY: the mapping was made by `create`; no reference outlives `self`.
        let _ = unsafe { rustix::mm::munmap(self.base.cast(), SLOTS_LEN as usize) };
    }
}

/// One thread's slot.
#[derive(Clone, Copy)]
pub(super) struct SlotRef<'a> {
    slot: &'a Slot,
    index: u32,
}

impl std::ops::Deref for SlotRef<'_> {
    type Target = Slot;
    fn deref(&self) -> &Slot {
        self.slot
    }
}

impl SlotRef<'_> {
    /// Number of the slot.
    pub(super) const fn index(&self) -> u32 {
        self.index
    }

    /// Address of the slot in the stub.
    pub(super) fn stub_addr(&self) -> u64 {
        SLOTS_BASE + u64::from(self.index) * SLOT_LEN
    }

    /// Address in the stub of a field or buffer at `offset`.
    fn base(&self) -> *mut u8 {
        std::ptr::from_ref(self.slot).cast_mut().cast()
    }

    /// Processor that the thread ran on at its last message.
    pub(super) fn processor(&self) -> usize {
        self.cpu.load(Relaxed) as usize
    }

    /// Gives the stub the turn; where it sleeps, by `rouse`, which is given what wakes it.
    pub(super) fn post(&self, rouse: impl FnOnce(&dyn Fn())) {
        if self.to_stub.swap(FULL, SeqCst) == ASLEEP {
            rouse(&|| {
                let _ = futex::wake(&self.to_stub, futex::Flags::empty(), 1);
            });
        }
    }

    /// Waits for the turn: has `patience`, then calls `sleeps` and sleeps. False: the process is gone.
    pub(super) fn wait(&self, patience: Patience, sleeps: impl FnOnce()) -> bool {
        match patience {
            Patience::None => {}
            Patience::GiveWay if self.to_sentry.load(Acquire) == EMPTY => rustix::thread::sched_yield(),
            Patience::GiveWay => {}
            Patience::Spin(ticks) => self.spin(ticks),
        }
        if self.to_sentry.load(Acquire) == EMPTY {
            sleeps();
        }
        loop {
            match self.to_sentry.compare_exchange(FULL, EMPTY, SeqCst, SeqCst) {
                Ok(_) => return true,
                Err(GONE) => return false,
                Err(_) => {}
            }
            if matches!(self.to_sentry.compare_exchange(EMPTY, ASLEEP, SeqCst, SeqCst), Ok(_) | Err(ASLEEP)) {
                let _ = futex::wait(&self.to_sentry, futex::Flags::empty(), ASLEEP, None);
                // A wake without a message (anybody may wake a shared word) is not a message.
                let _ = self.to_sentry.compare_exchange(ASLEEP, EMPTY, SeqCst, SeqCst);
            }
        }
    }

    fn spin(&self, budget: u64) {
        let start = super::ticks();
        // Reading the clock may be slow: not each time.
        while self.to_sentry.load(Acquire) == EMPTY && super::ticks().wrapping_sub(start) < budget {
            let mut looks = 32;
            while self.to_sentry.load(Acquire) == EMPTY && looks > 0 {
                std::hint::spin_loop();
                looks -= 1;
            }
        }
    }

    /// Tells the sentry's waiter that the process is gone.
    pub(super) fn mark_gone(&self) {
        self.to_sentry.store(GONE, SeqCst);
        let _ = futex::wake(&self.to_sentry, futex::Flags::empty(), i32::MAX as u32);
    }

    /// Stores call `i` of the batch.
    pub(super) fn put_call(&self, i: usize, call: Call) {
        // SAFETY: the stub leaves the batch alone while the sentry has the turn; a hostile one that does not
        // changes only what it is told itself.
        unsafe { self.calls[i].get().write_volatile(call) }
    }

    /// Result of call `i`.
    pub(super) fn call_result(&self, i: usize) -> i64 {
        // SAFETY: as above; any value is checked by the reader.
        unsafe { (&raw const (*self.calls[i].get()).result).read_volatile() }
    }

    /// Copies out of the slot at `offset`: the copy buffer or the signal stack. Zeroes outside.
    pub(super) fn read_bytes(&self, offset: u64, buf: &mut [u8]) {
        if !Self::is_inside(offset, buf.len()) {
            buf.fill(0);
            return;
        }
        // SAFETY: the range lies in the slot. The application may change it meanwhile: bytes have no invalid
        // values, and each is read once.
        unsafe { std::ptr::copy_nonoverlapping(self.base().add(offset as usize), buf.as_mut_ptr(), buf.len()) }
        std::sync::atomic::fence(Acquire);
    }

    /// Copies into the slot at `offset`; nothing outside.
    pub(super) fn write_bytes(&self, offset: u64, bytes: &[u8]) {
        if Self::is_inside(offset, bytes.len()) {
            // SAFETY: as above.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.base().add(offset as usize), bytes.len()) }
        }
    }

    fn is_inside(offset: u64, len: usize) -> bool {
        offset >= COPY && offset.checked_add(len as u64).is_some_and(|end| end <= SLOT_LEN)
    }

    /// Offset in the slot of a stub address where frames may lie that has `len` bytes behind it.
    pub(super) fn stack_offset(&self, addr: u64, len: u64) -> Option<u64> {
        let offset = addr.checked_sub(self.stub_addr())?;
        (offset >= FRAME && offset.checked_add(len)? <= SLOT_LEN).then_some(offset)
    }

    /// Prepares for a new thread.
    pub(super) fn reset(&self, cpu: u32, features: u32, socket: u32) {
        self.to_sentry.store(EMPTY, Relaxed);
        self.to_stub.store(EMPTY, Relaxed);
        self.spin.store(0, Relaxed);
        self.cpu.store(cpu, Relaxed);
        self.features.store(features, Relaxed);
        self.socket.store(socket, Relaxed);
        self.resume_flags.store(0, Relaxed);
        self.minus_self.store(self.stub_addr().wrapping_neg(), Relaxed);
        self.kicked.store(0, Relaxed);
        self.asks_always.store(1, Relaxed);
        self.signal_mask.store(0, Relaxed);
        self.signals_wait.store(1, Relaxed);
        self.rseq_area.store(0, Relaxed);
        self.robust_list.store(0, Relaxed);
        self.knows_failures.store(0, Relaxed);
        self.keeps_memory.store(1, Relaxed);
        self.inbox_count.store(0, Relaxed);
        self.outbox_count.store(0, Relaxed);
        self.sleeps.store(0, Relaxed);
        self.sleep_count.store(0, Relaxed);
        self.tid.store(1, Relaxed);
    }
}
