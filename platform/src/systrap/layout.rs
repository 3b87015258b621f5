//! What the sentry and the stub share: addresses, the slot of a thread, its words and commands.
//!
//! Included by both programs; needs only `core`. Everything in a slot can be changed by a hostile
//! application at any time: the sentry copies a value out before it checks it.

use core::sync::atomic::{AtomicU32, AtomicU64};

/// Where the stub's image is linked (build.rs says the same). Guest addresses end below.
pub const STUB_BASE: u64 = 0x7ff0_0000_0000;
/// Bytes reserved for the image; calls from here are the stub's own.
pub const STUB_LEN: u64 = 0x1_0000;
/// Where each stub process maps its slots.
pub const SLOTS_BASE: u64 = 0x7ff1_0000_0000;
/// Bytes of a slot.
pub const SLOT_LEN: u64 = 0x2_0000;
/// Slots, that is threads, of an address space.
pub const SLOTS: u64 = 8192;
/// Bytes of all slots.
pub const SLOTS_LEN: u64 = SLOT_LEN * SLOTS;
/// End of the host's user addresses (4-level page tables).
pub const HOST_END: u64 = 0x7fff_ffff_f000;

/// `AUDIT_ARCH_X86_64`: what the host calls 64-bit calls by.
pub const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;

/// Offset of the copy buffer in a slot.
pub const COPY: u64 = 0x1000;
/// Bytes of the copy buffer.
pub const COPY_LEN: u64 = 0x8000;
/// Bytes at the start of the copy buffer for what a call brings along.
pub const INBOX_LEN: u64 = 0x2000;
/// Offset of the part of the copy buffer for what the application is given when it goes on.
pub const OUTBOX: u64 = COPY + INBOX_LEN;
/// Bytes of that part.
pub const OUTBOX_LEN: u64 = COPY_LEN - INBOX_LEN;
/// Offset of the top of the stack on which calls from patched text are served; it grows down to the end of [`Slot`].
pub const CALL_STACK_TOP: u64 = COPY;
/// Offset of the table of failures that the stub knows: [`Failure`]s.
pub const FAILURES: u64 = 0x9000;
/// Failures that fit.
pub const FAILURES_MAX: usize = 64;
/// Where the stub's image has the page with the count of changes of names, which the sentry writes.
pub const CHANGES: u64 = STUB_BASE + 0x8000;
/// Offset of the room for a signal frame of the sentry's making. It is no part of the alternate signal stack: a kick may
/// put its frame there at any time.
pub const FRAME: u64 = 0xb000;
/// End of that room.
pub const FRAME_END: u64 = STACK;
/// Offset of the alternate signal stack in a slot; it reaches to the slot's end.
pub const STACK: u64 = 0x1_0000;
/// Bytes of the alternate signal stack.
pub const STACK_LEN: u64 = SLOT_LEN - STACK;

/// Maps the vDSO with its data at an address: `arch_prctl(2)` of a kernel that can restore checkpoints.
pub const ARCH_MAP_VDSO_64: u64 = 0x2003;

/// Descriptors that the first stub starts with: slots, socket.
pub const START_SLOTS_FD: i32 = 0;
/// See [`START_SLOTS_FD`].
pub const START_SOCKET_FD: i32 = 1;

/// Mailbox word: nothing there.
pub const EMPTY: u32 = 0;
/// Mailbox word: a message is there.
pub const FULL: u32 = 1;
/// Mailbox word: nothing there, and the receiver sleeps on the word.
pub const ASLEEP: u32 = 2;
/// Mailbox word to the sentry: the stub process is gone (written by the sentry itself).
pub const GONE: u32 = 3;

/// `Slot::spin`: the stub does not spin, but lets others run once before it sleeps.
pub const GIVE_WAY: u32 = 1;

/// Message to the sentry: the thread has started and waits.
pub const EVENT_READY: u32 = 1;
/// Message to the sentry: the application was stopped by a host signal; see `Slot::signal`.
pub const EVENT_SIGNAL: u32 = 2;
/// Message to the sentry: the command is done.
pub const EVENT_DONE: u32 = 3;
/// Message to the sentry: the application called from patched text; see `Slot::call` and `Slot::saved`.
pub const EVENT_CALL: u32 = 4;
/// Message to the sentry: the application was to go on from `Slot::saved` and was kicked instead.
pub const EVENT_KICKED: u32 = 5;
/// Message to the sentry: the wait of `OP_WAIT` was ended by a kick.
pub const EVENT_WAIT_KICKED: u32 = 6;
/// Message to the sentry: what the application was to be given could not be copied.
pub const EVENT_OUTBOX_FAULT: u32 = 7;
/// Message to the sentry: the wait of `OP_WAIT` is over, its result in `Slot::returned`, and the sentry asked for it.
pub const EVENT_WAIT_DONE: u32 = 8;
/// Message to the sentry: a call of `OP_CALLS_RETURN` or `OP_CALLS_RESUME` failed, and nothing after it was done.
pub const EVENT_CALLS_FAILED: u32 = 9;

/// Command: go on with the application at `Slot::frame`.
pub const OP_RESUME: u32 = 1;
/// Command: make the host calls of `Slot::calls`, in order, until one fails.
pub const OP_CALLS: u32 = 2;
/// Command: start a thread in the slot at `Slot::args[0]`.
pub const OP_SPAWN: u32 = 3;
/// Command: take two descriptors from the socket and fork with them.
pub const OP_FORK: u32 = 4;
/// Command: end the thread; the 32-bit word at `args[0]`, if any, is cleared and a waiter of it woken first.
pub const OP_EXIT: u32 = 5;
/// Command: copy `args[1]` bytes from application address `args[0]` to the start of the outbox.
pub const OP_COPY_IN: u32 = 6;
/// Command: copy `args[1]` bytes from the start of the outbox to application address `args[0]`.
pub const OP_COPY_OUT: u32 = 7;
/// Command: compare-and-exchange the 32-bit word at `args[0]`: old `args[1]`, new `args[2]`.
pub const OP_CMPXCHG: u32 = 8;
/// Command: go on with the application at `Slot::saved`, its result register as `Slot::returned` says.
pub const OP_RETURN: u32 = 9;
/// Command: as `OP_CALLS`, then as `OP_RETURN`.
pub const OP_CALLS_RETURN: u32 = 13;
/// Command: as `OP_CALLS`, then empty the outbox, then as `OP_RESUME`.
pub const OP_CALLS_RESUME: u32 = 14;
/// Command: save the extended state (components `args[1]`) at address `args[0]` in the slot.
pub const OP_SAVE_XSTATE: u32 = 10;

/// Command: empty the outbox.
pub const OP_EMPTY_OUTBOX: u32 = 12;
/// Command: make the host call `Slot::calls[0]`, which may sleep, then go on as `OP_RETURN` with its result; with
/// `Slot::asks_always` tell the sentry first.
pub const OP_WAIT: u32 = 11;

/// Calls that the stub answers with a number that the sentry left in the slot, in the order of `Slot::ids`: getpid,
/// gettid, getuid, getgid, geteuid, getegid.
pub const ID_CALLS: [u32; 6] = [39, 186, 102, 104, 107, 108];
/// Bytes from one entry of [`ID_CALLS`] to the next.
pub const ID_ENTRY_LEN: u64 = 128;

/// Bytes of `struct robust_list_head`.
pub const ROBUST_LIST_HEAD_LEN: u64 = 24;

/// `Slot::resume_flags`: load `fs_base`.
pub const SET_FS: u32 = 1;
/// `Slot::resume_flags`: load `gs_base`.
pub const SET_GS: u32 = 2;

/// `Slot::features`: the FSGSBASE instructions may be used.
pub const FEATURE_FSGSBASE: u32 = 1;
/// `Slot::features`: RDPID may be used.
pub const FEATURE_RDPID: u32 = 2;

/// Result of a copy or compare-and-exchange that met a bad address.
pub const FAULTED: u64 = u64::MAX;

/// A host call for the stub to make.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Call {
    /// Number.
    pub nr: u64,
    /// Arguments.
    pub args: [u64; 6],
    /// Result, minus the error number on failure.
    pub result: i64,
}

/// Calls in one batch.
pub const CALLS: usize = 24;

/// Bytes of application memory in the copy buffer.
#[repr(C)]
pub struct Piece {
    /// Their address in the application.
    pub addr: AtomicU64,
    /// How many they are.
    pub len: AtomicU32,
    /// Offset of their copy in the slot; or [`ZEROES`].
    pub at: AtomicU32,
}

/// `Piece::at`: there is no copy, all bytes are zero.
pub const ZEROES: u32 = 0;
/// Pieces that a call brings along.
pub const INBOX: usize = 2;
/// Pieces that the application is given when it goes on.
pub const OUTBOX_PIECES: usize = 8;

/// Longest path of a known failure, with its zero byte.
pub const FAILURE_PATH: u32 = 96;

/// A call that failed because of what its path names.
#[repr(C)]
pub struct Failure {
    /// Changes of names when it did: with one more it may not.
    pub changes: u64,
    /// Number of the call.
    pub nr: u32,
    /// What [`failure_key`] says of its arguments.
    pub key: u32,
    /// Bytes of the path, with its zero byte.
    pub len: u32,
    /// Nothing.
    pub pad: u32,
    /// The result, minus the error number.
    pub result: i64,
    /// The path.
    pub path: [u8; FAILURE_PATH as usize],
}

const _: () = assert!(size_of::<[Failure; FAILURES_MAX]>() as u64 <= FRAME - FAILURES, "room for the failures");

/// What beside the path makes call `nr` with its first `args` fail; `None`: that is not known. The calls bring the path
/// along as their first piece.
pub const fn failure_key(nr: u32, args: [u64; 4]) -> Option<u32> {
    let mode = match nr {
        // stat, lstat
        4 | 6 => 0,
        // access, faccessat
        21 => args[1],
        269 => args[2],
        // readlink, readlinkat: the length.
        89 if args[2] > 0 && args[2] < 1 << 31 => 0,
        267 if args[3] > 0 && args[3] < 1 << 31 => 0,
        // newfstatat: flags.
        262 => args[3],
        // faccessat2
        439 if args[2] < 8 => args[3] << 3 | args[2],
        _ => return None,
    };
    if mode >> 16 == 0 { Some(mode as u32) } else { None }
}

/// Where in the table a failure lies.
pub fn failure_index(nr: u32, path: &[u8]) -> usize {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ u64::from(nr);
    for &byte in path {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    }
    (hash >> 32) as usize % FAILURES_MAX
}

/// Registers of the application in a call from patched text: those that [`Slot::call`] does not have.
#[repr(C)]
pub struct Saved {
    /// Where the application goes on; `rcx` is the same.
    pub rip: AtomicU64,
    /// Stack pointer.
    pub rsp: AtomicU64,
    /// Flags; `r11` is the same.
    pub flags: AtomicU64,
    /// FS base.
    pub fs_base: AtomicU64,
    /// Registers that a called function keeps.
    pub rbx: AtomicU64,
    /// See `rbx`.
    pub rbp: AtomicU64,
    /// See `rbx`.
    pub r12: AtomicU64,
    /// See `rbx`.
    pub r13: AtomicU64,
    /// See `rbx`.
    pub r14: AtomicU64,
    /// See `rbx`.
    pub r15: AtomicU64,
}

/// First page of a slot. The first line of the cache is what the stub tells, the second what the sentry answers.
#[repr(C, align(64))]
pub struct Slot {
    /// Mailbox to the sentry.
    pub to_sentry: AtomicU32,
    /// What the sentry is told: `EVENT_*`.
    pub event: AtomicU32,
    /// Processor that the thread ran on at its last message.
    pub cpu: AtomicU32,
    /// Number of the call of `EVENT_CALL`.
    pub nr: AtomicU32,
    /// Its arguments: rdi, rsi, rdx, r10, r8, r9.
    pub call: [AtomicU64; 6],

    /// Mailbox to the stub.
    pub to_stub: AtomicU32,
    /// What the stub is told: `OP_*`.
    pub op: AtomicU32,
    /// TSC ticks that the stub spins before it sleeps; or [`GIVE_WAY`].
    pub spin: AtomicU32,
    /// `SET_*`.
    pub resume_flags: AtomicU32,
    /// Result register of `OP_RETURN`.
    pub returned: AtomicU64,
    /// Address of the `ucontext` on the alternate stack: of the last signal, or to resume with.
    pub frame: AtomicU64,
    /// Segment bases of the application at the last signal, or to resume with.
    pub fs_base: AtomicU64,
    /// See `fs_base`.
    pub gs_base: AtomicU64,
    /// `FEATURE_*` of the host.
    pub features: AtomicU32,
    /// Host signal of `EVENT_SIGNAL`.
    pub signal: AtomicU32,

    /// Time-stamp when the thread last got the turn, kept only while it does not spin.
    pub resumed_at: AtomicU64,
    /// Ticks from there to its last message: those of the application, without waiting for anybody.
    pub ran: AtomicU64,

    /// The application's registers in a call from patched text.
    pub saved: Saved,
    /// Minus the slot's address: by it a trampoline knows that GS is ours.
    pub minus_self: AtomicU64,
    /// A kick came in code of the stub that could not heed it.
    pub kicked: AtomicU32,
    /// Not zero: the stub answers no call itself.
    pub asks_always: AtomicU32,
    /// Signals that the thread blocks.
    pub signal_mask: AtomicU64,
    /// Not zero: signals may wait for the thread, and it changes `signal_mask` with the sentry's knowledge only. Whoever
    /// queues a signal sets this before looking at the mask; the stub looks at this after setting the mask.
    pub signals_wait: AtomicU32,
    /// Registration of restartable sequences: length, signature, address (0: none).
    pub rseq_len: AtomicU32,
    /// See `rseq_len`.
    pub rseq_signature: AtomicU32,
    /// See `rseq_len`.
    pub rseq_area: AtomicU64,
    /// Head of the list of robust futexes, or 0.
    pub robust_list: AtomicU64,
    /// Not zero: there are failures that the stub knows.
    pub knows_failures: AtomicU32,
    /// Not zero: some of the memory is not to be given up, so `madvise` is the sentry's.
    pub keeps_memory: AtomicU32,
    /// Answers of [`ID_CALLS`].
    pub ids: [AtomicU32; 6],
    /// Where an answer from `ids` returns to.
    pub id_back: AtomicU64,
    /// Not zero: the thread sleeps in a host call of the application's.
    pub sleeps: AtomicU32,
    /// How often it has done so.
    pub sleep_count: AtomicU32,

    /// What the call of `EVENT_CALL` brings along: of its memory what the sentry will want to read.
    pub inbox: [Piece; INBOX],
    /// Pieces in `inbox`.
    pub inbox_count: AtomicU32,
    /// Pieces in `outbox`.
    pub outbox_count: AtomicU32,
    /// What is copied to the application before it goes on.
    pub outbox: [Piece; OUTBOX_PIECES],

    /// Zero when the thread has left the slot (`CLONE_CHILD_CLEARTID`).
    pub tid: AtomicU32,
    /// Descriptor number of the process's socket.
    pub socket: AtomicU32,
    /// After a fork: descriptors of the parent that the child closes.
    pub close: [AtomicU32; 2],
    /// Result of the command.
    pub result: AtomicU64,
    /// Arguments of the command.
    pub args: [AtomicU64; 4],
    /// Calls in the batch.
    pub call_count: AtomicU32,
    /// Calls that were made.
    pub calls_done: AtomicU32,
    /// The batch.
    pub calls: [core::cell::UnsafeCell<Call>; CALLS],
    /// Control message buffer for descriptors, and the `msghdr` and `iovec` that point to it.
    pub message: [AtomicU64; 32],
}

const _: () = assert!(size_of::<Slot>() + 1536 <= CALL_STACK_TOP as usize, "room for the stack of calls");
