//! Attributes.

use super::at::At;
use super::{errno, retry};
use abi::Errno;
use abi::time::Timespec;
use rustix::fs::{Gid, Statx, StatxFlags, StatxTimestamp, Timestamps, Uid};
use std::os::fd::BorrowedFd;

/// Attributes of an object, as `statx(2)` tells them.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names of stat(3type)")]
pub struct Stat {
    pub dev: u64,
    pub ino: u64,
    /// Kind and permission bits.
    pub mode: u32,
    pub nlink: u32,
    pub uid: u32,
    pub gid: u32,
    pub rdev: u64,
    pub size: u64,
    pub blksize: u32,
    pub blocks: u64,
    pub atime: Timespec,
    pub mtime: Timespec,
    pub ctime: Timespec,
    pub btime: Option<Timespec>,
}

/// Figures of a filesystem: `statfs(2)`.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names of statfs(2)")]
pub struct FsStat {
    pub magic: u64,
    pub bsize: u64,
    pub blocks: u64,
    pub bfree: u64,
    pub bavail: u64,
    pub files: u64,
    pub ffree: u64,
    pub namelen: u64,
}

/// A time to set.
#[derive(Clone, Copy, Debug)]
pub enum Time {
    /// Leave it.
    Omit,
    /// The host's present.
    Now,
    /// This.
    At(Timespec),
}

/// Attributes of what is at `at`.
pub fn stat(at: At<'_>) -> Result<Stat, Errno> {
    let mask = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    let stat = rustix::fs::statx(at.fd, at.name, at.flags(), mask).map_err(errno)?;
    Ok(from_statx(&stat))
}

fn from_statx(stat: &Statx) -> Stat {
    let time = |time: StatxTimestamp| Timespec { sec: time.tv_sec, nsec: i64::from(time.tv_nsec) };
    let has_btime = stat.stx_mask & StatxFlags::BTIME.bits() != 0;
    Stat {
        dev: rustix::fs::makedev(stat.stx_dev_major, stat.stx_dev_minor),
        ino: stat.stx_ino,
        mode: u32::from(stat.stx_mode),
        nlink: stat.stx_nlink,
        uid: stat.stx_uid,
        gid: stat.stx_gid,
        rdev: rustix::fs::makedev(stat.stx_rdev_major, stat.stx_rdev_minor),
        size: stat.stx_size,
        blksize: stat.stx_blksize,
        blocks: stat.stx_blocks,
        atime: time(stat.stx_atime),
        mtime: time(stat.stx_mtime),
        ctime: time(stat.stx_ctime),
        btime: has_btime.then(|| time(stat.stx_btime)),
    }
}

/// Changes the permission bits (not of symbolic links: `EOPNOTSUPP`).
pub fn chmod(at: At<'_>, mode: u32) -> Result<(), Errno> {
    match fchmodat2(at, mode) {
        Err(Errno::ENOSYS) => {}
        other => return other,
    }
    // Before Linux 6.6: by way of a descriptor, for the plain call follows links.
    let pin;
    let mut at = at;
    if !at.name.is_empty() {
        pin = super::open_path(at)?;
        at = At::fd(&pin);
    }
    if stat(at)?.mode & abi::fs::S_IFMT == abi::fs::FileType::Symlink as u32 {
        return Err(Errno::EOPNOTSUPP);
    }
    rustix::fs::chmodat(
        rustix::fs::CWD,
        at.proc_path(),
        rustix::fs::Mode::from_raw_mode(mode),
        rustix::fs::AtFlags::empty(),
    )
    .map_err(errno)
}

fn fchmodat2(at: At<'_>, mode: u32) -> Result<(), Errno> {
    const SYS_FCHMODAT2: libc::c_long = 452;
    let name = std::ffi::CString::new(at.name).map_err(|_| Errno::EINVAL)?;
    // SAFETY: a descriptor that is borrowed, a C string that outlives the call, and two numbers.
    let result = unsafe {
        use std::os::fd::AsRawFd;
        libc::syscall(SYS_FCHMODAT2, at.fd.as_raw_fd(), name.as_ptr(), mode, at.flags().bits())
    };
    if result == 0 {
        return Ok(());
    }
    Err(errno(rustix::io::Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(rustix::io::Errno::IO)))
}

/// Changes owner and group; `None` leaves one.
pub fn chown(at: At<'_>, uid: Option<u32>, gid: Option<u32>) -> Result<(), Errno> {
    // All ones would mean "leave it" to the host.
    if uid == Some(u32::MAX) || gid == Some(u32::MAX) {
        return Err(Errno::EINVAL);
    }
    rustix::fs::chownat(at.fd, at.name, uid.map(Uid::from_raw), gid.map(Gid::from_raw), at.flags()).map_err(errno)
}

/// Changes the times of access and of data.
pub fn set_times(at: At<'_>, atime: Time, mtime: Time) -> Result<(), Errno> {
    const UTIME_NOW: i64 = 0x3fff_ffff;
    const UTIME_OMIT: i64 = 0x3fff_fffe;
    let time = |time: Time| match time {
        Time::Omit => rustix::fs::Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        Time::Now => rustix::fs::Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
        Time::At(time) => rustix::fs::Timespec { tv_sec: time.sec, tv_nsec: time.nsec },
    };
    let times = Timestamps { last_access: time(atime), last_modification: time(mtime) };
    rustix::fs::utimensat(at.fd, at.name, &times, at.flags()).map_err(errno)
}

/// Figures of the filesystem that `fd` is on.
pub fn stat_fs(fd: BorrowedFd<'_>) -> Result<FsStat, Errno> {
    let stat = retry(|| rustix::fs::fstatfs(fd))?;
    Ok(FsStat {
        magic: stat.f_type as u64,
        bsize: stat.f_bsize as u64,
        blocks: stat.f_blocks,
        bfree: stat.f_bfree,
        bavail: stat.f_bavail,
        files: stat.f_files,
        ffree: stat.f_ffree,
        namelen: stat.f_namelen as u64,
    })
}
