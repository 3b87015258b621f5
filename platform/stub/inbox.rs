//! What a call brings along for the sentry, and what it takes home: copies in the slot, so that neither side needs a
//! host call for small arguments and results.
//!
//! What is brought along is a guess: the sentry asks for what it wants, and looks here first.

use crate::layout::*;
use crate::{stub_copy, stub_copy_string, stub_zero};
use core::sync::atomic::Ordering::Relaxed;

/// Longest path that is brought along, with its zero byte.
const PATH_MAX: u64 = 512;

/// A part of the application's memory that a call reads. Small: the table shall take few pages.
#[derive(Clone, Copy)]
enum Part {
    None,
    /// The string at an argument.
    Path(u8),
    /// So many bytes at an argument.
    Fixed(u8, u8),
    /// As many units as another argument says, of so many bytes each.
    Counted(u8, u8, u8),
    /// The head of the list of robust futexes.
    RobustList,
}

use Part::{Counted, Fixed, None, Path, RobustList};

/// What calls read, by number.
const fn parts(nr: u32) -> [Part; INBOX] {
    match nr {
        // write, pwrite64, sendto: the bytes; sendto an address too.
        1 | 18 => [Counted(1, 2, 1), None],
        44 => [Counted(1, 2, 1), Counted(4, 5, 1)],
        // open, stat, lstat, access, chdir, mkdir, rmdir, creat, unlink, readlink, chmod, statfs, truncate
        2 | 4 | 6 | 21 | 80 | 83 | 84 | 85 | 87 | 89 | 90 | 137 | 76 => [Path(0), None],
        // rename, link, symlink
        82 | 86 | 88 => [Path(0), Path(1)],
        // openat, mkdirat, newfstatat, unlinkat, readlinkat, faccessat, faccessat2, statx, fchownat, fchmodat
        257 | 258 | 262 | 263 | 267 | 269 | 439 | 332 | 260 | 268 => [Path(1), None],
        // openat2
        437 => [Path(1), Fixed(2, 24)],
        // renameat, renameat2
        264 | 316 => [Path(1), Path(3)],
        // poll, ppoll
        7 => [Counted(0, 1, 8), None],
        271 => [Counted(0, 1, 8), Fixed(2, 16)],
        // rt_sigaction, rt_sigprocmask
        13 => [Fixed(1, 32), None],
        14 => [Fixed(1, 8), None],
        // readv, writev
        19 | 20 => [Counted(1, 2, 16), None],
        // sendmsg, recvmsg
        46 | 47 => [Fixed(1, 56), None],
        // connect, bind
        42 | 49 => [Counted(1, 2, 1), None],
        // accept, recvfrom, getsockname, getpeername: the length of the address
        43 | 51 | 52 | 288 => [Fixed(2, 4), None],
        45 => [Fixed(5, 4), None],
        // setsockopt, getsockopt
        54 => [Counted(3, 4, 1), None],
        55 => [Fixed(4, 4), None],
        // epoll_ctl
        233 => [Fixed(3, 12), None],
        // nanosleep, clock_nanosleep, futex
        35 => [Fixed(0, 16), None],
        230 => [Fixed(2, 16), None],
        202 => [Fixed(3, 16), None],
        // select, pselect6 read sets whose length is theirs to know; prlimit64
        302 => [Fixed(2, 16), None],
        // clone3
        435 => [Counted(0, 1, 1), None],
        // exit, exit_group
        60 | 231 => [RobustList, None],
        _ => [None, None],
    }
}

const NR_END: usize = 450;

/// The table of [`parts`].
static PARTS: [[Part; INBOX]; NR_END] = {
    let mut table = [[None, None]; NR_END];
    let mut nr = 0;
    while nr < NR_END {
        table[nr] = parts(nr as u32);
        nr += 1;
    }
    table
};

/// Puts what the call in the slot reads into its inbox.
pub(crate) fn fill(slot: &Slot) {
    let mut count = 0;
    if let Some(parts) = PARTS.get(slot.nr.load(Relaxed) as usize) {
        let mut room = INBOX_LEN;
        for (part, piece) in parts.iter().zip(&slot.inbox) {
            let Some((addr, len)) = bring(slot, *part, room) else { break };
            piece.addr.store(addr, Relaxed);
            piece.len.store(len as u32, Relaxed);
            piece.at.store((COPY + INBOX_LEN - room) as u32, Relaxed);
            room -= (len + 7) & !7;
            count += 1;
        }
    }
    slot.inbox_count.store(count as u32, Relaxed);
}

/// Copies one part to the start of what is left of the inbox: its address and length.
fn bring(slot: &Slot, part: Part, room: u64) -> Option<(u64, u64)> {
    let arg = |i: u8| slot.call.get(usize::from(i)).map_or(0, |arg| arg.load(Relaxed));
    let to = slot as *const Slot as u64 + COPY + INBOX_LEN - room;
    let (addr, len) = match part {
        None => return Option::None,
        Path(at) => {
            let max = if room < PATH_MAX { room } else { PATH_MAX };
            let addr = arg(at);
            if !is_guest(addr, max) {
                return Option::None;
            }
            let len = stub_copy_string(to, addr, max);
            return if len == 0 { Option::None } else { Some((addr, len)) };
        }
        Fixed(at, len) => (arg(at), len.into()),
        RobustList => (slot.robust_list.load(Relaxed), ROBUST_LIST_HEAD_LEN),
        Counted(at, count, unit) => {
            let count = arg(count);
            if count > room {
                return Option::None;
            }
            (arg(at), count * u64::from(unit))
        }
    };
    let is_fine = len > 0 && len <= room && is_guest(addr, len) && stub_copy(to, addr, len) == 0;
    if is_fine { Some((addr, len)) } else { Option::None }
}

/// Addresses that lie in the application; the page at zero is never mapped, and not worth a fault.
fn is_guest(addr: u64, len: u64) -> bool {
    addr >= 0x1000 && addr < STUB_BASE && len < STUB_BASE - addr
}

/// Gives the application what is in the outbox. False: an address was bad.
pub(crate) fn empty(slot: &Slot) -> bool {
    let count = slot.outbox_count.load(Relaxed) as usize;
    if count == 0 {
        return true;
    }
    slot.outbox_count.store(0, Relaxed);
    let base = slot as *const Slot as u64;
    let mut is_fine = true;
    for piece in slot.outbox.iter().take(count) {
        let (to, len) = (piece.addr.load(Relaxed), piece.len.load(Relaxed).into());
        let left = match piece.at.load(Relaxed) {
            ZEROES => stub_zero(to, 0, len),
            at => stub_copy(to, base + u64::from(at), len),
        };
        is_fine &= left == 0;
    }
    is_fine
}
