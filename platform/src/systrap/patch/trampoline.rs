//! The code between a call site and the stub.
//!
//! It checks that GS is ours (the application may use it for itself), and does so without touching the flags. Where it
//! is not, the call traps as it would have without patching. `rcx` and `r11` are free: a system call loses both.
//!
//! ```text
//!  0  mov eax, NR              numbered sites alone
//!  5  rdgsbase r11
//! 10  mov rcx, gs:[minus_self]
//! 19  lea rcx, [rcx + r11]     zero when GS is the slot
//! 23  jrcxz 32
//! 25  syscall                  traps
//! 27  jmp BACK
//! 32  lea rcx, [BACK]
//! 39  jmp [ENTRY]
//! 45  lea rcx, [AFTER]         tailed sites alone: BACK is here
//! 52  what stood behind the syscall
//!     jmp END
//! ```

use super::site::{Shape, Site};
use crate::systrap::layout::{ID_CALLS, ID_ENTRY_LEN, Slot};
use crate::systrap::process::Entries;
use std::mem::offset_of;

/// Bytes from one trampoline to the next, of which the first room holds the entry points of the stub.
pub(super) const STRIDE: u64 = 64;
/// The load by GS, which faults when GS points nowhere.
const LOAD: u64 = 10;
/// Behind the `syscall` of the check that failed.
const TRAPPED: u64 = 27;
/// Where the tail starts, at which the stub comes back.
const TAIL: u64 = 45;
/// Where the repeated instructions start.
const REPEATED: u64 = 52;

/// What an address in a trampoline stands for at its site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// Before the call: the offset of the site's start.
    Before(u32),
    /// At the check: before the call from the offset of the site's start, which is made by trap should the check fault.
    Checking { start: u32, after: u32 },
    /// Behind the call, or further on: the offset in the text.
    After(u32),
}

/// Where trampolines jump to: the words before the first one.
pub(super) fn targets(entries: &Entries) -> impl Iterator<Item = u64> {
    let ids = entries.ids;
    [entries.call].into_iter().chain((0..ID_CALLS.len() as u64).map(move |i| ids + i * ID_ENTRY_LEN))
}

/// Which of them is that of `site`.
fn target(site: &Site) -> u64 {
    let Shape::Numbered(nr) = site.shape else { return 0 };
    ID_CALLS.iter().position(|&call| call == nr).map_or(0, |i| 1 + i as u64)
}

/// Encodes trampoline `index` for `site`, where the text lies `reach` bytes behind the first trampoline.
pub(super) fn encode(site: &Site, index: u64, reach: i64, text: &[u8]) -> Vec<u8> {
    // Addresses are offsets in the text; the trampolines lie at -reach.
    let base = (index * STRIDE).cast_signed() - reach;
    let mut code = Vec::with_capacity(STRIDE as usize);
    let near = |code: &mut Vec<u8>, opcode: &[u8], target: i64| {
        code.extend_from_slice(opcode);
        let distance = target - (base + code.len() as i64 + 4);
        code.extend_from_slice(&(distance as i32).to_le_bytes());
    };
    match site.shape {
        Shape::Numbered(nr) => {
            code.push(0xb8);
            code.extend_from_slice(&nr.to_le_bytes());
        }
        Shape::Tailed(_) => code.extend_from_slice(&[0x0f, 0x1f, 0x44, 0x00, 0x00]),
    }
    code.extend_from_slice(&[0xf3, 0x49, 0x0f, 0xae, 0xcb]);
    code.extend_from_slice(&[0x65, 0x48, 0x8b, 0x0c, 0x25]);
    code.extend_from_slice(&(offset_of!(Slot, minus_self) as u32).to_le_bytes());
    code.extend_from_slice(&[0x4a, 0x8d, 0x0c, 0x19, 0xe3, 0x07, 0x0f, 0x05]);
    let back = match site.shape {
        Shape::Numbered(_) => i64::from(site.after),
        Shape::Tailed(_) => base + TAIL as i64,
    };
    near(&mut code, &[0xe9], back);
    near(&mut code, &[0x48, 0x8d, 0x0d], back);
    near(&mut code, &[0xff, 0x25], 8 * target(site).cast_signed() - reach);
    if let Shape::Tailed(len) = site.shape {
        near(&mut code, &[0x48, 0x8d, 0x0d], site.after.into());
        let from = site.after as usize;
        code.extend_from_slice(&text[from..from + usize::from(len)]);
        near(&mut code, &[0xe9], site.end().into());
    }
    code
}

/// What offset `at` in the trampoline of `site` stands for.
pub(super) fn position(site: &Site, at: u64) -> Position {
    match (site.shape, at) {
        (_, LOAD) => Position::Checking { start: site.start, after: site.after },
        (_, ..TRAPPED) => Position::Before(site.start),
        (_, TRAPPED) => Position::After(site.after),
        (_, ..TAIL) => Position::Before(site.start),
        (Shape::Tailed(len), REPEATED..) => {
            let done = (at - REPEATED).min(len.into());
            Position::After(site.after + done as u32)
        }
        _ => Position::After(site.after),
    }
}

/// Offset in the trampoline that does what the text did at `at`, inside the replaced bytes of `site`.
pub(super) fn tail(site: &Site, at: u32) -> Option<u64> {
    match site.shape {
        Shape::Tailed(len) if (site.after..site.end()).contains(&at) && at < site.start + 5 => {
            let done = u64::from(at - site.after);
            debug_assert!(done < u64::from(len), "inside the tail");
            Some(if done == 0 { TAIL } else { REPEATED + done })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_stopped_before_the_call_has_not_made_it() {
        for shape in [Shape::Numbered(230), Shape::Tailed(6)] {
            let site = Site { start: 100, after: 107, shape };
            for at in [0, 5, LOAD, 19, 23, 25, 32, 39] {
                let position = position(&site, at);
                let start = match position {
                    Position::Before(start) | Position::Checking { start, .. } => start,
                    Position::After(_) => 0,
                };
                assert_eq!(start, 100, "{at}: {position:?}");
            }
            assert_eq!(position(&site, TRAPPED), Position::After(107));
        }
    }
}
