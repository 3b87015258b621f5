//! Calls that the stub makes on the host for the application, without the sentry: what they do can hurt nobody but the
//! application itself.
//!
//! - `sched_yield`: takes nothing but the caller's own time.
//! - `madvise` with `MADV_DONTNEED` or `MADV_FREE`, unless some memory is locked or sealed, which the host does not know:
//!   its mappings are the guest's, so are the errors.
//! - `futex` without priority inheritance: the words and those who wait are the application's own, the host knows them
//!   by the same rules as the guest's kernel would.
//! - `rt_sigprocmask`: the mask lies in the slot, where the sentry looks for it. A mask that the application makes up is
//!   one that it could have set. With signals waiting the sentry is asked, who may have to deliver them.
//! - calls that fail because of what their path names: see `failures.rs`.
//! - `rseq`, `set_robust_list`: what is registered lies in the slot, and is only used to the thread's own ends. Before a
//!   thread tells of its `exit`, which nobody can refuse here, its rseq area is given up: the sentry need not ask for it.

use crate::call::{EINTR, give_back, sleep};
use crate::layout::*;
use crate::{serve, stub_copy, syscall};
use core::sync::atomic::Ordering::{Relaxed, SeqCst};

const RT_SIGPROCMASK: u32 = 14;
const SCHED_YIELD: u32 = 24;
const MADVISE: u32 = 28;
const EXIT: u32 = 60;
const FUTEX: u32 = 202;
const SET_ROBUST_LIST: u32 = 273;
const RSEQ: u32 = 334;
/// `RSEQ_FLAG_UNREGISTER`.
const RSEQ_UNREGISTER: u64 = 1;
const MADV_DONTNEED: u64 = 4;
const MADV_FREE: u64 = 8;
const SIG_BLOCK: u64 = 0;
const SIG_UNBLOCK: u64 = 1;
const SIG_SETMASK: u64 = 2;
/// SIGKILL and SIGSTOP.
const UNBLOCKABLE: u64 = 1 << 8 | 1 << 18;
/// `FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME`.
const FUTEX_FLAGS: u64 = 128 | 256;
const FUTEX_WAIT: u64 = 0;
const FUTEX_WAIT_BITSET: u64 = 9;
/// `FUTEX_WAKE`, `REQUEUE`, `CMP_REQUEUE`, `WAKE_OP`, `WAKE_BITSET`.
const FUTEX_AT_ONCE: [u64; 5] = [1, 3, 4, 5, 10];

/// Answers the call in the slot, or lets the sentry do it.
pub(crate) extern "C" fn local(slot: &Slot) -> ! {
    if slot.asks_always.load(Relaxed) != 0 {
        ask(slot)
    }
    let result = answer(slot).or_else(|| {
        crate::inbox::fill(slot);
        crate::failures::known(slot)
    });
    match result {
        Some(result) => {
            slot.returned.store(result as u64, Relaxed);
            give_back(slot)
        }
        None => serve(slot, EVENT_CALL),
    }
}

/// Lets the sentry answer the call in the slot.
pub(crate) extern "C" fn ask(slot: &Slot) -> ! {
    crate::inbox::fill(slot);
    serve(slot, EVENT_CALL)
}

fn answer(slot: &Slot) -> Option<i64> {
    let [a, b, c, d, e, f] = &slot.call;
    let nr = slot.nr.load(Relaxed);
    // In its place from the start: a copy may be made by vector registers, which are the application's.
    let call = Call {
        nr: nr.into(),
        args: [a.load(Relaxed), b.load(Relaxed), c.load(Relaxed), d.load(Relaxed), e.load(Relaxed), f.load(Relaxed)],
        result: 0,
    };
    let args = &call.args;
    if let Some((_, id)) = ID_CALLS.iter().zip(&slot.ids).find(|(call, _)| **call == nr) {
        return Some(id.load(Relaxed).into());
    }
    match nr {
        SCHED_YIELD => Some(syscall(SCHED_YIELD.into(), *args)),
        MADVISE if slot.keeps_memory.load(Relaxed) == 0 => madvise(*args),
        FUTEX => futex(slot, &call),
        RT_SIGPROCMASK => change_mask(slot, *args),
        SET_ROBUST_LIST if args[1] == ROBUST_LIST_HEAD_LEN => {
            slot.robust_list.store(args[0], Relaxed);
            Some(0)
        }
        RSEQ => rseq(slot, args[0], args[1], args[2], args[3]),
        EXIT => {
            give_up_rseq(slot);
            None
        }
        _ => None,
    }
}

/// Sets the mask and gives the old one. What cannot be done without error or is not needed in life is the sentry's.
fn change_mask(slot: &Slot, args: [u64; 6]) -> Option<i64> {
    let [how, set, old, size, ..] = args;
    let is_guest = |addr: u64| addr < STUB_BASE - 8;
    if size != 8 || !is_guest(set) || !is_guest(old) || (set != 0 && old != 0 && set.abs_diff(old) < 8) {
        return None;
    }
    let before = slot.signal_mask.load(Relaxed);
    let mut after = before;
    if set != 0 {
        let mut bits = 0u64;
        if stub_copy(&raw mut bits as u64, set, 8) != 0 {
            return None;
        }
        after = match how & 0xffff_ffff {
            SIG_BLOCK => before | bits,
            SIG_UNBLOCK => before & !bits,
            SIG_SETMASK => bits,
            _ => return None,
        } & !UNBLOCKABLE;
    }
    if old != 0 && stub_copy(old, &raw const before as u64, 8) != 0 {
        return None;
    }
    if after != before {
        slot.signal_mask.swap(after, SeqCst);
        if slot.signals_wait.load(SeqCst) != 0 {
            slot.signal_mask.swap(before, SeqCst);
            return None;
        }
    }
    Some(0)
}

/// Registers an area with the host, or takes that back.
fn rseq(slot: &Slot, area: u64, len: u64, flags: u64, signature: u64) -> Option<i64> {
    if area >= STUB_BASE {
        return None;
    }
    let result = syscall(RSEQ.into(), [area, len, flags, signature, 0, 0]);
    if result == 0 {
        let is_registered = flags & 0xffff_ffff == 0;
        slot.rseq_len.store(len as u32, Relaxed);
        slot.rseq_signature.store(signature as u32, Relaxed);
        slot.rseq_area.store(if is_registered { area } else { 0 }, Relaxed);
    }
    Some(result)
}

/// The application is about to make call `nr` by trap: C libraries end their threads so.
pub(crate) fn before_trap(slot: &Slot, nr: u64) {
    if nr == EXIT.into() && slot.asks_always.load(Relaxed) == 0 {
        give_up_rseq(slot);
    }
}

/// Takes back what is registered: the host would go on writing there.
fn give_up_rseq(slot: &Slot) {
    let area = slot.rseq_area.load(Relaxed);
    if area != 0 {
        let (len, signature) = (slot.rseq_len.load(Relaxed), slot.rseq_signature.load(Relaxed));
        rseq(slot, area, len.into(), RSEQ_UNREGISTER, signature.into());
    }
}

fn madvise(args: [u64; 6]) -> Option<i64> {
    let [addr, len, advice, ..] = args;
    let is_simple = advice & 0xffff_ffff == MADV_DONTNEED || advice & 0xffff_ffff == MADV_FREE;
    let is_guest = addr < STUB_BASE && len < STUB_BASE - addr;
    if is_simple && is_guest { Some(syscall(MADVISE.into(), args)) } else { None }
}

fn futex(slot: &Slot, call: &Call) -> Option<i64> {
    let [addr, op, _, timeout, second, _] = call.args;
    if addr >= STUB_BASE || op > 0x1ff {
        return None;
    }
    let is_realtime = op & 256 != 0;
    let command = op & !FUTEX_FLAGS;
    if FUTEX_AT_ONCE.contains(&command) && !is_realtime && (second < STUB_BASE || command == 1 || command == 10) {
        return Some(syscall(FUTEX.into(), call.args));
    }
    // A relative timeout must not start anew after a kick: the sentry makes a point in time of it.
    let is_untimed = command == FUTEX_WAIT && timeout == 0 && !is_realtime;
    if !is_untimed && (command != FUTEX_WAIT_BITSET || timeout >= STUB_BASE) {
        return None;
    }
    let result = sleep(slot, call);
    if result == EINTR { None } else { Some(result) }
}
