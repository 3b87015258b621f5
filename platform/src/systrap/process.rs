//! A stub process on the host.

use super::hands;
use super::layout::{CALL_STACK_TOP, FEATURE_FSGSBASE, OP_EMPTY_OUTBOX, OP_FORK, OP_SPAWN, SLOTS};
use super::pace::{Cores, Pace, Patience};
use super::peak::Peak;
use super::reaper::Reaper;
use super::slot::{SlotRef, Slots};
use super::spare::{Spare, Spares};
use super::thread::Thread;
use super::vdso::Vdso;
use abi::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use std::cell::RefCell;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};
use sync::{Mutex, Rank};

thread_local! {
    /// How the calling thread waits for its stub thread.
    pub(super) static PACE: RefCell<Pace> = const { RefCell::new(Pace::new()) };
}

/// What all stub processes of a platform have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) reaper: Reaper,
    pub(super) spares: Spares,
    pub(super) cores: Cores,
    /// The host lets us read and write the memory of stubs (`process_vm_readv(2)`).
    pub(super) can_reach: bool,
    /// The host refuses no small change of an address space: it does not count memory strictly, nor has limits for it.
    pub(super) can_put_off: bool,
    /// Counts changes of names, for the stubs to see.
    pub(super) name_changes: &'static AtomicU64,
    /// `FEATURE_*`.
    pub(super) features: u32,
    pub(super) xstate: super::frame::XState,
    /// Where the stub takes calls.
    pub(super) entries: OnceLock<Entries>,
    pub(super) texts: super::patch::Cache,
    /// Where exec mapped the vDSO and its data, in every fresh stub: address and length of each part.
    pub(super) vdso: OnceLock<Vdso>,
}

/// Where the stub takes calls from patched text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entries {
    /// Any call.
    pub(super) call: u64,
    /// The first of those that it answers with a number.
    pub(super) ids: u64,
    /// A call that the sentry means to see whatever it is.
    pub(super) ask: u64,
}

impl Shared {
    /// Text can be patched: a trampoline finds its slot by GS.
    pub(super) const fn can_patch(&self) -> bool {
        self.features & FEATURE_FSGSBASE != 0
    }
}

/// A stub process. Killed when dropped.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) shared: Arc<Shared>,
    pub(super) pid: i32,
    /// What it shares with the sentry; the reaper's when it is dropped.
    pub(super) slots: Slots,
    /// Taken while descriptors travel: one message at a time, so that their numbers are known.
    channel: Mutex<Channel>,
    used: Mutex<Used>,
    threads: Mutex<Vec<Weak<Thread>>>,
    gate: Gate,
    /// It had more threads than its first one.
    had_threads: AtomicBool,
    /// The host keeps something about it that a new program must not find.
    is_marked: AtomicBool,
    is_killed: AtomicBool,
    gone: AtomicBool,
    pub(super) peak: Peak,
    /// Texts that it may map of files that have changed; see `Space::take_out_spoilt`.
    pub(super) spoilt_texts: AtomicU32,
    /// See `Slot::keeps_memory`.
    keeps_memory: AtomicBool,
}

/// The sentry's end of the descriptor socket.
#[derive(Debug)]
struct Channel {
    socket: OwnedFd,
    /// Number of the stub's end in the stub.
    stub_socket: i32,
}

/// Keeps threads from application code while something changes under all of them.
#[derive(Debug)]
struct Gate {
    /// Held by the one who closed it.
    turn: Mutex<()>,
    is_closed: AtomicBool,
}

/// How long a thread may take to leave application code when it is kicked.
pub(super) const PATIENCE: Duration = Duration::from_millis(20);

/// Which slots have a context.
#[derive(Debug, Default)]
struct Used {
    /// Slots with a context.
    live: Vec<u32>,
    /// Slots that were used before; their last thread may still be leaving.
    free: Vec<u32>,
    /// Lowest slot never used.
    next: u32,
}

/// Descriptors that a stub has at most.
const STUB_FDS: i32 = 16;

/// Offsets in `Slot::message`, in words: msghdr (7), iovec (2), data (1), control message (4).
const IOVEC: u64 = 7;
const DATA: u64 = 9;
const CONTROL: u64 = 10;

impl Process {
    pub(super) fn new(
        shared: Arc<Shared>,
        pid: i32,
        slots: Slots,
        socket: OwnedFd,
        stub_socket: i32,
    ) -> Result<Arc<Self>, Errno> {
        let peak = Peak::new(&shared.reaper.reaped);
        let process = Arc::new(Self {
            shared,
            pid,
            slots,
            channel: Mutex::new(Rank::Space, Channel { socket, stub_socket }),
            used: Mutex::new(Rank::Leaf, Used::default()),
            threads: Mutex::new(Rank::Leaf, Vec::new()),
            gate: Gate { turn: Mutex::new(Rank::Platform, ()), is_closed: AtomicBool::new(false) },
            had_threads: AtomicBool::new(false),
            is_marked: AtomicBool::new(false),
            is_killed: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            peak,
            spoilt_texts: AtomicU32::new(0),
            keeps_memory: AtomicBool::new(false),
        });
        let added = process.shared.reaper.add(&process);
        added.inspect_err(|_| process.gone.store(true, Release))?;
        Ok(process)
    }

    /// The host process is gone, or about to be.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Acquire)
    }

    /// Its first thread is the only one that it ever had.
    pub(super) fn is_alone(&self) -> bool {
        !self.had_threads.load(Relaxed)
    }

    /// A new program must not run in it.
    pub(super) fn mark(&self) {
        self.is_marked.store(true, Relaxed);
    }

    /// A new program may run in it, in the place of the present one.
    pub(super) fn can_start_anew(&self) -> bool {
        self.is_alone() && !self.is_marked.load(Relaxed) && !self.is_gone()
    }

    /// Takes a slot for a new context. `EAGAIN`: too many threads.
    pub(super) fn take_slot(&self) -> Result<u32, Errno> {
        self.had_threads.store(true, Relaxed);
        let mut used = self.used.lock();
        let free = used.free.iter().position(|&index| self.slots.slot(index).tid.load(Acquire) == 0);
        let index = match free {
            Some(i) => used.free.swap_remove(i),
            None if u64::from(used.next) < SLOTS => {
                used.next += 1;
                used.next - 1
            }
            None => return Err(Errno::EAGAIN),
        };
        used.live.push(index);
        Ok(index)
    }

    /// Takes the slot of the first thread of a forked process: its parent's number.
    pub(super) fn take_first_slot(&self, index: u32) {
        let mut used = self.used.lock();
        used.live.push(index);
        used.free = (0..index).collect();
        used.next = index + 1;
    }

    /// Gives a slot back; a process without contexts is killed.
    pub(super) fn free_slot(&self, index: u32) {
        let mut used = self.used.lock();
        used.live.retain(|&live| live != index);
        used.free.push(index);
        let is_empty = used.live.is_empty();
        drop(used);
        if is_empty {
            self.kill();
        }
    }

    /// Some of the memory is not to be given up from now on: no slot's `madvise` is answered by the stub.
    pub(super) fn keep_memory(&self) {
        if self.keeps_memory.swap(true, Relaxed) {
            return;
        }
        for &index in &self.used.lock().live {
            self.slots.slot(index).keeps_memory.store(1, Relaxed);
        }
    }

    /// All memory is new: nothing of it is to be kept.
    pub(super) fn forget_memory(&self, slot: &SlotRef<'_>) {
        self.keeps_memory.store(false, Relaxed);
        self.tell_kept(slot);
    }

    /// Tells a slot whether there is such memory.
    pub(super) fn tell_kept(&self, slot: &SlotRef<'_>) {
        // Locked: whoever changes it comes by all slots after that.
        let _used = self.used.lock();
        slot.keeps_memory.store(self.keeps_memory.load(Relaxed).into(), Relaxed);
    }

    /// The reaper found the host process dead, and is about to reap it.
    pub(super) fn mark_gone(&self) {
        self.gone.store(true, Release);
    }

    /// All who wait for the process learn that it is gone.
    pub(super) fn wake_waiters(&self) {
        for &index in &self.used.lock().live {
            self.slots.slot(index).mark_gone();
        }
    }

    /// Kills the host process.
    pub(super) fn kill(&self) {
        if !self.is_killed.swap(true, Relaxed) {
            self.shared.reaper.kill(self);
        }
    }

    /// Gives the stub of `slot` command `op` and waits until it is done. `ESRCH`: the process is gone.
    pub(super) fn command(&self, slot: &SlotRef<'_>, op: u32) -> Result<(), Errno> {
        let cores = &self.shared.cores;
        let cpu = slot.processor();
        slot.spin.store(PACE.with_borrow_mut(|pace| pace.before(cores, cpu)), Relaxed);
        slot.op.store(op, Relaxed);
        slot.post(|wake| {
            let here = PACE.with_borrow_mut(|pace| pace.bring(cores, cpu));
            // A child would be confined as its parent is for the moment.
            hands::rouse(self, slot, here.filter(|_| op != OP_FORK && op != OP_SPAWN), wake);
        });
        self.wait(slot)
    }

    /// Waits for the first message of a new thread: where that runs is not known before.
    pub(super) fn wait_for_start(&self, slot: &SlotRef<'_>) -> Result<(), Errno> {
        let is_there = !self.is_gone() && slot.wait(Patience::None, || ());
        if is_there { Ok(()) } else { Err(Errno::ESRCH) }
    }

    /// Waits for the next message of the stub.
    pub(super) fn wait(&self, slot: &SlotRef<'_>) -> Result<(), Errno> {
        let cores = &self.shared.cores;
        let is_there = !self.is_gone()
            && PACE.with_borrow_mut(|pace| {
                let is_there = slot.wait(pace.patience(), || pace.sleeps(cores, slot.processor()));
                pace.after(cores, slot.processor(), slot.ran.load(Relaxed));
                is_there
            });
        if is_there { Ok(()) } else { Err(Errno::ESRCH) }
    }

    /// What waits in the outbox of a parked thread goes to the application now.
    pub(super) fn empty_outbox(&self, slot: &SlotRef<'_>) -> Result<(), Errno> {
        if slot.outbox_count.load(Relaxed) == 0 {
            return Ok(());
        }
        self.command(slot, OP_EMPTY_OUTBOX)?;
        if slot.result.load(Relaxed) == 0 { Ok(()) } else { Err(Errno::EFAULT) }
    }

    /// Maps a descriptor in the stub: sends it, lets each `mmap` use it, closes it.
    pub(super) fn map_fd(&self, slot: &SlotRef<'_>, fd: BorrowedFd<'_>, mmaps: &[[u64; 6]]) -> Result<i64, Errno> {
        let channel = self.channel.lock();
        let map = |number: i32| {
            mmaps.iter().map(move |&[addr, len, prot, flags, _, offset]| {
                (libc::SYS_mmap, [addr, len, prot, flags, number as u64, offset])
            })
        };
        let receive = (libc::SYS_recvmsg, [channel.stub_socket as u64, Self::message_addr(slot), 0x40, 0, 0, 0]);
        let send = |used: &[i32]| {
            let number = free_fd(channel.stub_socket, used);
            send(&channel.socket, &[fd])?;
            prepare_message(slot);
            Ok(number)
        };
        if let Some(number) = hands::open_later(fd, receive, send) {
            let calls: Vec<_> = map(number?).collect();
            hands::make_later(&calls);
            return Ok(0);
        }
        let number = send(&[])?;
        let close = hands::close(number);
        let calls: Vec<_> = std::iter::once(receive).chain(map(number)).chain([close]).collect();
        match self.calls(slot, &calls) {
            Err(errno) => {
                // The batch ended before the last call.
                self.calls(slot, &[close])?;
                Err(errno)
            }
            closed => closed,
        }
    }

    /// Knows a thread of the process.
    pub(super) fn add_thread(&self, thread: &Arc<Thread>) {
        let mut threads = self.threads.lock();
        threads.retain(|other| other.strong_count() > 0);
        threads.push(Arc::downgrade(thread));
    }

    /// Runs `f` while no thread but the one in slot `own` is in application code. Those that sleep in a host call go on
    /// sleeping; `prepare` makes sure that they wake to the right place. `EAGAIN`: one did not come out.
    pub(super) fn alone<T>(
        &self,
        own: Option<u32>,
        prepare: impl Fn(),
        f: impl FnOnce() -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let _turn = self.gate.turn.lock();
        let threads: Vec<_> = self.threads.lock().iter().filter_map(Weak::upgrade).collect();
        let others: Vec<_> = threads.iter().filter(|thread| Some(thread.index) != own).collect();
        if others.is_empty() {
            return f();
        }
        self.gate.is_closed.store(true, SeqCst);
        let deadline = Instant::now() + PATIENCE;
        let result = loop {
            prepare();
            let running: Vec<_> = others.iter().filter(|thread| thread.is_running() && !self.is_gone()).collect();
            if running.is_empty() {
                break f();
            }
            if Instant::now() >= deadline {
                break Err(Errno::EAGAIN);
            }
            for thread in running {
                thread.kick();
                while thread.is_running() && !self.is_gone() && Instant::now() < deadline {
                    std::thread::yield_now();
                }
            }
        };
        self.gate.is_closed.store(false, SeqCst);
        result
    }

    /// Gets the threads out of application code until the process has no text any more whose file has changed, or the
    /// deadline is over.
    pub(super) fn interrupt_spoilt(&self, deadline: Instant) {
        let is_over = || self.spoilt_texts.load(SeqCst) == 0 || self.is_gone() || Instant::now() >= deadline;
        let threads: Vec<_> = self.threads.lock().iter().filter_map(Weak::upgrade).collect();
        while !is_over() {
            let mut is_idle = true;
            for thread in threads.iter().filter(|thread| thread.is_in_app()) {
                thread.kick();
                while thread.is_running() && !is_over() {
                    is_idle = false;
                    std::thread::yield_now();
                }
            }
            if is_idle {
                return;
            }
        }
    }

    /// Changes where threads that called from patched text go on.
    pub(super) fn move_saved(&self, rip: impl Fn(u64) -> u64) {
        let threads: Vec<_> = self.threads.lock().iter().filter_map(Weak::upgrade).collect();
        for thread in threads {
            let word = &self.slots.slot(thread.index).saved.rip;
            let old = word.load(Relaxed);
            // A thread that runs may have made another call meanwhile.
            let _ = word.compare_exchange(old, rip(old), Relaxed, Relaxed);
        }
    }

    /// Threads must wait before they go to application code.
    pub(super) fn is_gate_closed(&self) -> bool {
        self.gate.is_closed.load(SeqCst)
    }

    pub(super) fn message_addr(slot: &SlotRef<'_>) -> u64 {
        slot.stub_addr() + std::mem::offset_of!(super::layout::Slot, message) as u64
    }

    /// Forks the host process by its thread in slot `index`; the child's first thread has the same slot number
    /// and starts on its stack of calls. `prepare` fills the child's slot before it runs.
    pub(super) fn fork(&self, index: u32, prepare: impl FnOnce(&SlotRef<'_>)) -> Result<Arc<Self>, Errno> {
        let Spare { slots, memory, ours, theirs } = self.shared.spares.take()?;
        let channel = self.channel.lock();
        let [memory_number, socket_number] = next_fds(channel.stub_socket);
        let slot = self.slots.slot(index);
        {
            let child = slots.slot(index);
            child.reset(slot.cpu.load(Relaxed), self.shared.features, socket_number as u32);
            child.close[0].store(memory_number as u32, Relaxed);
            child.close[1].store(channel.stub_socket as u32, Relaxed);
            prepare(&child);
        }
        send(&channel.socket, &[memory.as_fd(), theirs.as_fd()])?;
        prepare_message(&slot);
        slot.args[0].store(memory_number as u64, Relaxed);
        slot.args[1].store(socket_number as u64, Relaxed);
        slot.args[2].store(slot.stub_addr() + CALL_STACK_TOP, Relaxed);
        self.command(&slot, OP_FORK)?;
        let result = slot.result.load(Relaxed) as i64;
        if (-4095..0).contains(&result) {
            return Err(Errno(-result as u16));
        }
        // The number may be forged: it must be a child of ours that no other space owns.
        let pid = i32::try_from(result).map_err(|_| Errno::EAGAIN)?;
        let child = Self::new(Arc::clone(&self.shared), pid, slots, ours, socket_number)?;
        child.keeps_memory.store(self.keeps_memory.load(Relaxed), Relaxed);
        child.take_first_slot(index);
        Ok(child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        // To unmap takes its time, and somebody may wait for what the caller does next.
        let slots = self.slots.take();
        self.shared.reaper.bury(self, slots);
    }
}

/// The two lowest descriptor numbers in a stub that has only its socket open.
fn next_fds(socket: i32) -> [i32; 2] {
    let first = free_fd(socket, &[]);
    [first, free_fd(socket, &[first])]
}

/// The lowest descriptor number in a stub that has its socket and `used` open.
fn free_fd(socket: i32, used: &[i32]) -> i32 {
    (0..STUB_FDS).find(|number| *number != socket && !used.contains(number)).unwrap_or(STUB_FDS)
}

fn send(socket: &OwnedFd, fds: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(fds));
    let sent =
        rustix::net::sendmsg(socket, &[IoSlice::new(&[0])], &mut control, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
    sent.map(|_| ()).map_err(|error| match error {
        rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET => Errno::ESRCH,
        other => super::rustix_error(other),
    })
}

/// Writes the `msghdr` with which the stub receives descriptors.
fn prepare_message(slot: &SlotRef<'_>) {
    let base = Process::message_addr(slot);
    let header = [0, 0, base + 8 * IOVEC, 1, base + 8 * CONTROL, 32, 0];
    let iovec = [base + 8 * DATA, 1];
    for (word, value) in slot.message.iter().zip(header.into_iter().chain(iovec)) {
        word.store(value, Relaxed);
    }
}
