//! `ioctl(2)`: the commands that every file has.

use super::{nsfs, sigio};
use crate::arg::Fd;
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use abi::ioctl::{
    FICLONE, FICLONERANGE, FIDEDUPERANGE, FIGETBSZ, FIOASYNC, FIOCLEX, FIONBIO, FIONCLEX, FIONREAD, FIOQSIZE,
    FS_IOC_FIEMAP,
};
use abi::socket::ioctl::{FIOGETOWN, FIOSETOWN, SIOCGPGRP, SIOCSPGRP};
use fs::proc::NamespaceFile;
use kernel::CurrentTask;
use mm::{UserAddr, UserPtr};
use sync::Fail;

/// `ioctl(2)`.
pub(crate) fn ioctl(task: &mut CurrentTask, fd: Fd, command: u32, arg: u64) -> Result<u64, Fail> {
    let file = task.fds().get(fd.0)?;
    let flag = || UserPtr::<i32>::new(UserAddr(arg)).read(&**task.mm()).map(|value| value != 0);
    match command {
        FIOCLEX | FIONCLEX => task.fds().set_cloexec(fd.0, command == FIOCLEX)?,
        FIONBIO => file.change_flags(OpenFlags::NONBLOCK, flag()?)?,
        FIOASYNC => {
            let mut flags = file.flags();
            flags.set(OpenFlags::ASYNC, flag()?);
            sigio::set_flags(task, fd.0, &file, flags)?;
        }
        FIOSETOWN | SIOCSPGRP if file.downcast::<net::Socket>().is_some() => {
            let id = UserPtr::<i32>::new(UserAddr(arg)).read(&**task.mm())?;
            sigio::set_owner(task, &file, id)?;
        }
        FIOGETOWN | SIOCGPGRP if file.downcast::<net::Socket>().is_some() => {
            UserPtr::new(UserAddr(arg)).give(&**task.mm(), &sigio::owner(task, &file))?;
        }
        FIONREAD if file.kind() == Some(FileType::Regular) => {
            let left = file.inode()?.attr()?.size.saturating_sub(file.offset());
            UserPtr::new(UserAddr(arg)).give(&**task.mm(), &(left as i32))?;
        }
        FIOQSIZE if matches!(file.kind(), Some(FileType::Regular | FileType::Directory)) => {
            UserPtr::new(UserAddr(arg)).give(&**task.mm(), &(file.inode()?.attr()?.size as i64))?;
        }
        FIGETBSZ if file.kind().is_some() => {
            UserPtr::new(UserAddr(arg)).give(&**task.mm(), &(file.inode()?.attr()?.blksize as i32))?;
        }
        FICLONE | FICLONERANGE | FIDEDUPERANGE | FS_IOC_FIEMAP if file.kind() == Some(FileType::Regular) => {
            return Err(Errno::EOPNOTSUPP.into());
        }
        _ => {
            if let Some(NamespaceFile(namespace)) = file.downcast::<NamespaceFile>() {
                return Ok(nsfs::control(task, namespace, command, arg)?);
            }
            let io = file.io(task.caller(), OpenFlags::empty());
            return file.ops.ioctl(&io, command, arg, &**task.mm());
        }
    }
    Ok(0)
}
