//! Files: `open(2)`, `stat(2)`, `fcntl(2)`.

use crate::time::Timespec;
use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

bitflags! {
    /// `O_*` of `open(2)`. The access mode is the low two bits: see [`OpenFlags::ACCMODE`].
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct OpenFlags: u32 {
        /// Write only.
        const WRONLY = 0o1;
        /// Read and write.
        const RDWR = 0o2;
        /// Mask of the access mode; the value 3 means "no access but ioctl".
        const ACCMODE = 0o3;
        /// Create the file if it does not exist.
        const CREAT = 0o100;
        /// With CREAT: it must not exist.
        const EXCL = 0o200;
        /// Do not make a terminal the controlling one.
        const NOCTTY = 0o400;
        /// Truncate to length 0.
        const TRUNC = 0o1000;
        /// Every write goes to the end.
        const APPEND = 0o2000;
        /// Never block.
        const NONBLOCK = 0o4000;
        /// Data integrity after each write.
        const DSYNC = 0o10000;
        /// Signal when ready.
        const ASYNC = 0o20000;
        /// Bypass the cache.
        const DIRECT = 0o40000;
        /// Ignored on 64 bits.
        const LARGEFILE = 0o100000;
        /// Must be a directory.
        const DIRECTORY = 0o200000;
        /// Do not follow a symbolic link at the end.
        const NOFOLLOW = 0o400000;
        /// Do not update the access time.
        const NOATIME = 0o1000000;
        /// Close on exec.
        const CLOEXEC = 0o2000000;
        /// File integrity after each write (with DSYNC).
        const SYNC = 0o4010000;
        /// A reference to the place only.
        const PATH = 0o10000000;
        /// An unnamed file (with DIRECTORY).
        const TMPFILE = 0o20000000;
        const _ = !0;
    }
}

/// File type bits of a mode: `S_IFMT`.
pub const S_IFMT: u32 = 0o170000;

/// Kind of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
#[expect(missing_docs, reason = "the names of inode(7)")]
pub enum FileType {
    Fifo = 0o010000,
    CharDevice = 0o020000,
    Directory = 0o040000,
    BlockDevice = 0o060000,
    Regular = 0o100000,
    Symlink = 0o120000,
    Socket = 0o140000,
}

impl FileType {
    /// The type in a mode's `S_IFMT` bits.
    pub const fn from_mode(mode: u32) -> Option<Self> {
        Some(match mode & S_IFMT {
            0o010000 => Self::Fifo,
            0o020000 => Self::CharDevice,
            0o040000 => Self::Directory,
            0o060000 => Self::BlockDevice,
            0o100000 => Self::Regular,
            0o120000 => Self::Symlink,
            0o140000 => Self::Socket,
            _ => return None,
        })
    }

    /// `DT_*` as `getdents64(2)` returns it.
    pub const fn to_dirent(self) -> u8 {
        (self as u32 >> 12) as u8
    }
}

/// `struct stat` of x86-64.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of stat(3type)")]
pub struct Stat {
    pub dev: u64,
    pub ino: u64,
    pub nlink: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub _pad0: u32,
    pub rdev: u64,
    pub size: i64,
    pub blksize: i64,
    pub blocks: i64,
    pub atime: Timespec,
    pub mtime: Timespec,
    pub ctime: Timespec,
    pub _reserved: [i64; 3],
}

/// `F_SEAL_SEAL` of `fcntl(2)`: no more seals.
pub const F_SEAL_SEAL: u32 = 1;
/// `F_SEAL_SHRINK`: the file cannot become smaller.
pub const F_SEAL_SHRINK: u32 = 2;
/// `F_SEAL_GROW`: the file cannot become larger.
pub const F_SEAL_GROW: u32 = 4;
/// `F_SEAL_WRITE`: contents cannot change.
pub const F_SEAL_WRITE: u32 = 8;
/// `F_SEAL_FUTURE_WRITE`: as WRITE, but mappings that exist may go on.
pub const F_SEAL_FUTURE_WRITE: u32 = 16;
/// `F_SEAL_EXEC`: the executable bits cannot change.
pub const F_SEAL_EXEC: u32 = 32;

/// The working directory instead of a descriptor: `AT_FDCWD`.
pub const AT_FDCWD: i32 = -100;
/// `AT_SYMLINK_NOFOLLOW`: do not follow a link at the end.
pub const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
/// `AT_REMOVEDIR` of `unlinkat(2)`: as rmdir.
pub const AT_REMOVEDIR: u32 = 0x200;
/// `AT_EACCESS` of `faccessat(2)`: with the effective ids.
pub const AT_EACCESS: u32 = 0x200;
/// `AT_SYMLINK_FOLLOW`: follow a link at the end.
pub const AT_SYMLINK_FOLLOW: u32 = 0x400;
/// `AT_NO_AUTOMOUNT`.
pub const AT_NO_AUTOMOUNT: u32 = 0x800;
/// `AT_EMPTY_PATH`: an empty path is the descriptor itself.
pub const AT_EMPTY_PATH: u32 = 0x1000;
/// `AT_STATX_SYNC_TYPE`: how fresh attributes must be.
pub const AT_STATX_SYNC_TYPE: u32 = 0x6000;

/// `struct open_how` of `openat2(2)`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of openat2(2)")]
pub struct OpenHow {
    pub flags: u64,
    pub mode: u64,
    pub resolve: u64,
}

/// `struct iovec`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Iovec {
    /// First byte.
    pub base: u64,
    /// Bytes.
    pub len: u64,
}

/// `struct statx_timestamp`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of statx(2)")]
pub struct StatxTimestamp {
    pub sec: i64,
    pub nsec: u32,
    pub _reserved: i32,
}

/// `struct statx`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of statx(2)")]
pub struct Statx {
    pub mask: u32,
    pub blksize: u32,
    pub attributes: u64,
    pub nlink: u32,
    pub uid: u32,
    pub gid: u32,
    pub mode: u16,
    pub _pad0: u16,
    pub ino: u64,
    pub size: u64,
    pub blocks: u64,
    pub attributes_mask: u64,
    pub atime: StatxTimestamp,
    pub btime: StatxTimestamp,
    pub ctime: StatxTimestamp,
    pub mtime: StatxTimestamp,
    pub rdev_major: u32,
    pub rdev_minor: u32,
    pub dev_major: u32,
    pub dev_minor: u32,
    pub mnt_id: u64,
    pub dio_mem_align: u32,
    pub dio_offset_align: u32,
    pub _spare: [u64; 12],
}

/// `struct flock` of `fcntl_locking(2)`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of fcntl_locking(2)")]
pub struct Flock {
    pub kind: i16,
    pub whence: i16,
    pub _pad0: u32,
    pub start: i64,
    pub len: i64,
    pub pid: i32,
    pub _pad1: u32,
}

/// `struct f_owner_ex` of `fcntl(2)`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of fcntl(2)")]
pub struct FOwnerEx {
    pub kind: i32,
    pub pid: i32,
}
