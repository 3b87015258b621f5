//! Making names: `mkdir(2)`, `mknod(2)`, `symlink(2)`, `link(2)`.

use crate::caller::Caller;
use crate::cred::Capability;
use crate::inode::{Attr, Inode, NewNode};
use crate::notify::{self, Event};
use crate::place::Place;
use crate::walk::{Last, NAME_MAX, Walk, Walker};
use abi::Errno;
use abi::fs::FileType;
use std::sync::Arc;

const S_ISGID: u32 = 0o2000;

/// A name that is to be made: its directory, and the name.
pub(crate) struct Slot {
    pub(crate) dir: Place,
    pub(crate) name: Vec<u8>,
}

impl Walk<'_> {
    /// Walks to the directory of the last component.
    pub(crate) fn to_parent(&self, path: &[u8]) -> Result<(Place, Last, Option<Vec<u8>>), Errno> {
        let mut walker = Walker::new(self, path)?;
        let last = walker.advance()?;
        let name = last.name(&walker).map(<[u8]>::to_vec);
        if walker.at.inode()?.kind() != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        Ok((walker.at, last, name))
    }

    /// The place of a name that must not exist yet: `EEXIST`; a slash behind it is for directories only.
    fn slot(&self, path: &[u8], is_dir: bool) -> Result<Slot, Errno> {
        let (dir, last, name) = self.to_parent(path)?;
        let name = name.ok_or(Errno::EEXIST)?;
        if name.len() > NAME_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        dir.inode()?.permission(self.caller, 1)?;
        match dir.dentry.lookup(self.caller, &name) {
            Ok(_) => return Err(Errno::EEXIST),
            Err(Errno::ENOENT) if dir.inode()?.takes_names() => {}
            Err(errno) => return Err(errno),
        }
        if last.is_slashed && !is_dir {
            return Err(Errno::ENOENT);
        }
        dir.check_writable()?;
        Ok(Slot { dir, name })
    }

    /// Makes a directory: `mkdir(2)`.
    pub fn make_dir(&self, path: &[u8], mode: u32) -> Result<Place, Errno> {
        let slot = self.slot(path, true)?;
        self.make(&slot, FileType::Directory, mode & 0o1777, 0, Vec::new())
    }

    /// Makes a file, FIFO, socket name or device node: `mknod(2)`.
    pub fn make_node(&self, path: &[u8], kind: FileType, mode: u32, rdev: u64) -> Result<Place, Errno> {
        let slot = self.slot(path, false)?;
        may_create(self.caller, &slot.dir)?;
        let is_device = matches!(kind, FileType::CharDevice | FileType::BlockDevice);
        if is_device
            && !(kind == FileType::CharDevice && rdev == 0)
            && !self.caller.creds.has_in_root(Capability::Mknod)
        {
            return Err(Errno::EPERM);
        }
        self.make(&slot, kind, mode & 0o7777, rdev, Vec::new())
    }

    /// Makes a symbolic link: `symlink(2)`.
    pub fn make_symlink(&self, path: &[u8], target: &[u8]) -> Result<Place, Errno> {
        if target.is_empty() {
            return Err(Errno::ENOENT);
        }
        let slot = self.slot(path, false)?;
        self.make(&slot, FileType::Symlink, 0o777, 0, target.to_vec())
    }

    /// Makes the node and its dentry. The mount is writable.
    pub(crate) fn make(
        &self,
        slot: &Slot,
        kind: FileType,
        mode: u32,
        rdev: u64,
        target: Vec<u8>,
    ) -> Result<Place, Errno> {
        let dentry = {
            let _names = slot.dir.dentry.lock_names();
            may_create(self.caller, &slot.dir)?;
            let inode = slot.dir.inode()?;
            let node = new_node(self.caller, &inode.attr()?, kind, mode, rdev, target);
            let made = inode.create(self.caller, &slot.name, &node)?;
            made.attachments().set_gives_nothing(true);
            slot.dir.dentry.add_child(&slot.name, made)
        };
        notify::in_directory(&slot.dir.dentry, &slot.name, Event::CREATE, kind == FileType::Directory);
        Ok(Place { mount: slot.dir.mount.clone(), dentry })
    }

    /// Gives the object at `from` one more name: `link(2)`.
    pub fn make_link(&self, from: &Place, path: &[u8]) -> Result<(), Errno> {
        let slot = self.slot(path, false)?;
        if !Arc::ptr_eq(&from.mount, &slot.dir.mount) {
            return Err(Errno::EXDEV);
        }
        let inode = from.inode()?;
        let attr = inode.attr()?;
        may_link(self.caller, inode, &attr)?;
        {
            let _names = slot.dir.dentry.lock_names();
            may_create(self.caller, &slot.dir)?;
            if attr.kind == FileType::Directory {
                return Err(Errno::EPERM);
            }
            slot.dir.inode()?.link(self.caller, &slot.name, inode)?;
            slot.dir.dentry.add_child(&slot.name, inode.clone());
        }
        notify::on_inode(inode, Event::ATTRIB);
        notify::in_directory(&slot.dir.dentry, &slot.name, Event::CREATE, false);
        Ok(())
    }
}

/// `ENOENT` in a directory that was removed, `EACCES` without the right to add names.
pub(crate) fn may_create(caller: &Caller, dir: &Place) -> Result<(), Errno> {
    if dir.dentry.is_deleted() {
        return Err(Errno::ENOENT);
    }
    dir.inode()?.permission(caller, 3)
}

/// Others' files that the caller could not use are not linked to: `fs.protected_hardlinks`. `EPERM`.
fn may_link(caller: &Caller, inode: &Arc<dyn Inode>, attr: &Attr) -> Result<(), Errno> {
    if caller.creds.is_owner_or_capable(attr) {
        return Ok(());
    }
    let is_special = attr.mode & 0o4000 != 0 || attr.mode & 0o2010 == 0o2010;
    if attr.kind != FileType::Regular || is_special || inode.permission(caller, 6).is_err() {
        return Err(Errno::EPERM);
    }
    Ok(())
}

/// A node to be made in a directory: umask, set-group-ID directories.
pub(crate) fn new_node(caller: &Caller, dir: &Attr, kind: FileType, mode: u32, rdev: u64, target: Vec<u8>) -> NewNode {
    let mut mode = if kind == FileType::Symlink { mode } else { mode & !caller.process.umask() };
    let mut gid = caller.creds.fsgid;
    if dir.mode & S_ISGID != 0 {
        gid = dir.gid;
        if kind == FileType::Directory {
            mode |= S_ISGID;
        } else if mode & 0o2010 == 0o2010 && !caller.creds.is_in_group(gid) && !caller.creds.has(Capability::Fsetid) {
            mode &= !S_ISGID;
        }
    }
    NewNode { kind, mode, uid: caller.creds.fsuid, gid, rdev, target }
}
