//! Readiness events: `poll(2)`, `epoll_ctl(2)`.

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

bitflags! {
    /// Readiness of a file, the low bits shared by `poll` and `epoll`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Events: u32 {
        /// There is data to read.
        const IN = 0x001;
        /// There is urgent data to read.
        const PRI = 0x002;
        /// Writing will not block.
        const OUT = 0x004;
        /// An error condition.
        const ERR = 0x008;
        /// Hang up.
        const HUP = 0x010;
        /// The descriptor is not open.
        const NVAL = 0x020;
        /// Normal data may be read.
        const RDNORM = 0x040;
        /// Priority band data may be read.
        const RDBAND = 0x080;
        /// Writing now will not block.
        const WRNORM = 0x100;
        /// Priority data may be written.
        const WRBAND = 0x200;
        /// Something happened in a directory (`POLLMSG`, of signals only).
        const MSG = 0x400;
        /// Stream socket peer closed its writing half.
        const RDHUP = 0x2000;
    }
}

/// `struct pollfd`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct PollFd {
    /// Descriptor; a negative one is left out.
    pub fd: i32,
    /// Events asked for.
    pub events: u16,
    /// Events found.
    pub revents: u16,
}
