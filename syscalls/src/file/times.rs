//! `utime(2)`, `utimensat(2)`.

use super::path::{CWD, find};
use crate::arg::Fd;
use abi::Errno;
use abi::fs::{AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW};
use abi::time::{Timespec, Timeval};
use kernel::CurrentTask;
use mm::{UserPtr, UserStr};
use vfs::SetTime;

const UTIME_NOW: i64 = 0x3fff_ffff;
const UTIME_OMIT: i64 = 0x3fff_fffe;

/// Times to set: access, modification.
type Times = (Option<SetTime>, Option<SetTime>);
const NOW: Times = (Some(SetTime::Now), Some(SetTime::Now));

fn set(task: &CurrentTask, dir: Fd, path: UserStr, times: Times, flags: u32) -> Result<(), Errno> {
    // What is left as it is need not even exist, says utimensat(2).
    if times == (None, None) {
        return Ok(());
    }
    find(task, dir, path, flags)?.set_times(task.caller(), times.0, times.1)
}

fn from_timespec(time: Timespec) -> Result<Option<SetTime>, Errno> {
    match time.nsec {
        UTIME_NOW => Ok(Some(SetTime::Now)),
        UTIME_OMIT => Ok(None),
        0..=999_999_999 => Ok(Some(SetTime::At(time))),
        _ => Err(Errno::EINVAL),
    }
}

/// `utimensat(2)`; a null path is the descriptor itself.
pub(crate) fn utimensat(
    task: &mut CurrentTask,
    dir: Fd,
    path: UserStr,
    times: UserPtr<[Timespec; 2]>,
    flags: u32,
) -> Result<(), Errno> {
    let times = match times.optional() {
        None => NOW,
        Some(times) => {
            let [atime, mtime] = times.read(&**task.mm())?;
            (from_timespec(atime)?, from_timespec(mtime)?)
        }
    };
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    if !path.0.is_null() || dir == CWD {
        return set(task, dir, path, times, flags);
    }
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let file = task.fds().get(dir.0)?;
    file.place().set_times(task.caller(), times.0, times.1)
}

fn from_timeval(time: Timeval) -> Result<Option<SetTime>, Errno> {
    if !(0..1_000_000).contains(&time.usec) {
        return Err(Errno::EINVAL);
    }
    Ok(Some(SetTime::At(Timespec { sec: time.sec, nsec: time.usec * 1000 })))
}

/// `futimesat(2)`; a null path is the descriptor itself.
pub(crate) fn futimesat(
    task: &mut CurrentTask,
    dir: Fd,
    path: UserStr,
    times: UserPtr<[Timeval; 2]>,
) -> Result<(), Errno> {
    let times = match times.optional() {
        None => NOW,
        Some(times) => {
            let [atime, mtime] = times.read(&**task.mm())?;
            (from_timeval(atime)?, from_timeval(mtime)?)
        }
    };
    if path.0.is_null() && dir != CWD {
        let file = task.fds().get(dir.0)?;
        return file.place().set_times(task.caller(), times.0, times.1);
    }
    set(task, dir, path, times, 0)
}

/// `utimes(2)`.
pub(crate) fn utimes(task: &mut CurrentTask, path: UserStr, times: UserPtr<[Timeval; 2]>) -> Result<(), Errno> {
    futimesat(task, CWD, path, times)
}

/// `utime(2)`: whole seconds.
pub(crate) fn utime(task: &mut CurrentTask, path: UserStr, times: UserPtr<[i64; 2]>) -> Result<(), Errno> {
    let times = match times.optional() {
        None => NOW,
        Some(times) => {
            let [atime, mtime] = times.read(&**task.mm())?;
            let at = |sec| Some(SetTime::At(Timespec { sec, nsec: 0 }));
            (at(atime), at(mtime))
        }
    };
    set(task, CWD, path, times, 0)
}
