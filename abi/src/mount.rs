//! Mounts: `mount(2)`, `umount2(2)`, `statfs(2)`, `statx(2)` mount attributes.

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

bitflags! {
    /// `MS_*` of `mount(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct MountFlags: u64 {
        /// Nothing can be changed through the mount.
        const RDONLY = 1;
        /// Set-id bits and file capabilities do not count.
        const NOSUID = 2;
        /// Device nodes cannot be opened.
        const NODEV = 4;
        /// Programs cannot be executed.
        const NOEXEC = 8;
        /// Writes are synchronous.
        const SYNCHRONOUS = 16;
        /// Change the flags of an existing mount.
        const REMOUNT = 32;
        /// Directory changes are synchronous.
        const DIRSYNC = 128;
        /// Symbolic links are not followed.
        const NOSYMFOLLOW = 256;
        /// Access times do not change.
        const NOATIME = 1024;
        /// Access times of directories do not change.
        const NODIRATIME = 2048;
        /// Make a directory tree visible at a second place.
        const BIND = 4096;
        /// Move a mount.
        const MOVE = 8192;
        /// With BIND or a propagation type: mounts below too.
        const REC = 16384;
        /// Less kernel messages.
        const SILENT = 32768;
        /// Ignored.
        const POSIXACL = 1 << 16;
        /// Cannot be bind-mounted.
        const UNBINDABLE = 1 << 17;
        /// No propagation.
        const PRIVATE = 1 << 18;
        /// Receives propagation.
        const SLAVE = 1 << 19;
        /// Propagates both ways.
        const SHARED = 1 << 20;
        /// Access times change when older than the others.
        const RELATIME = 1 << 21;
        /// Ignored.
        const I_VERSION = 1 << 23;
        /// Access times always change.
        const STRICTATIME = 1 << 24;
        /// Time updates are kept in memory.
        const LAZYTIME = 1 << 25;
    }
}

bitflags! {
    /// Flags of `umount2(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct UmountFlags: u32 {
        /// Even when busy, for filesystems that know it.
        const FORCE = 1;
        /// Take it out of the tree now; it ends when its last user goes.
        const DETACH = 2;
        /// Only when not used since the last such call.
        const EXPIRE = 4;
        /// Do not follow a symbolic link at the end.
        const NOFOLLOW = 8;
    }
}

/// `struct ustat` of x86-64.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of ustat(2)")]
pub struct Ustat {
    pub tfree: i32,
    pub pad: u32,
    pub tinode: u64,
    pub fname: [u8; 6],
    pub fpack: [u8; 6],
    pub pad2: u32,
}

/// `struct statfs` of x86-64.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of statfs(2)")]
pub struct StatfsBuf {
    pub magic: u64,
    pub bsize: u64,
    pub blocks: u64,
    pub bfree: u64,
    pub bavail: u64,
    pub files: u64,
    pub ffree: u64,
    pub fsid: [u32; 2],
    pub namelen: u64,
    pub frsize: u64,
    pub flags: u64,
    pub spare: [u64; 4],
}
