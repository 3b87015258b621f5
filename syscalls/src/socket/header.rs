//! `struct msghdr` of `sendmsg(2)` and `recvmsg(2)`.

use crate::file::ranges;
use abi::Errno;
use abi::socket::{MsgHdr, UIO_MAXIOV};
use kernel::CurrentTask;
use mm::{UserAddr, UserPtr, UserSlice};

/// A header, its numbers checked.
pub(super) struct Header {
    /// Where the address is; null for none.
    pub(super) name: UserAddr,
    pub(super) namelen: i32,
    pub(super) ranges: Vec<UserSlice>,
    pub(super) control: UserAddr,
    pub(super) controllen: usize,
}

/// Reads a header and its ranges: `EFAULT`, `EINVAL`, `EMSGSIZE`.
pub(super) fn read(task: &CurrentTask, at: UserPtr<MsgHdr>) -> Result<Header, Errno> {
    let raw = at.read(&**task.mm())?;
    let name = UserAddr(raw.name);
    let namelen = if name.is_null() { 0 } else { raw.namelen };
    if namelen < 0 {
        return Err(Errno::EINVAL);
    }
    if raw.iovlen > UIO_MAXIOV as u64 {
        return Err(Errno::EMSGSIZE);
    }
    let ranges = ranges(task, UserAddr(raw.iov), raw.iovlen)?;
    let controllen = usize::try_from(raw.controllen).unwrap_or(usize::MAX);
    Ok(Header { name, namelen, ranges, control: UserAddr(raw.control), controllen })
}
