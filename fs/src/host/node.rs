//! Host objects.

use super::dir_file::DirFile;
use super::file::RegularFile;
use super::filesystem::HostFs;
use super::kept::{STALE, Slot};
use super::link::Link;
use super::listing::Listing;
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use host::file::{self, Access, At, Stat, Time};
use std::any::Any;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use sync::{Fail, Mutex, Rank};
use vfs::{
    Attachments, Attr, AttrChange, CachePolicy, Caller, File, Filesystem, Inode, LinkTarget, NewNode, RenameFlags,
    SetTime, XattrSet,
};

/// Takes name, inode number and (if known) kind of an entry.
pub(crate) type EachEntry<'a> = &'a mut dyn FnMut(&[u8], u64, Option<FileType>);

/// Longer targets of links are not kept.
const SHORT_TARGET: usize = 128;

/// A host object.
pub struct Node {
    pub(super) fs: Arc<HostFs>,
    me: Weak<Self>,
    /// Host device and inode number.
    pub(super) key: (u64, u64),
    kind: FileType,
    state: Mutex<State>,
    /// A file of an image that was found to be what its name said.
    is_checked: AtomicBool,
    /// A file of an image without `security.capability`, for which every exec looks.
    has_no_capabilities: AtomicBool,
    /// Its kept descriptor, once there was one.
    pub(super) slot: OnceLock<Arc<Slot<OwnedFd>>>,
    /// Names of a directory of an image, once they were read.
    listing: OnceLock<Arc<Slot<Listing>>>,
    /// Target of a link of an image, once it was read.
    target: OnceLock<Box<[u8]>>,
    attachments: Attachments,
}

struct State {
    link: Link,
    /// As last seen.
    attr: Attr,
    /// A descriptor of its own: of an open file while that lives, ...
    open: Weak<OwnedFd>,
    /// ... or for the node's life, when it has no name.
    pin: Option<Arc<OwnedFd>>,
}

impl Node {
    pub(super) fn new(
        fs: Arc<HostFs>,
        me: &Weak<Self>,
        key: (u64, u64),
        attr: Attr,
        place: Option<(&Arc<Self>, &[u8])>,
    ) -> Self {
        let link = place.map_or(Link::Root, |(parent, name)| Link::At(parent.clone(), Arc::from(name)));
        let state = State { link, attr, open: Weak::new(), pin: None };
        Self {
            fs,
            me: me.clone(),
            key,
            kind: attr.kind,
            state: Mutex::new(Rank::Leaf, state),
            is_checked: AtomicBool::new(false),
            has_no_capabilities: AtomicBool::new(false),
            slot: OnceLock::new(),
            listing: OnceLock::new(),
            target: OnceLock::new(),
            attachments: Attachments::default(),
        }
    }

    /// This node as others share it.
    pub(super) fn me(&self) -> Result<Arc<Self>, Errno> {
        self.me.upgrade().ok_or(STALE)
    }

    pub(super) fn is(&self, kind: FileType) -> bool {
        self.kind == kind
    }

    pub(super) fn link(&self) -> Link {
        self.state.lock().link.clone()
    }

    pub(super) fn set_link(&self, link: Link) {
        let old = std::mem::replace(&mut self.state.lock().link, link);
        drop(old);
    }

    /// It was found (again) at a place.
    pub(super) fn seen(&self, stat: &Stat, place: Option<(&Arc<Self>, &[u8])>) {
        let attr = self.fs.attr(stat);
        let mut old = None;
        {
            let mut state = self.state.lock();
            if let Ok(attr) = attr {
                state.attr = attr;
            }
            if let Some((parent, name)) = place {
                let is_same = matches!(&state.link, Link::At(dir, at) if Arc::ptr_eq(dir, parent) && &**at == name)
                    || matches!(&state.link, Link::Root);
                if !is_same {
                    old = Some(std::mem::replace(&mut state.link, Link::At(parent.clone(), Arc::from(name))));
                }
            }
        }
        drop(old);
    }

    /// Where its descriptor is kept.
    pub(super) fn slot(&self) -> &Arc<Slot<OwnedFd>> {
        self.slot.get_or_init(Slot::new)
    }

    /// The names of this directory, if they are kept.
    pub(super) fn listing(&self) -> Option<Arc<Listing>> {
        self.listing.get()?.value()
    }

    /// Keeps the names of this directory.
    pub(super) fn keep_listing(&self, listing: Listing) -> Arc<Listing> {
        self.listing.get_or_init(Slot::new).keep(Arc::new(listing))
    }

    /// A descriptor of its own.
    pub(super) fn pinned(&self) -> Option<Arc<OwnedFd>> {
        let state = self.state.lock();
        state.pin.clone().or_else(|| state.open.upgrade())
    }

    /// Keeps a descriptor for the node's life.
    pub(super) fn pin(&self, fd: Arc<OwnedFd>) {
        let old = self.state.lock().pin.replace(fd);
        drop(old);
    }

    /// Takes the parent out of a node that goes.
    pub(super) fn take_parent(&mut self) -> Option<Arc<Self>> {
        match std::mem::replace(&mut self.state.value_mut().link, Link::Gone) {
            Link::At(parent, _) => Some(parent),
            Link::Root | Link::Gone => None,
        }
    }

    /// The node of this filesystem behind an inode; `EXDEV` for that of another one.
    pub(super) fn of<'a>(&self, inode: &'a Arc<dyn Inode>) -> Result<&'a Self, Errno> {
        let any: &dyn Any = &**inode;
        let node = any.downcast_ref::<Self>().ok_or(Errno::EXDEV)?;
        if Arc::ptr_eq(&node.fs, &self.fs) { Ok(node) } else { Err(Errno::EXDEV) }
    }

    /// Makes calls by `call`; when the object's name turns out to be another's now, it is stale.
    pub(super) fn reach<T>(&self, call: impl FnOnce(At<'_>) -> Result<T, Errno>) -> Result<T, Errno> {
        let way = self.way()?;
        call(way.at())
    }

    pub(super) fn check_writable(&self) -> Result<(), Errno> {
        if self.fs.is_read_only() { Err(Errno::EROFS) } else { Ok(()) }
    }

    /// Attributes fresh from the host.
    fn fetch(&self) -> Result<Attr, Errno> {
        let stat = match self.reach(file::stat) {
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ESTALE) => return self.vanished(),
            other => other?,
        };
        if self.check(&stat).is_err() {
            return self.vanished();
        }
        let attr = self.fs.attr(&stat)?;
        self.state.lock().attr = attr;
        Ok(attr)
    }

    /// The object is no longer where it was seen: what is left is what was last known of it.
    fn vanished(&self) -> Result<Attr, Errno> {
        let mut attr = self.state.lock().attr;
        attr.nlink = 0;
        Ok(attr)
    }

    /// Opens by the name where there is one: that needs no procfs.
    fn open_by_name(&self, access: Access) -> Result<OwnedFd, Errno> {
        if let Link::At(parent, name) = self.link() {
            let opened = parent.directory().and_then(|dir| file::open_file(At::new(&*dir, &name), access));
            match opened {
                Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::ESTALE) if self.pinned().is_some() => {}
                other => return other,
            }
        }
        file::open_file(self.way()?.at(), access)
    }

    /// Opens the host's file, and makes sure that it is the one.
    pub(crate) fn open_host(&self, access: Access) -> Result<Arc<OwnedFd>, Errno> {
        if self.fs.is_frozen() {
            return self.open_image(access);
        }
        let fd = Arc::new(self.open_by_name(access)?);
        self.check(&file::stat(At::fd(&*fd))?)?;
        self.state.lock().open = Arc::downgrade(&fd);
        Ok(fd)
    }

    /// Opens a file of an image; its descriptor is kept: reads tell offsets, so all who open it can share one.
    fn open_image(&self, access: Access) -> Result<Arc<OwnedFd>, Errno> {
        if access != Access::Read {
            return Err(Errno::EROFS);
        }
        if let Some(fd) = self.slot.get().and_then(|slot| slot.value()) {
            return Ok(fd);
        }
        let fd = Arc::new(self.open_by_name(access)?);
        if !self.is_checked.load(Relaxed) {
            self.check_image(&file::stat(At::fd(&*fd))?)?;
        }
        Ok(self.slot().keep(fd))
    }

    /// Looks at a file of an image when it is opened for the first time. Somebody outside may have replaced it: the
    /// new one will do, if it is a file. `ESTALE`.
    fn check_image(&self, stat: &Stat) -> Result<(), Errno> {
        if FileType::from_mode(stat.mode) != Some(self.kind) {
            return Err(STALE);
        }
        self.is_checked.store(true, Relaxed);
        if let Ok(mut attr) = self.fs.attr(stat) {
            let mut state = self.state.lock();
            (attr.dev, attr.ino) = (state.attr.dev, state.attr.ino);
            state.attr = attr;
        }
        Ok(())
    }

    /// Names and attributes of a directory's entries, `.` and `..` left out.
    pub(crate) fn entries(&self, each: EachEntry<'_>) -> Result<(), Errno> {
        let fd = file::open_dir(self.way()?.at())?;
        file::read_dir(fd.as_fd(), &mut |entry| {
            if entry.name != b"." && entry.name != b".." {
                each(entry.name, entry.ino, entry.kind);
            }
            true
        })
    }

    /// Inode number of the parent directory, the root's own for the root.
    pub(super) fn parent_ino(&self) -> u64 {
        match self.link() {
            Link::At(parent, _) => parent.key.1,
            Link::Root | Link::Gone => self.key.1,
        }
    }

    fn set_size(&self, size: u64) -> Result<(), Errno> {
        let open = self.state.lock().open.upgrade();
        if let Some(fd) = open {
            match file::resize(fd.as_fd(), size) {
                // That one was opened for reading.
                Err(Errno::EINVAL | Errno::EBADF) => {}
                other => return other,
            }
        }
        let fd = self.open_by_name(Access::Write)?;
        self.check(&file::stat(At::fd(&fd))?)?;
        file::resize(fd.as_fd(), size)
    }
}

fn time(time: Option<SetTime>) -> Time {
    match time {
        None => Time::Omit,
        Some(SetTime::Now) => Time::Now,
        Some(SetTime::At(time)) => Time::At(time),
    }
}

impl Inode for Node {
    fn filesystem(&self) -> &dyn Filesystem {
        &*self.fs
    }

    fn kind(&self) -> FileType {
        self.kind
    }

    fn attr(&self) -> Result<Attr, Errno> {
        if self.fs.is_frozen() {
            return Ok(self.state.lock().attr);
        }
        self.fetch()
    }

    fn set_attr(&self, _caller: &Caller, change: &AttrChange) -> Result<(), Errno> {
        self.check_writable()?;
        if let Some(size) = change.size {
            self.set_size(size)?;
        }
        let way = self.way()?;
        let at = way.at();
        if change.uid.is_some() || change.gid.is_some() {
            file::chown(at, change.uid, change.gid)?;
        }
        if let Some(mode) = change.mode {
            file::chmod(at, mode)?;
        }
        if change.atime.is_some() || change.mtime.is_some() {
            file::set_times(at, time(change.atime), time(change.mtime))?;
        }
        Ok(())
    }

    fn attachments(&self) -> &Attachments {
        &self.attachments
    }

    fn cache_policy(&self) -> CachePolicy {
        self.fs.cache_policy()
    }

    fn lookup(&self, _caller: &Caller, name: &[u8]) -> Result<Arc<dyn Inode>, Errno> {
        Ok(self.find(name)?)
    }

    fn create(&self, _caller: &Caller, name: &[u8], node: &NewNode) -> Result<Arc<dyn Inode>, Errno> {
        self.check_writable()?;
        Ok(self.make(name, node)?)
    }

    fn create_unnamed(&self, _caller: &Caller, node: &NewNode) -> Result<Arc<dyn Inode>, Errno> {
        self.check_writable()?;
        Ok(self.make_unnamed(node)?)
    }

    fn link(&self, _caller: &Caller, name: &[u8], target: &Arc<dyn Inode>) -> Result<(), Errno> {
        self.check_writable()?;
        self.add_link(name, self.of(target)?)
    }

    fn unlink(&self, _caller: &Caller, name: &[u8]) -> Result<(), Errno> {
        self.check_writable()?;
        self.remove(name, false)
    }

    fn rmdir(&self, _caller: &Caller, name: &[u8]) -> Result<(), Errno> {
        self.check_writable()?;
        self.remove(name, true)
    }

    fn rename(
        &self,
        _caller: &Caller,
        name: &[u8],
        new_dir: &Arc<dyn Inode>,
        new_name: &[u8],
        flags: RenameFlags,
    ) -> Result<(), Errno> {
        self.check_writable()?;
        self.move_to(name, self.of(new_dir)?, new_name, flags)
    }

    fn read_link(&self, _caller: &Caller) -> Result<LinkTarget, Errno> {
        if self.kind != FileType::Symlink {
            return Err(Errno::EINVAL);
        }
        if let Some(target) = self.target.get() {
            return Ok(LinkTarget::Path(target.to_vec()));
        }
        let target = self.reach(file::read_link)?;
        if self.fs.is_frozen() && target.len() <= SHORT_TARGET {
            // Another thread may have been faster.
            let _ = self.target.set(target.as_slice().into());
        }
        Ok(LinkTarget::Path(target))
    }

    fn open(self: Arc<Self>, _caller: &Caller, flags: OpenFlags) -> Result<Box<dyn File>, Fail> {
        match self.kind {
            FileType::Directory => Ok(Box::new(DirFile::open(self)?)),
            FileType::Regular => {
                let wants_write = flags.bits() & 3 != 0;
                if wants_write {
                    self.check_writable()?;
                }
                let access = if wants_write { Access::ReadWrite } else { Access::Read };
                let fd = match self.open_host(access) {
                    // The file's own bits may let us write only.
                    Err(Errno::EACCES) if flags.bits() & 3 == 1 => self.open_host(Access::Write),
                    other => other,
                };
                Ok(Box::new(RegularFile::new(fd?)))
            }
            _ => Err(Errno::ENXIO.into()),
        }
    }

    fn xattr(&self, _caller: &Caller, name: &[u8]) -> Result<Vec<u8>, Errno> {
        check_xattr(name)?;
        let is_asked_often = name == b"security.capability" && self.fs.is_frozen();
        if is_asked_often && self.has_no_capabilities.load(Relaxed) {
            return Err(Errno::ENODATA);
        }
        let value = self.reach(|at| file::xattr(at, name));
        if is_asked_often && value == Err(Errno::ENODATA) {
            self.has_no_capabilities.store(true, Relaxed);
        }
        value
    }

    fn list_xattrs(&self, _caller: &Caller) -> Result<Vec<u8>, Errno> {
        let all = self.reach(file::list_xattrs)?;
        let known = all.split_inclusive(|&byte| byte == 0).filter(|name| check_xattr(name).is_ok());
        Ok(known.flatten().copied().collect())
    }

    fn set_xattr(&self, _caller: &Caller, name: &[u8], value: &[u8], how: XattrSet) -> Result<(), Errno> {
        self.check_writable()?;
        check_xattr(name)?;
        let flags = match how {
            XattrSet::Any => 0,
            XattrSet::Create => 1,
            XattrSet::Replace => 2,
        };
        self.reach(|at| file::set_xattr(at, name, value, flags))
    }

    fn remove_xattr(&self, _caller: &Caller, name: &[u8]) -> Result<(), Errno> {
        self.check_writable()?;
        check_xattr(name)?;
        self.reach(|at| file::remove_xattr(at, name))
    }
}

/// Attributes that mean the same in the sandbox as on the host. `EOPNOTSUPP`.
fn check_xattr(name: &[u8]) -> Result<(), Errno> {
    let is_known =
        name.starts_with(b"user.") || name.starts_with(b"trusted.") || name.starts_with(b"security.capability");
    if is_known { Ok(()) } else { Err(Errno::EOPNOTSUPP) }
}
