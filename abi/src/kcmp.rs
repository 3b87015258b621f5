//! `<linux/kcmp.h>`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct kcmp_epoll_slot`: what an epoll instance watches.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct EpollSlot {
    /// Descriptor of the instance.
    pub efd: u32,
    /// Descriptor that it watches.
    pub tfd: u32,
    /// Which of several files that were open by that descriptor.
    pub toff: u32,
}
