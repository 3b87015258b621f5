//! Opening files: `open(2)`, `openat2(2)`.

use crate::create::{Slot, may_create, new_node};
use crate::dentry::Dentry;
use crate::device::Opened;
use crate::inode::{AttrChange, Inode};
use crate::notify::{self, Event};
use crate::open_file::OpenFile;
use crate::path_file::PathFile;
use crate::place::Place;
use crate::walk::{NAME_MAX, Resolve, Walk, Walker};
use abi::Errno;
use abi::fs::{F_SEAL_SHRINK, FileType, OpenFlags};
use abi::mount::MountFlags;
use std::sync::Arc;
use sync::Fail;

/// How to open: `struct open_how`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenHow {
    /// Access mode, creation and status flags.
    pub flags: OpenFlags,
    /// Permission bits of a file that is made; the umask is still to be applied.
    pub mode: u32,
    /// Restrictions of the walk.
    pub resolve: Resolve,
}

/// All flags that `open(2)` knows.
const VALID_FLAGS: OpenFlags = OpenFlags::from_bits_retain(0o37_777_703);
/// Flags that mean something with `O_PATH`.
const PATH_FLAGS: OpenFlags =
    OpenFlags::PATH.union(OpenFlags::DIRECTORY).union(OpenFlags::NOFOLLOW).union(OpenFlags::CLOEXEC);

/// Permission bits that an access mode and `O_TRUNC` need: 4 read, 2 write.
const fn wanted(flags: OpenFlags) -> u32 {
    let access = match flags.bits() & 3 {
        0 => 4,
        1 => 2,
        _ => 6,
    };
    if flags.contains(OpenFlags::TRUNC) { access | 2 } else { access }
}

impl OpenHow {
    /// As `open(2)` and `openat(2)` take it: what is not known is ignored.
    pub fn lenient(flags: OpenFlags, mode: u32) -> Self {
        let known = flags & VALID_FLAGS;
        let flags = if flags.contains(OpenFlags::PATH) { known & PATH_FLAGS } else { known | OpenFlags::LARGEFILE };
        Self { flags, mode: mode & 0o7777, resolve: Resolve::empty() }
    }

    /// Combinations that make no sense: `EINVAL`.
    pub fn check(&self) -> Result<(), Errno> {
        let flags = self.flags;
        if flags.contains(OpenFlags::PATH) {
            return Ok(());
        }
        if flags.contains(OpenFlags::TMPFILE) {
            let is_writer = matches!(flags.bits() & 3, 1 | 2);
            if !flags.contains(OpenFlags::DIRECTORY) || flags.contains(OpenFlags::CREAT) || !is_writer {
                return Err(Errno::EINVAL);
            }
        } else if flags.contains(OpenFlags::CREAT | OpenFlags::DIRECTORY) {
            return Err(Errno::EINVAL);
        }
        Ok(())
    }
}

impl Walk<'_> {
    /// Opens, and makes if asked to, the file that `path` names.
    pub fn open(&self, path: &[u8], how: &OpenHow) -> Result<Arc<OpenFile>, Fail> {
        how.check()?;
        let restricted;
        let walk = if how.resolve == self.resolve {
            self
        } else {
            restricted = self.clone().resolving(how.resolve);
            &restricted
        };
        let flags = how.flags;
        if flags.contains(OpenFlags::TMPFILE) && !flags.contains(OpenFlags::PATH) {
            let dir = walk.find(path, !flags.contains(OpenFlags::NOFOLLOW))?;
            return walk.open_unnamed(&dir, how);
        }
        if flags.contains(OpenFlags::CREAT) {
            return walk.open_or_make(path, how);
        }
        let place = walk.find(path, !flags.contains(OpenFlags::NOFOLLOW))?;
        walk.open_place(place, flags)
    }

    /// The way of `O_CREAT`.
    fn open_or_make(&self, path: &[u8], how: &OpenHow) -> Result<Arc<OpenFile>, Fail> {
        let flags = how.flags;
        let follow = !flags.intersects(OpenFlags::NOFOLLOW | OpenFlags::EXCL);
        let mut walker = Walker::new(self, path)?;
        loop {
            let last = walker.advance()?;
            let Some(name) = last.name(&walker) else {
                if walker.at.inode()?.kind() != FileType::Directory && !last.is_slashed {
                    // A magic link led straight to the file.
                    return self.open_place(walker.at, flags);
                }
                return Err(Errno::EISDIR.into());
            };
            if last.is_slashed {
                return Err(Errno::EISDIR.into());
            }
            match walker.lookup(name) {
                Ok(_) if flags.contains(OpenFlags::EXCL) => return Err(Errno::EEXIST.into()),
                Ok(found) if follow && found.is_symlink()? => walker.follow(&found)?,
                Ok(found) => {
                    let found = walker.place(found);
                    if found.inode()?.kind() == FileType::Directory {
                        return Err(Errno::EISDIR.into());
                    }
                    may_create_in_sticky(self, &walker.at, &found)?;
                    return self.open_place(found, flags);
                }
                Err(Errno::ENOENT) if walker.at.inode()?.takes_names() => {
                    let slot = Slot { dir: walker.at.clone(), name: name.to_vec() };
                    match self.open_new(&slot, how) {
                        // Somebody else was faster: it exists by now.
                        Err(Fail::Errno(Errno::EEXIST)) if !flags.contains(OpenFlags::EXCL) => {
                            let found = walker.lookup(&slot.name)?;
                            if follow && found.is_symlink()? {
                                walker.follow(&found)?;
                                continue;
                            }
                            return self.open_place(walker.place(found), flags);
                        }
                        other => return other,
                    }
                }
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Makes and opens a file; its own permission bits do not matter to the maker.
    fn open_new(&self, slot: &Slot, how: &OpenHow) -> Result<Arc<OpenFile>, Fail> {
        if slot.name.len() > NAME_MAX {
            return Err(Errno::ENAMETOOLONG.into());
        }
        slot.dir.check_writable()?;
        may_create(self.caller, &slot.dir)?;
        let place = self.make(slot, FileType::Regular, how.mode & 0o7777, 0, Vec::new())?;
        let file = self.open_checked(place, how.flags - OpenFlags::TRUNC)?;
        file.set_new();
        Ok(file)
    }

    /// A file without a name: `O_TMPFILE`.
    fn open_unnamed(&self, dir: &Place, how: &OpenHow) -> Result<Arc<OpenFile>, Fail> {
        let inode = dir.inode()?;
        if inode.kind() != FileType::Directory {
            return Err(Errno::ENOTDIR.into());
        }
        dir.check_writable()?;
        inode.permission(self.caller, 3)?;
        let node = new_node(self.caller, &inode.attr()?, FileType::Regular, how.mode & 0o7777, 0, Vec::new());
        let made = inode.create_unnamed(self.caller, &node)?;
        let name = format!("#{}", made.attr()?.ino);
        let dentry = Dentry::unnamed(&dir.dentry, made, name.as_bytes());
        let place = Place { mount: dir.mount.clone(), dentry };
        self.open_checked(place, how.flags - OpenFlags::DIRECTORY - OpenFlags::TRUNC)
    }

    /// Opens a program for execution: a regular file with execute permission on a mount that allows it
    /// (`EACCES`), that nobody writes to (`ETXTBSY`), nor can while it is open. `follow` a link at the end, else
    /// `ELOOP`.
    pub fn open_exec(&self, path: &[u8], follow: bool) -> Result<Arc<OpenFile>, Fail> {
        let place = self.find(path, follow)?;
        self.open_exec_place(place)
    }

    /// As [`Self::open_exec`] for a place that is known (`fexecve`).
    pub fn open_exec_place(&self, place: Place) -> Result<Arc<OpenFile>, Fail> {
        let inode = place.inode()?;
        match inode.kind() {
            FileType::Symlink => return Err(Errno::ELOOP.into()),
            FileType::Regular => {}
            _ => return Err(Errno::EACCES.into()),
        }
        if place.has_flag(MountFlags::NOEXEC) {
            return Err(Errno::EACCES.into());
        }
        inode.permission(self.caller, 1)?;
        // Whoever may execute needs no read permission; the kernel reads for them.
        let ops = inode.clone().open(self.caller, OpenFlags::empty())?;
        let file = OpenFile::new_program(ops, place)?;
        notify::on_file(&file, Event::OPEN);
        Ok(file)
    }

    /// Opens the object at a place, which was reached without following a link at the end.
    pub fn open_place(&self, place: Place, flags: OpenFlags) -> Result<Arc<OpenFile>, Fail> {
        let inode = place.inode()?;
        let kind = inode.kind();
        if flags.contains(OpenFlags::DIRECTORY) && kind != FileType::Directory {
            // A link that was not followed is no directory either.
            return Err(Errno::ENOTDIR.into());
        }
        if flags.contains(OpenFlags::PATH) {
            return Ok(OpenFile::new(Box::new(PathFile), place, flags));
        }
        let want = wanted(flags);
        match kind {
            FileType::Symlink => return Err(Errno::ELOOP.into()),
            FileType::Directory if want & 2 != 0 => return Err(Errno::EISDIR.into()),
            FileType::CharDevice | FileType::BlockDevice if place.has_flag(MountFlags::NODEV) => {
                return Err(Errno::EACCES.into());
            }
            _ => {}
        }
        let is_stored = matches!(kind, FileType::Regular | FileType::Directory);
        if want & 2 != 0 && is_stored && place.mount.filesystem().is_read_only() {
            return Err(Errno::EROFS.into());
        }
        inode.permission(self.caller, want)?;
        if flags.contains(OpenFlags::NOATIME) && !self.caller.creds.is_owner_or_capable(&inode.attr()?) {
            return Err(Errno::EPERM.into());
        }
        self.open_checked(place, flags)
    }

    /// Opens after all checks of rights.
    fn open_checked(&self, place: Place, flags: OpenFlags) -> Result<Arc<OpenFile>, Fail> {
        let inode = place.inode()?.clone();
        let file = match inode.kind() {
            FileType::Regular => self.open_regular(place, &inode, flags)?,
            _ if inode.opens_itself() => {
                let ops = inode.clone().open(self.caller, flags)?;
                OpenFile::new(ops, place, flags)
            }
            FileType::Directory => {
                let ops = inode.clone().open(self.caller, flags)?;
                OpenFile::new(ops, place, flags)
            }
            FileType::Fifo => {
                let ops = crate::fifo::open(self.caller, &inode, flags)?;
                OpenFile::new(ops, place, flags)
            }
            FileType::CharDevice | FileType::BlockDevice => self.open_device(place, &inode, flags)?,
            FileType::Socket => return Err(Errno::ENXIO.into()),
            FileType::Symlink => return Err(Errno::ELOOP.into()),
        };
        notify::on_file(&file, Event::OPEN);
        Ok(file)
    }

    fn open_regular(&self, place: Place, inode: &Arc<dyn Inode>, flags: OpenFlags) -> Result<Arc<OpenFile>, Fail> {
        let is_writer = matches!(flags.bits() & 3, 1 | 2);
        let is_change = is_writer || flags.contains(OpenFlags::TRUNC);
        if is_change {
            place.check_writable()?;
        }
        let is_shrunk = flags.contains(OpenFlags::TRUNC) && inode.attachments().is_sealed(F_SEAL_SHRINK);
        if is_shrunk && inode.attr()?.size > 0 {
            return Err(Errno::EPERM.into());
        }
        if is_change && !inode.attachments().start_write() {
            return Err(Errno::ETXTBSY.into());
        }
        let opened = self.open_counted(inode, flags);
        if is_change && (!is_writer || opened.is_err()) {
            inode.attachments().end_write();
        }
        let ops = opened?;
        Ok(if is_writer { OpenFile::new_writer(ops, place, flags) } else { OpenFile::new(ops, place, flags) })
    }

    fn open_counted(&self, inode: &Arc<dyn Inode>, flags: OpenFlags) -> Result<Box<dyn crate::File>, Fail> {
        let ops = inode.clone().open(self.caller, flags)?;
        if flags.contains(OpenFlags::TRUNC) {
            crate::attr::drop_capabilities(self.caller, inode)?;
            let mode = crate::attr::without_set_ids(self.caller, inode)?;
            inode.set_attr(self.caller, &AttrChange { size: Some(0), mode, ..AttrChange::default() })?;
            notify::on_inode(inode, Event::MODIFY);
        }
        Ok(ops)
    }

    fn open_device(&self, place: Place, inode: &Arc<dyn Inode>, flags: OpenFlags) -> Result<Arc<OpenFile>, Fail> {
        let rdev = inode.attr()?.rdev;
        let device = match inode.device() {
            Some(device) => device,
            None => place.mount.vfs()?.devices().find(inode.kind(), rdev)?,
        };
        Ok(match device.open(self.caller, &place, rdev, flags)? {
            Opened::File(ops) => OpenFile::new(ops, place, flags),
            Opened::Description(file) => file,
        })
    }
}

/// `fs.protected_fifos` and `fs.protected_regular` at 1: `O_CREAT` does not open what another user put
/// into a world-writable sticky directory. `EACCES`.
fn may_create_in_sticky(walk: &Walk<'_>, dir: &Place, found: &Place) -> Result<(), Errno> {
    let inode = found.inode()?;
    if !matches!(inode.kind(), FileType::Fifo | FileType::Regular) {
        return Ok(());
    }
    let dir = dir.inode()?.attr()?;
    if dir.mode & 0o1002 != 0o1002 {
        return Ok(());
    }
    let owner = inode.attr()?.uid;
    if owner == dir.uid || owner == walk.caller.creds.fsuid { Ok(()) } else { Err(Errno::EACCES) }
}
