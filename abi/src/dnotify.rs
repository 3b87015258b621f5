//! Watching directories by signals: `F_NOTIFY` of `fcntl(2)`.

use bitflags::bitflags;

bitflags! {
    /// `DN_*`: what happens to the entries of a directory.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct DirEvents: u32 {
        /// One was read.
        const ACCESS = 0x1;
        /// One was written or truncated.
        const MODIFY = 0x2;
        /// One was made.
        const CREATE = 0x4;
        /// One was removed.
        const DELETE = 0x8;
        /// One got another name in the same directory.
        const RENAME = 0x10;
        /// Attributes of one changed.
        const ATTRIB = 0x20;
        /// Until told otherwise, not for one event only.
        const MULTISHOT = 0x8000_0000;
    }
}
