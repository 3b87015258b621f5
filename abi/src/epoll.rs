//! Epoll: `epoll_ctl(2)`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Add a file.
pub const CTL_ADD: i32 = 1;
/// Remove a file.
pub const CTL_DEL: i32 = 2;
/// Change what is watched for.
pub const CTL_MOD: i32 = 3;
/// Wake one of several instances.
pub const EXCLUSIVE: u32 = 1 << 28;
/// Keep the system awake; ignored.
pub const WAKEUP: u32 = 1 << 29;
/// Disabled after one event.
pub const ONESHOT: u32 = 1 << 30;
/// Edge-triggered.
pub const ET: u32 = 1 << 31;

/// `struct epoll_event` of x86-64: 12 bytes, packed.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Event {
    /// Events and flags.
    pub events: u32,
    /// The program's own data, low half.
    pub data_low: u32,
    /// High half.
    pub data_high: u32,
}
