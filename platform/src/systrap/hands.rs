//! The parked stub thread whose hands the calling host thread uses, and what travels with its call.
//!
//! A call from patched text brings parts of the application's memory along (inbox), and the application gets others
//! when it goes on (outbox): copies in the slot, so that small arguments and results cost no host call.

use super::layout::{INBOX, OUTBOX, OUTBOX_LEN, ZEROES};
use super::pace::Pace;
use super::process::{PACE, Process};
use super::slot::SlotRef;
use super::thread::Thread;
use abi::Errno;
use std::cell::{Cell, RefCell};
use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Largest part of application memory that goes by the outbox.
const PIECE_MAX: usize = 8192;

/// A host call for the stub to make.
pub(super) type HostCall = (i64, [u64; 6]);

/// What is to be done together.
#[derive(Default)]
struct Gathered {
    /// Calls whose results nobody waits for yet.
    calls: Vec<HostCall>,
    /// Descriptors that the stub has by then: the sentry's number, the stub's.
    open: Vec<(RawFd, i32)>,
    /// They are made when the application goes on, at the latest: see [`put_off`] and [`gather_till_run`].
    is_put_off: bool,
    /// The next call may be put off.
    may_put_off: bool,
}

/// Most descriptors of the sentry's that a stub has at a time.
const OPEN_MAX: usize = 8;

impl Gathered {
    fn close(&mut self) {
        self.calls.extend(self.open.drain(..).map(|(_, number)| close(number)));
    }
}

/// Closes a descriptor of the stub's.
pub(super) const fn close(number: i32) -> HostCall {
    (libc::SYS_close, [number as u64, 0, 0, 0, 0, 0])
}

thread_local! {
    static THREAD: RefCell<Option<Arc<Thread>>> = const { RefCell::new(None) };
    /// What the present call brought along: address, length, offset in the slot. Empty when there is no such call.
    static INBOX_PARTS: Cell<[(u64, u32, u32); INBOX]> = const { Cell::new([(0, 0, 0); INBOX]) };
    /// The present call is one from patched text.
    static IN_CALL: Cell<bool> = const { Cell::new(false) };
    /// Bytes of the outbox that are taken.
    static OUTBOX_USED: Cell<u64> = const { Cell::new(0) };
    /// What is to be done together: see [`gather`].
    static GATHERED: RefCell<Option<Gathered>> = const { RefCell::new(None) };
}

/// Takes a thread's hands; gives those that were taken before.
pub(super) fn take(thread: &Arc<Thread>) -> Option<Arc<Thread>> {
    // A process that is gone shows when its threads run.
    let _ = THREAD.with_borrow(|hands| hands.as_ref().map(|held| make_gathered(&held.process, &held.slot())));
    end_call();
    THREAD.replace(Some(Arc::clone(thread)))
}

/// Takes again the hands that were given up for others.
pub(super) fn give_back(before: Option<Arc<Thread>>) {
    end_call();
    THREAD.set(before);
}

/// Lets go of a thread's hands.
pub(super) fn let_go(thread: &Arc<Thread>) {
    THREAD.with_borrow_mut(|hands| {
        if hands.as_ref().is_some_and(|held| Arc::ptr_eq(held, thread)) {
            *hands = None;
            GATHERED.set(None);
            end_call();
        }
    });
}

/// Runs `f` with the slot of the parked thread bound to this host thread; `EINVAL` when there is none in
/// `process`. What was put aside is done first: what `f` does comes after it.
pub(super) fn with<T>(process: &Arc<Process>, f: impl FnOnce(&SlotRef<'_>) -> Result<T, Errno>) -> Result<T, Errno> {
    with_gathered(process, |slot| {
        settle_slot(process, slot)?;
        f(slot)
    })
}

/// As [`with`] for an `f` that itself puts calls aside, where that is done.
pub(super) fn with_gathered<T>(
    process: &Arc<Process>,
    f: impl FnOnce(&SlotRef<'_>) -> Result<T, Errno>,
) -> Result<T, Errno> {
    THREAD.with_borrow(|hands| match hands {
        Some(thread) if Arc::ptr_eq(&thread.process, process) => {
            let slot = thread.slot();
            if !is_gathering() {
                settle_slot(process, &slot)?;
            }
            f(&slot)
        }
        _ => Err(Errno::EINVAL),
    })
}

/// Runs `f`, which changes the address space of the hands' thread: changes are made together as soon as anything else
/// is asked of the stub, or at the end. Which of them failed is not told. For a space that nobody else knows yet.
/// Descriptors that are mapped stay open till then.
pub(super) fn gather<T>(process: &Arc<Process>, f: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    settle(process)?;
    GATHERED.set(Some(Gathered::default()));
    OUTBOX_USED.set(0);
    let result = f().and_then(|value| with(process, |_| Ok(value)));
    GATHERED.set(None);
    result
}

/// As [`gather`], but what is left at the end is made when the application goes on, by the same command; should
/// that fail, the process is killed.
pub(super) fn gather_till_run<T>(process: &Arc<Process>, f: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    settle(process)?;
    GATHERED.set(Some(Gathered::default()));
    OUTBOX_USED.set(0);
    let result = f();
    if result.is_err() {
        GATHERED.set(None);
    }
    GATHERED.with_borrow_mut(|gathered| {
        if let Some(gathered) = gathered {
            gathered.close();
            gathered.is_put_off = true;
        }
    });
    result
}

/// The changes are gathered that are made now.
fn is_gathering() -> bool {
    GATHERED.with_borrow(|gathered| gathered.as_ref().is_some_and(|gathered| !gathered.is_put_off))
}

/// The next change of the address space is made when the application goes on from its present call, by the same command:
/// a change that the host does not refuse, or the process dies. Not with other threads in the process, which would see
/// that nothing is changed yet, and might be given addresses that are still taken.
pub(super) fn put_off(process: &Arc<Process>) {
    let is_possible = IN_CALL.get() && process.shared.can_put_off && process.is_alone();
    if is_possible && with_slot(process, |_| ()) {
        GATHERED.with_borrow_mut(|gathered| {
            let gathered = gathered.get_or_insert(Gathered { is_put_off: true, ..Gathered::default() });
            gathered.may_put_off = gathered.is_put_off;
        });
    }
}

/// Takes what was [put off](put_off): the stub is about to make it and to go on.
pub(super) fn take_put_off() -> Vec<HostCall> {
    GATHERED.take().unwrap_or_default().calls
}

/// Makes what was put aside now.
pub(super) fn flush(process: &Arc<Process>) -> Result<(), Errno> {
    let mut flushed = Ok(());
    with_slot(process, |slot| flushed = make_gathered(process, slot));
    flushed
}

/// What was put aside is made, and then the outbox emptied: in that order, as when the application goes on.
fn settle_slot(process: &Arc<Process>, slot: &SlotRef<'_>) -> Result<(), Errno> {
    make_gathered(process, slot)?;
    process.empty_outbox(slot)
}

/// Puts calls aside if that is what is done now.
pub(super) fn make_later(calls: &[HostCall]) -> bool {
    GATHERED.with_borrow_mut(|gathered| {
        let Some(gathered) = gathered else { return false };
        if gathered.is_put_off && !std::mem::take(&mut gathered.may_put_off) {
            return false;
        }
        gathered.calls.extend_from_slice(calls);
        true
    })
}

/// The number that the stub will have `fd` under when what is put aside now is done; `None`: nothing is put aside. Where
/// it has not come yet, `send` sends it, given the numbers in use, and `receive` is to take it.
pub(super) fn open_later(
    fd: BorrowedFd<'_>,
    receive: HostCall,
    send: impl FnOnce(&[i32]) -> Result<i32, Errno>,
) -> Option<Result<i32, Errno>> {
    GATHERED.with_borrow_mut(|gathered| {
        let gathered = gathered.as_mut()?;
        let raw = fd.as_raw_fd();
        if let Some(&(_, number)) = gathered.open.iter().find(|(open, _)| *open == raw) {
            return Some(Ok(number));
        }
        if gathered.open.len() == OPEN_MAX {
            gathered.close();
        }
        let used: Vec<i32> = gathered.open.iter().map(|&(_, number)| number).collect();
        let sent = send(&used);
        if let Ok(number) = sent {
            gathered.calls.push(receive);
            gathered.open.push((raw, number));
        }
        Some(sent)
    })
}

fn make_gathered(process: &Arc<Process>, slot: &SlotRef<'_>) -> Result<(), Errno> {
    let taken = GATHERED.with_borrow_mut(|gathered| {
        let now = gathered.as_mut()?;
        now.close();
        let taken = (std::mem::take(&mut now.calls), now.is_put_off);
        gathered.take_if(|gathered| gathered.is_put_off);
        Some(taken)
    });
    match taken {
        Some((calls, is_put_off)) if !calls.is_empty() => {
            let made = process.calls(slot, &calls).map(drop);
            // The program has been told that it is done.
            made.inspect_err(|_| {
                if is_put_off {
                    process.kill();
                }
            })
        }
        _ => Ok(()),
    }
}

/// A call from patched text came by `slot`.
pub(super) fn begin_call(slot: &SlotRef<'_>) {
    let count = slot.inbox_count.load(Relaxed) as usize;
    let mut parts = [(0, 0, 0); INBOX];
    for (part, piece) in parts.iter_mut().zip(&slot.inbox).take(count) {
        *part = (piece.addr.load(Relaxed), piece.len.load(Relaxed), piece.at.load(Relaxed));
    }
    slot.outbox_count.store(0, Relaxed);
    INBOX_PARTS.set(parts);
    OUTBOX_USED.set(0);
    IN_CALL.set(true);
}

/// The call goes home, or is none any more.
pub(super) fn end_call() {
    INBOX_PARTS.set([(0, 0, 0); INBOX]);
    IN_CALL.set(false);
}

/// Copies `buf.len()` bytes that the call brought along from `addr`; false when it did not.
pub(super) fn read(process: &Arc<Process>, addr: u64, buf: &mut [u8]) -> bool {
    let found = INBOX_PARTS.get().into_iter().find(|&(start, len, _)| {
        addr >= start && addr.checked_add(buf.len() as u64).is_some_and(|end| end <= start + u64::from(len))
    });
    let Some((start, _, at)) = found.filter(|&(_, len, _)| len > 0) else { return false };
    with_slot(process, |slot| slot.read_bytes(u64::from(at) + (addr - start), buf))
}

/// The string that the call brought along from `addr`, without its zero byte.
pub(super) fn read_string(process: &Arc<Process>, addr: u64) -> Option<Vec<u8>> {
    let (_, len, at) = INBOX_PARTS.get().into_iter().find(|&(start, len, _)| start == addr && len > 0)?;
    let mut string = vec![0; len as usize];
    if !with_slot(process, |slot| slot.read_bytes(at.into(), &mut string)) {
        return None;
    }
    // The stub says that it ends there; the application may have changed it since.
    let end = string.iter().position(|&byte| byte == 0)?;
    string.truncate(end);
    Some(string)
}

/// Puts bytes into the outbox for `addr`; false when they do not fit, or there is no call that goes home.
pub(super) fn write(process: &Arc<Process>, addr: u64, bytes: &[u8]) -> bool {
    IN_CALL.get() && put(process, addr, bytes)
}

/// Puts bytes into the outbox for `addr`, behind the changes that are gathered; false when they do not fit, or none are.
pub(super) fn write_gathered(process: &Arc<Process>, addr: u64, bytes: &[u8]) -> bool {
    is_gathering() && put(process, addr, bytes)
}

/// As [`write_gathered`] for `len` zeroes.
pub(super) fn zero_gathered(process: &Arc<Process>, addr: u64, len: usize) -> bool {
    let mut is_taken = false;
    is_gathering() && with_slot(process, |slot| is_taken = add_piece(slot, addr, len, ZEROES.into())) && is_taken
}

fn put(process: &Arc<Process>, addr: u64, bytes: &[u8]) -> bool {
    let used = OUTBOX_USED.get();
    if bytes.len() > PIECE_MAX || used + bytes.len() as u64 > OUTBOX_LEN {
        return false;
    }
    let mut is_taken = false;
    with_slot(process, |slot| {
        let at = OUTBOX + used;
        is_taken = add_piece(slot, addr, bytes.len(), at);
        if is_taken {
            slot.write_bytes(at, bytes);
            OUTBOX_USED.set((used + bytes.len() as u64).next_multiple_of(64));
        }
    });
    is_taken
}

/// False: there are too many.
fn add_piece(slot: &SlotRef<'_>, addr: u64, len: usize, at: u64) -> bool {
    let count = slot.outbox_count.load(Relaxed) as usize;
    let Some(piece) = slot.outbox.get(count) else { return false };
    piece.addr.store(addr, Relaxed);
    piece.len.store(len as u32, Relaxed);
    piece.at.store(at as u32, Relaxed);
    slot.outbox_count.store(count as u32 + 1, Relaxed);
    true
}

/// Wakes the host thread of `slot`, which sleeps, by `wake`; on `cpu`, the caller's own, if it is the hands' thread.
pub(super) fn rouse(process: &Process, slot: &SlotRef<'_>, cpu: Option<usize>, wake: &dyn Fn()) {
    THREAD.with_borrow(|hands| {
        let is_it =
            |thread: &&Arc<Thread>| std::ptr::eq(Arc::as_ptr(&thread.process), process) && thread.index == slot.index();
        match hands.as_ref().filter(is_it).zip(cpu) {
            Some((thread, cpu)) => thread.rouse_on(cpu, wake),
            None => wake(),
        }
    });
}

/// The hands are those of a thread in `process`, and it answers at once: it spins on another core.
pub(super) fn are_quick(process: &Arc<Process>) -> bool {
    PACE.with_borrow(Pace::is_apart) && with_slot(process, |_| ())
}

/// What was gathered for `process` is made now, and what the outbox holds goes there.
pub(super) fn settle(process: &Arc<Process>) -> Result<(), Errno> {
    let has_pieces = OUTBOX_USED.get() != 0 && IN_CALL.get();
    if !has_pieces && GATHERED.with_borrow(Option::is_none) {
        return Ok(());
    }
    let mut settled = Ok(());
    with_slot(process, |slot| settled = settle_slot(process, slot));
    settled
}

/// True when the hands are those of a thread in `process`.
fn with_slot(process: &Arc<Process>, f: impl FnOnce(&SlotRef<'_>)) -> bool {
    THREAD.with_borrow(|hands| match hands {
        Some(thread) if Arc::ptr_eq(&thread.process, process) => {
            f(&thread.slot());
            true
        }
        _ => false,
    })
}
