//! The handle of an object that the vfs holds.

use super::dir::Child;
use super::dir_file::DirFile;
use super::file::RegularFile;
use super::filesystem::Tmpfs;
use super::now;
use super::object::{Body, Object};
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use std::any::Any;
use std::sync::Arc;
use sync::Fail;
use vfs::{
    Attachments, Attr, AttrChange, Caller, File, Filesystem, Inode, LinkTarget, NewNode, RenameFlags, SetTime, XattrSet,
};

/// An object of an instance.
pub struct Node {
    pub(crate) fs: Arc<Tmpfs>,
    pub(crate) object: Arc<Object>,
}

impl Node {
    /// The handle of this filesystem behind an inode; `EXDEV` for that of another one.
    pub(crate) fn of<'a>(&self, inode: &'a Arc<dyn Inode>) -> Result<&'a Self, Errno> {
        let any: &dyn Any = &**inode;
        let node = any.downcast_ref::<Self>().ok_or(Errno::EXDEV)?;
        if Arc::ptr_eq(&node.fs, &self.fs) { Ok(node) } else { Err(Errno::EXDEV) }
    }
}

impl Object {
    /// Puts an object under a name that is free, in all layers if this is one: `EEXIST`, `ENOENT`.
    pub(crate) fn insert(&self, name: &[u8], object: &Arc<Self>) -> Result<(), Errno> {
        {
            let mut dir = self.dir()?.write();
            if dir.find(name).is_some() {
                return Err(Errno::EEXIST);
            }
            let old = dir.put(name, Child::Object(object.clone()))?;
            if old.is_some() {
                // A whiteout goes.
                self.budget().give_inodes(1);
            } else {
                dir.set_alone(name);
            }
        }
        if object.kind == FileType::Directory {
            object.set_parent_ino(self.ino);
            self.count_subdir(1);
        }
        self.touch();
        Ok(())
    }

    /// Changes attributes. Sizes are for regular files.
    pub(crate) fn change(&self, change: &AttrChange) -> Result<(), Errno> {
        if let Some(size) = change.size {
            let content = self.content()?;
            let _writers = content.lock_writers();
            content.resize(size)?;
        }
        let now = now();
        let time = |time| match time {
            SetTime::Now => now,
            SetTime::At(time) => time,
        };
        let mut meta = self.meta.lock();
        meta.mode = change.mode.map_or(meta.mode, |mode| mode & 0o7777);
        meta.uid = change.uid.unwrap_or(meta.uid);
        meta.gid = change.gid.unwrap_or(meta.gid);
        if change.size.is_some() {
            meta.mtime = now;
        }
        meta.atime = change.atime.map_or(meta.atime, time);
        meta.mtime = change.mtime.map_or(meta.mtime, time);
        meta.ctime = now;
        Ok(())
    }
}

impl Inode for Node {
    fn filesystem(&self) -> &dyn Filesystem {
        &*self.fs
    }

    fn kind(&self) -> FileType {
        self.object.kind
    }

    fn attr(&self) -> Result<Attr, Errno> {
        Ok(self.object.attr(self.fs.device()))
    }

    fn set_attr(&self, _caller: &Caller, change: &AttrChange) -> Result<(), Errno> {
        self.object.change(change)
    }

    fn attachments(&self) -> &Attachments {
        &self.object.attachments
    }

    fn lookup(&self, _caller: &Caller, name: &[u8]) -> Result<Arc<dyn Inode>, Errno> {
        let found = self.object.dir()?.read().find(name).cloned();
        Ok(found.ok_or(Errno::ENOENT)?.node(&self.fs))
    }

    fn create(&self, _caller: &Caller, name: &[u8], node: &NewNode) -> Result<Arc<dyn Inode>, Errno> {
        let object = self.fs.make(node)?;
        self.object.insert(name, &object)?;
        Ok(object.node(&self.fs))
    }

    fn create_unnamed(&self, _caller: &Caller, node: &NewNode) -> Result<Arc<dyn Inode>, Errno> {
        Ok(self.fs.make_unnamed(node)?.node(&self.fs))
    }

    fn link(&self, _caller: &Caller, name: &[u8], target: &Arc<dyn Inode>) -> Result<(), Errno> {
        let target = self.of(target)?;
        if target.object.kind == FileType::Directory {
            return Err(Errno::EPERM);
        }
        target.object.add_name()?;
        let result = self.object.insert(name, &target.object);
        if result.is_err() {
            target.object.drop_name();
        }
        result
    }

    fn unlink(&self, _caller: &Caller, name: &[u8]) -> Result<(), Errno> {
        let gone = {
            let mut dir = self.object.dir()?.write();
            let object = dir.find(name).ok_or(Errno::ENOENT)?;
            if object.kind == FileType::Directory {
                return Err(Errno::EISDIR);
            }
            object.drop_name();
            dir.take(name)
        };
        self.object.touch();
        drop(gone);
        Ok(())
    }

    fn rmdir(&self, _caller: &Caller, name: &[u8]) -> Result<(), Errno> {
        let gone = {
            let _renames = self.fs.renames.lock();
            let mut dir = self.object.dir()?.write();
            let object = dir.find(name).ok_or(Errno::ENOENT)?;
            object.bury()?;
            dir.take(name)
        };
        self.object.count_subdir(-1);
        self.object.touch();
        drop(gone);
        Ok(())
    }

    fn rename(
        &self,
        _caller: &Caller,
        name: &[u8],
        new_dir: &Arc<dyn Inode>,
        new_name: &[u8],
        flags: RenameFlags,
    ) -> Result<(), Errno> {
        let new_dir = self.of(new_dir)?;
        self.fs.rename((&self.object, name), (&new_dir.object, new_name), flags, false)
    }

    fn read_link(&self, _caller: &Caller) -> Result<LinkTarget, Errno> {
        match &self.object.body {
            Body::Symlink(target) => {
                self.object.accessed();
                Ok(LinkTarget::Path(target.to_vec()))
            }
            _ => Err(Errno::EINVAL),
        }
    }

    fn open(self: Arc<Self>, _caller: &Caller, _flags: OpenFlags) -> Result<Box<dyn File>, Fail> {
        match self.object.kind {
            FileType::Regular => Ok(Box::new(RegularFile::new(self.object.clone()))),
            FileType::Directory => Ok(Box::new(DirFile::new(self.object.clone(), Box::new(|object| object.ino)))),
            _ => Err(Errno::ENXIO.into()),
        }
    }

    fn seal(&self, seals: u32) -> Result<(), Errno> {
        self.object.content()?.seal(seals)
    }

    fn xattr(&self, _caller: &Caller, name: &[u8]) -> Result<Vec<u8>, Errno> {
        self.object.xattr(name)
    }

    fn list_xattrs(&self, caller: &Caller) -> Result<Vec<u8>, Errno> {
        Ok(self.object.xattr_names(caller))
    }

    fn set_xattr(&self, _caller: &Caller, name: &[u8], value: &[u8], how: XattrSet) -> Result<(), Errno> {
        self.object.set_xattr(name, value, how)
    }

    fn remove_xattr(&self, _caller: &Caller, name: &[u8]) -> Result<(), Errno> {
        self.object.remove_xattr(name)
    }
}
