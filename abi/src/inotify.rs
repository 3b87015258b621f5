//! Watching files: `inotify(7)`.

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

bitflags! {
    /// `IN_*`: events and flags of watches.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Event: u32 {
        /// Read or executed.
        const ACCESS = 0x1;
        /// Written or truncated.
        const MODIFY = 0x2;
        /// Attributes changed.
        const ATTRIB = 0x4;
        /// A writer closed.
        const CLOSE_WRITE = 0x8;
        /// Another one closed.
        const CLOSE_NOWRITE = 0x10;
        /// Opened.
        const OPEN = 0x20;
        /// A name left the directory.
        const MOVED_FROM = 0x40;
        /// A name came into the directory.
        const MOVED_TO = 0x80;
        /// A name was made in the directory.
        const CREATE = 0x100;
        /// A name was removed from the directory.
        const DELETE = 0x200;
        /// The watched object went.
        const DELETE_SELF = 0x400;
        /// The watched object was moved.
        const MOVE_SELF = 0x800;
        /// Its filesystem was unmounted.
        const UNMOUNT = 0x2000;
        /// Events were lost.
        const Q_OVERFLOW = 0x4000;
        /// The watch ended.
        const IGNORED = 0x8000;
        /// Watch directories only.
        const ONLYDIR = 0x0100_0000;
        /// Do not follow a link.
        const DONT_FOLLOW = 0x0200_0000;
        /// No events of children without a name.
        const EXCL_UNLINK = 0x0400_0000;
        /// Only a new watch.
        const MASK_CREATE = 0x1000_0000;
        /// Add to the mask of a watch.
        const MASK_ADD = 0x2000_0000;
        /// The subject is a directory.
        const ISDIR = 0x4000_0000;
        /// One event, then the watch ends.
        const ONESHOT = 0x8000_0000;
        const _ = !0;
    }
}

impl Event {
    /// All that can be watched for.
    pub const ALL: Self = Self::from_bits_retain(0xfff);
}

/// `struct inotify_event` without its name.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Header {
    /// Watch descriptor; -1 for an overflow.
    pub wd: i32,
    /// What happened.
    pub mask: u32,
    /// Connects the two events of a rename.
    pub cookie: u32,
    /// Bytes of the name that follow, zeros included.
    pub len: u32,
}
