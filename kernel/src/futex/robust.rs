//! Locks that a dying thread holds: `get_robust_list(2)`, the kernel's "Robust futexes".

use super::{Table, Word, Words};
use abi::Errno;
use abi::futex::{FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS, ROBUST_LIST_LIMIT, RobustListHead};
use mm::{UserAddr, UserMemory, UserPtr};

/// A pointer of the list: bit 0 says PI lock.
#[derive(Clone, Copy)]
struct Link(u64);

impl Link {
    const fn entry(self) -> u64 {
        self.0 & !1
    }

    const fn is_pi(self) -> bool {
        self.0 & 1 != 0
    }

    const fn word(self, offset: i64) -> Word {
        Word { addr: UserAddr(self.entry().wrapping_add_signed(offset)), shared: true }
    }
}

impl Table {
    /// Marks every lock of the list at `head` that thread `tid` holds as left by its owner and wakes a waiter of
    /// each. Errors end it: the list is the program's. `memory` and `words` are the dying thread's own memory.
    pub fn exit_robust_list(&self, memory: &dyn UserMemory, words: &dyn Words, head: UserAddr, tid: u32) {
        // Nobody is left to be told.
        let _ = self.walk_robust_list(memory, words, head, tid);
    }

    fn walk_robust_list(
        &self,
        memory: &dyn UserMemory,
        words: &dyn Words,
        head_addr: UserAddr,
        tid: u32,
    ) -> Result<(), Errno> {
        let head: RobustListHead = UserPtr::new(head_addr).read(memory)?;
        let pending = Link(head.list_op_pending);
        let mut link = Link(head.list);
        let mut walked = Ok(());
        for _ in 0..ROBUST_LIST_LIMIT {
            if link.entry() == head_addr.0 {
                break;
            }
            // The next one first: the entry may be gone as soon as its lock is free.
            let next = UserPtr::<u64>::new(UserAddr(link.entry())).read(memory);
            if link.entry() != pending.entry() {
                abandon(words, link.word(head.futex_offset), tid, link.is_pi(), false)?;
            }
            match next {
                Ok(next) => link = Link(next),
                Err(errno) => {
                    walked = Err(errno);
                    break;
                }
            }
        }
        if pending.entry() != 0 {
            abandon(words, pending.word(head.futex_offset), tid, pending.is_pi(), true)?;
        }
        walked
    }
}

/// One lock. `is_pending`: it may be half taken or half released.
fn abandon(words: &dyn Words, word: Word, tid: u32, is_pi: bool, is_pending: bool) -> Result<(), Errno> {
    if !word.addr.0.is_multiple_of(4) {
        return Err(Errno::EINVAL);
    }
    let mut old = words.load(word.addr)?;
    loop {
        if is_pending && !is_pi && old == 0 {
            // Released, but the wake was still to come.
            words.wake(word)?;
            return Ok(());
        }
        if old & FUTEX_TID_MASK != tid {
            return Ok(());
        }
        let seen = words.compare_exchange(word.addr, old, old & FUTEX_WAITERS | FUTEX_OWNER_DIED)?;
        if seen == old {
            break;
        }
        old = seen;
    }
    if !is_pi && old & FUTEX_WAITERS != 0 {
        words.wake(word)?;
    }
    Ok(())
}
