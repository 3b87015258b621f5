//! Changing attributes: `chmod(2)`, `chown(2)`, `utimensat(2)`, `truncate(2)`, `xattr(7)`.

use crate::caller::Caller;
use crate::cred::Capability;
use crate::filecaps;
use crate::inode::{Attr, AttrChange, Inode, SetTime, XattrSet};
use crate::notify::{self, Event};
use crate::open_file::OpenFile;
use crate::place::Place;
use abi::Errno;
use abi::fs::{F_SEAL_GROW, F_SEAL_SHRINK, F_SEAL_WRITE, FileType};
use std::sync::Arc;
use sync::Fail;

const RLIMIT_FSIZE: u32 = 1;
const SIGXFSZ: u8 = 25;
/// Most bytes of a file: `s_maxbytes`.
pub(crate) const MAX_SIZE: u64 = i64::MAX as u64;

/// Takes away the capabilities of a file whose contents or owner change (`capabilities(7)`, "File capabilities").
pub(crate) fn drop_capabilities(caller: &Caller, inode: &Arc<dyn Inode>) -> Result<(), Errno> {
    let attachments = inode.attachments();
    if attachments.gives_nothing() || inode.kind() != FileType::Regular {
        return Ok(());
    }
    if inode.xattr(caller, filecaps::NAME).is_ok() {
        inode.remove_xattr(caller, filecaps::NAME)?;
    }
    attachments.set_gives_nothing(true);
    Ok(())
}

/// The mode that a file has after someone without `CAP_FSETID` changed its contents; `None` when it stays.
pub(crate) fn without_set_ids(caller: &Caller, inode: &Arc<dyn Inode>) -> Result<Option<u32>, Errno> {
    if caller.creds.has_in_root(Capability::Fsetid) {
        return Ok(None);
    }
    Ok(dropped_set_ids(&inode.attr()?))
}

/// The mode without set-user-ID, and without set-group-ID when the group may execute.
fn dropped_set_ids(attr: &Attr) -> Option<u32> {
    let mut mode = attr.mode & !0o4000;
    if mode & 0o2010 == 0o2010 {
        mode &= !0o2000;
    }
    (mode != attr.mode && attr.kind != FileType::Directory).then_some(mode)
}

impl Place {
    /// Attributes.
    pub fn attr(&self) -> Result<Attr, Errno> {
        self.inode()?.attr()
    }

    fn change(&self, caller: &Caller, change: &AttrChange) -> Result<(), Errno> {
        let inode = self.inode()?;
        inode.set_attr(caller, change)?;
        if change.mode.is_some() || change.uid.is_some() || change.gid.is_some() {
            self.dentry.superblock().cache().changed();
        }
        notify::on_dentry(&self.dentry, Event::ATTRIB);
        Ok(())
    }

    /// Sets the permission bits: `chmod(2)`. `EROFS`, `EPERM`, `EOPNOTSUPP` for a link.
    pub fn set_mode(&self, caller: &Caller, mode: u32) -> Result<(), Errno> {
        self.check_writable()?;
        let attr = self.attr()?;
        if !caller.creds.is_owner_or_capable(&attr) {
            return Err(Errno::EPERM);
        }
        if attr.kind == FileType::Symlink {
            return Err(Errno::EOPNOTSUPP);
        }
        let mut mode = mode & 0o7777;
        if !caller.creds.is_in_group(attr.gid) && !caller.creds.has_over(&attr, Capability::Fsetid) {
            mode &= !0o2000;
        }
        self.change(caller, &AttrChange { mode: Some(mode), ..AttrChange::default() })
    }

    /// Sets owner and group: `chown(2)`. `EROFS`, `EPERM`.
    pub fn set_owner(&self, caller: &Caller, uid: Option<u32>, gid: Option<u32>) -> Result<(), Errno> {
        self.check_writable()?;
        let attr = self.attr()?;
        let creds = &caller.creds;
        let is_owner = creds.fsuid == attr.uid;
        let may_uid = uid.is_none_or(|uid| is_owner && uid == attr.uid);
        let may_gid = gid.is_none_or(|gid| is_owner && (gid == attr.gid || creds.is_in_group(gid)));
        let is_allowed = creds.has_over(&attr, Capability::Chown) || (may_uid && may_gid);
        if !is_allowed {
            return Err(Errno::EPERM);
        }
        drop_capabilities(caller, self.inode()?)?;
        self.change(caller, &AttrChange { uid, gid, mode: dropped_set_ids(&attr), ..AttrChange::default() })
    }

    /// Sets times; `None` leaves one as it is: `utimensat(2)`. `EROFS`, `EACCES`, `EPERM`.
    pub fn set_times(&self, caller: &Caller, atime: Option<SetTime>, mtime: Option<SetTime>) -> Result<(), Errno> {
        if atime.is_none() && mtime.is_none() {
            return Ok(());
        }
        self.check_writable()?;
        let attr = self.attr()?;
        let is_touch = atime == Some(SetTime::Now) && mtime == Some(SetTime::Now);
        if !caller.creds.is_owner_or_capable(&attr) {
            if !is_touch {
                return Err(Errno::EPERM);
            }
            self.inode()?.permission(caller, 2)?;
        }
        self.change(caller, &AttrChange { atime, mtime, ..AttrChange::default() })
    }

    /// Sets the length of a regular file by name: `truncate(2)`.
    pub fn truncate(&self, caller: &Caller, len: u64) -> Result<(), Errno> {
        let inode = self.inode()?;
        match inode.kind() {
            FileType::Regular => {}
            FileType::Directory => return Err(Errno::EISDIR),
            _ => return Err(Errno::EINVAL),
        }
        self.check_writable()?;
        inode.permission(caller, 2)?;
        if !inode.attachments().start_write() {
            return Err(Errno::ETXTBSY);
        }
        let result = set_size(caller, inode, len);
        inode.attachments().end_write();
        result
    }

    /// Reads an extended attribute.
    pub fn xattr(&self, caller: &Caller, name: &[u8]) -> Result<Vec<u8>, Errno> {
        let inode = self.inode()?;
        may_use_xattr(caller, inode, name, 4)?;
        let value = inode.xattr(caller, name)?;
        if name == filecaps::NAME { filecaps::shown(&caller.creds, &value) } else { Ok(value) }
    }

    /// Sets an extended attribute.
    pub fn set_xattr(&self, caller: &Caller, name: &[u8], value: &[u8], how: XattrSet) -> Result<(), Errno> {
        self.check_writable()?;
        let inode = self.inode()?;
        may_use_xattr(caller, inode, name, 2)?;
        if name == filecaps::NAME {
            let result = inode.set_xattr(caller, name, &filecaps::stored(&caller.creds, value)?, how);
            inode.attachments().set_gives_nothing(false);
            result?;
        } else {
            inode.set_xattr(caller, name, value, how)?;
        }
        self.dentry.superblock().cache().changed();
        notify::on_dentry(&self.dentry, Event::ATTRIB);
        Ok(())
    }

    /// Removes an extended attribute.
    pub fn remove_xattr(&self, caller: &Caller, name: &[u8]) -> Result<(), Errno> {
        self.check_writable()?;
        let inode = self.inode()?;
        may_use_xattr(caller, inode, name, 2)?;
        inode.remove_xattr(caller, name)?;
        self.dentry.superblock().cache().changed();
        notify::on_dentry(&self.dentry, Event::ATTRIB);
        Ok(())
    }
}

/// The rules of `xattr(7)`, "Extended attribute namespaces".
fn may_use_xattr(caller: &Caller, inode: &Arc<dyn Inode>, name: &[u8], want: u32) -> Result<(), Errno> {
    let is_write = want == 2;
    let refused = if is_write { Errno::EPERM } else { Errno::ENODATA };
    if name.starts_with(b"system.") {
        return Ok(());
    }
    if name.starts_with(b"security.") {
        let may_write = if name == filecaps::NAME {
            caller.creds.has_over(&inode.attr()?, Capability::Setfcap)
        } else {
            caller.creds.has_in_root(Capability::SysAdmin)
        };
        return if is_write && !may_write { Err(Errno::EPERM) } else { Ok(()) };
    }
    if name.starts_with(b"trusted.") {
        return if caller.creds.has_in_root(Capability::SysAdmin) { Ok(()) } else { Err(refused) };
    }
    if name.starts_with(b"user.") {
        let attr = inode.attr()?;
        if !matches!(attr.kind, FileType::Regular | FileType::Directory) {
            return Err(refused);
        }
        let is_sticky = attr.kind == FileType::Directory && attr.mode & 0o1000 != 0;
        if is_sticky && is_write && !caller.creds.is_owner_or_capable(&attr) {
            return Err(Errno::EPERM);
        }
    }
    inode.permission(caller, want)
}

/// Sets the size of a regular file: limits, seals, set-id bits.
fn set_size(caller: &Caller, inode: &Arc<dyn Inode>, len: u64) -> Result<(), Errno> {
    if len > MAX_SIZE {
        return Err(Errno::EFBIG);
    }
    let attr = inode.attr()?;
    let sealed = if len < attr.size { F_SEAL_SHRINK } else { F_SEAL_GROW };
    if len != attr.size && inode.attachments().is_sealed(sealed) {
        return Err(Errno::EPERM);
    }
    if len > attr.size {
        check_size_limit(caller, len)?;
    }
    drop_capabilities(caller, inode)?;
    let mode = without_set_ids(caller, inode)?;
    inode.set_attr(caller, &AttrChange { size: Some(len), mode, ..AttrChange::default() })?;
    notify::on_inode(inode, Event::MODIFY);
    Ok(())
}

/// `EFBIG` with `SIGXFSZ` for a file that would become larger than `RLIMIT_FSIZE`.
pub(crate) fn check_size_limit(caller: &Caller, size: u64) -> Result<(), Errno> {
    if size > caller.process.limit(RLIMIT_FSIZE) {
        caller.process.signal_self(SIGXFSZ);
        return Err(Errno::EFBIG);
    }
    Ok(())
}

/// The soft `RLIMIT_FSIZE`.
pub(crate) fn size_limit(caller: &Caller) -> u64 {
    caller.process.limit(RLIMIT_FSIZE).min(MAX_SIZE)
}

impl OpenFile {
    /// Sets the length: `ftruncate(2)`. `EINVAL` when not open for writing, or no regular file.
    pub fn truncate(self: &Arc<Self>, caller: &Caller, len: u64) -> Result<(), Errno> {
        let inode = self.inode()?;
        if inode.kind() != FileType::Regular || !self.is_writable() {
            return Err(Errno::EINVAL);
        }
        set_size(caller, inode, len)
    }

    /// `fallocate(2)`: `EBADF`, `EPERM` for seals, `ESPIPE`, `ENODEV`, `EFBIG`.
    pub fn allocate(self: &Arc<Self>, caller: &Caller, mode: u32, offset: u64, len: u64) -> Result<(), Fail> {
        const KEEP_SIZE: u32 = 1;
        const PUNCH_HOLE: u32 = 2;
        if !self.is_writable() {
            return Err(Errno::EBADF.into());
        }
        let inode = self.inode()?;
        match inode.kind() {
            FileType::Regular => {}
            FileType::Fifo => return Err(Errno::ESPIPE.into()),
            FileType::Directory => return Err(Errno::EISDIR.into()),
            _ => return Err(Errno::ENODEV.into()),
        }
        let end = offset.checked_add(len).filter(|&end| end <= MAX_SIZE).ok_or(Errno::EFBIG)?;
        if mode & PUNCH_HOLE != 0 && inode.attachments().is_sealed(F_SEAL_WRITE) {
            return Err(Errno::EPERM.into());
        }
        if mode & KEEP_SIZE == 0 {
            let size = inode.attr()?.size;
            if end > size && inode.attachments().is_sealed(F_SEAL_GROW) {
                return Err(Errno::EPERM.into());
            }
            if end > size {
                check_size_limit(caller, end)?;
            }
        }
        self.ops.allocate(&self.io(caller, abi::fs::OpenFlags::empty()), mode, offset, len)
    }
}
