//! Memory mappings: `mmap(2)`, `mprotect(2)`, `mremap(2)`, `madvise(2)`.

use bitflags::bitflags;

/// Bytes in a page.
pub const PAGE_SIZE: u64 = 4096;

bitflags! {
    /// Protection of a mapping: `PROT_*`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Prot: u32 {
        /// Pages may be read.
        const READ = 1;
        /// Pages may be written.
        const WRITE = 2;
        /// Pages may be executed.
        const EXEC = 4;
        /// `PROT_GROWSDOWN`.
        const GROWSDOWN = 0x0100_0000;
        /// `PROT_GROWSUP`.
        const GROWSUP = 0x0200_0000;
    }
}

bitflags! {
    /// Flags of `mmap(2)`: `MAP_*`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct MapFlags: u32 {
        /// Share updates.
        const SHARED = 0x01;
        /// Private copy on write.
        const PRIVATE = 0x02;
        /// Share, and refuse flags that are not known (both type bits).
        const SHARED_VALIDATE = 0x03;
        /// Place exactly at the address.
        const FIXED = 0x10;
        /// No file behind it.
        const ANONYMOUS = 0x20;
        /// Below 2 GiB.
        const BIT32 = 0x40;
        /// Grows towards lower addresses on a fault.
        const GROWSDOWN = 0x0100;
        /// Ignored.
        const DENYWRITE = 0x0800;
        /// Ignored.
        const EXECUTABLE = 0x1000;
        /// Lock the pages.
        const LOCKED = 0x2000;
        /// Do not reserve swap.
        const NORESERVE = 0x4000;
        /// Fault the pages in.
        const POPULATE = 0x8000;
        /// With POPULATE: do not block.
        const NONBLOCK = 0x1_0000;
        /// Used as a stack; a hint.
        const STACK = 0x2_0000;
        /// Huge pages.
        const HUGETLB = 0x4_0000;
        /// Synchronous page faults for DAX.
        const SYNC = 0x8_0000;
        /// FIXED that never replaces a mapping.
        const FIXED_NOREPLACE = 0x10_0000;
    }
}
