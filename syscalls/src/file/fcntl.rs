//! `fcntl(2)`.

use super::{locks, sigio};
use crate::arg::Fd;
use abi::Errno;
use abi::fs::OpenFlags;
use kernel::CurrentTask;
use mm::{UserAddr, UserPtr};
use std::sync::Arc;
use sync::Fail;
use vfs::{OpenFile, SETFL_MASK, splice};

const F_DUPFD: u32 = 0;
const F_GETFD: u32 = 1;
const F_SETFD: u32 = 2;
const F_GETFL: u32 = 3;
const F_SETFL: u32 = 4;
const F_GETLK: u32 = 5;
const F_SETLK: u32 = 6;
const F_SETLKW: u32 = 7;
const F_OFD_GETLK: u32 = 36;
const F_OFD_SETLK: u32 = 37;
const F_OFD_SETLKW: u32 = 38;
const F_SETLEASE: u32 = 1024;
const F_GETLEASE: u32 = 1025;
const F_NOTIFY: u32 = 1026;
const F_DUPFD_QUERY: u32 = 1027;
const F_CREATED_QUERY: u32 = 1028;
const F_DUPFD_CLOEXEC: u32 = 1030;
const F_SETPIPE_SZ: u32 = 1031;
const F_GETPIPE_SZ: u32 = 1032;
const F_ADD_SEALS: u32 = 1033;
const F_GET_SEALS: u32 = 1034;

const FD_CLOEXEC: u64 = 1;
const F_UNLCK: u64 = 2;

/// `fcntl(2)`.
pub(crate) fn fcntl(task: &mut CurrentTask, fd: Fd, command: u32, arg: u64) -> Result<u64, Fail> {
    let file = task.fds().get_any(fd.0)?;
    match command {
        F_DUPFD | F_DUPFD_CLOEXEC => return Ok(duplicate(task, file, arg, command == F_DUPFD_CLOEXEC)?),
        F_GETFD => return Ok(u64::from(task.fds().cloexec(fd.0)?)),
        F_SETFD => {
            task.fds().set_cloexec(fd.0, arg & FD_CLOEXEC != 0)?;
            return Ok(0);
        }
        F_GETFL => return Ok(u64::from(file.flags().bits())),
        F_DUPFD_QUERY => {
            let other = task.fds().get_any(arg as i32)?;
            return Ok(u64::from(Arc::ptr_eq(&file, &other)));
        }
        _ if file.is_path() => return Err(Errno::EBADF.into()),
        _ => {}
    }
    match command {
        F_SETFL => Ok(set_flags(task, fd, &file, arg).map(|()| 0)?),
        F_GETLK | F_OFD_GETLK => {
            locks::query(task, &file, command == F_OFD_GETLK, UserPtr::new(UserAddr(arg)))?;
            Ok(0)
        }
        F_SETLK | F_SETLKW | F_OFD_SETLK | F_OFD_SETLKW => {
            let is_ofd = matches!(command, F_OFD_SETLK | F_OFD_SETLKW);
            let wait = matches!(command, F_SETLKW | F_OFD_SETLKW);
            locks::set(task, fd, &file, is_ofd, wait, UserPtr::new(UserAddr(arg)))?;
            Ok(0)
        }
        F_SETLEASE if arg == F_UNLCK => Err(Errno::EAGAIN.into()),
        F_SETLEASE => Err(Errno::EAGAIN.into()),
        F_GETLEASE => Ok(F_UNLCK),
        F_CREATED_QUERY => Ok(u64::from(file.is_new())),
        F_NOTIFY => Ok(sigio::notify(task, fd.0, &file, arg).map(|()| 0)?),
        F_SETPIPE_SZ => {
            let pipe = splice::pipe_of(&file).ok_or(Errno::EBADF)?;
            Ok(pipe.set_capacity(task.caller(), arg as u32)? as u64)
        }
        F_GETPIPE_SZ => Ok(splice::pipe_of(&file).ok_or(Errno::EBADF)?.capacity() as u64),
        F_ADD_SEALS => Ok(file.add_seals(arg as u32).map(|()| 0)?),
        F_GET_SEALS => Ok(u64::from(file.seals()?)),
        _ => Ok(sigio::control(task, &file, command, arg)?),
    }
}

fn duplicate(task: &CurrentTask, file: Arc<OpenFile>, min: u64, cloexec: bool) -> Result<u64, Errno> {
    const RLIMIT_NOFILE: u32 = 7;
    let min = u32::try_from(min).ok().filter(|&min| u64::from(min) < task.caller().process.limit(RLIMIT_NOFILE));
    let min = min.ok_or(Errno::EINVAL)?;
    let reserved = task.fds().reserve(task.caller(), min, cloexec)?;
    Ok(reserved.install(file) as u64)
}

fn set_flags(task: &CurrentTask, fd: Fd, file: &Arc<OpenFile>, arg: u64) -> Result<(), Errno> {
    let flags = OpenFlags::from_bits_retain(arg as u32) & SETFL_MASK;
    let turns_on_noatime = flags.contains(OpenFlags::NOATIME) && !file.flags().contains(OpenFlags::NOATIME);
    if turns_on_noatime && !task.creds().is_owner_or_capable(&file.place().attr()?) {
        return Err(Errno::EPERM);
    }
    sigio::set_flags(task, fd.0, file, flags)
}
