//! Futexes: `futex(2)`, `futex_waitv(2)`, `get_robust_list(2)`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `FUTEX_WAIT`.
pub const FUTEX_WAIT: u32 = 0;
/// `FUTEX_WAKE`.
pub const FUTEX_WAKE: u32 = 1;
/// `FUTEX_REQUEUE`.
pub const FUTEX_REQUEUE: u32 = 3;
/// `FUTEX_CMP_REQUEUE`.
pub const FUTEX_CMP_REQUEUE: u32 = 4;
/// `FUTEX_WAKE_OP`.
pub const FUTEX_WAKE_OP: u32 = 5;
/// `FUTEX_LOCK_PI`.
pub const FUTEX_LOCK_PI: u32 = 6;
/// `FUTEX_UNLOCK_PI`.
pub const FUTEX_UNLOCK_PI: u32 = 7;
/// `FUTEX_TRYLOCK_PI`.
pub const FUTEX_TRYLOCK_PI: u32 = 8;
/// `FUTEX_WAIT_BITSET`.
pub const FUTEX_WAIT_BITSET: u32 = 9;
/// `FUTEX_WAKE_BITSET`.
pub const FUTEX_WAKE_BITSET: u32 = 10;
/// `FUTEX_WAIT_REQUEUE_PI`.
pub const FUTEX_WAIT_REQUEUE_PI: u32 = 11;
/// `FUTEX_CMP_REQUEUE_PI`.
pub const FUTEX_CMP_REQUEUE_PI: u32 = 12;
/// `FUTEX_LOCK_PI2`: the timeout is on the monotonic clock.
pub const FUTEX_LOCK_PI2: u32 = 13;

/// The word is private to the address space.
pub const FUTEX_PRIVATE_FLAG: u32 = 128;
/// The timeout is on the real-time clock.
pub const FUTEX_CLOCK_REALTIME: u32 = 256;

/// Bits of a PI or robust word that hold the owner's thread id.
pub const FUTEX_TID_MASK: u32 = 0x3fff_ffff;
/// The owner died while it held the lock.
pub const FUTEX_OWNER_DIED: u32 = 0x4000_0000;
/// Somebody waits in the kernel.
pub const FUTEX_WAITERS: u32 = 0x8000_0000;

/// Matches every bit set.
pub const FUTEX_BITSET_MATCH_ANY: u32 = u32::MAX;

/// Most entries of a robust list that are looked at.
pub const ROBUST_LIST_LIMIT: usize = 2048;
/// Most words of one `futex_waitv`.
pub const FUTEX_WAITV_MAX: u32 = 128;

/// Size of the word, futex2 flags: one byte.
pub const FUTEX2_SIZE_U8: u32 = 0;
/// Two bytes.
pub const FUTEX2_SIZE_U16: u32 = 1;
/// Four bytes.
pub const FUTEX2_SIZE_U32: u32 = 2;
/// Eight bytes.
pub const FUTEX2_SIZE_U64: u32 = 3;
/// Mask of the size.
pub const FUTEX2_SIZE_MASK: u32 = 3;
/// Two words, the second a NUMA node.
pub const FUTEX2_NUMA: u32 = 4;
/// The word is private to the address space.
pub const FUTEX2_PRIVATE: u32 = 128;

/// `struct futex_waitv`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of futex_waitv(2)")]
pub struct FutexWaitv {
    pub val: u64,
    pub uaddr: u64,
    pub flags: u32,
    pub reserved: u32,
}

/// `struct robust_list_head`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RobustListHead {
    /// First entry; bit 0 set: a PI lock. The head itself when the list is empty.
    pub list: u64,
    /// From an entry to its word.
    pub futex_offset: i64,
    /// An entry that is being added or removed.
    pub list_op_pending: u64,
}
