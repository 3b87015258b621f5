//! Moving an object to the upper layer before it is changed.

use super::lower;
use super::node::{Link, Node};
use crate::tmpfs::{self, Object, Origin};
use abi::Errno;
use abi::fs::FileType;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use vfs::{Caller, Filesystem, Inode, LinkTarget, NewNode};

impl Node {
    /// The object of the upper layer, made from the lower one if there is none yet. Of a regular file only
    /// the first `size` bytes are wanted, if given.
    pub(super) fn copy_up(&self, caller: &Caller, size: Option<u64>) -> Result<&Arc<tmpfs::Node>, Errno> {
        if let Some(upper) = self.upper.get() {
            return Ok(upper);
        }
        // Directories above it first, from the top.
        let mut above = Vec::new();
        let mut link = self.link();
        while let Link::At(parent, _) = link {
            if parent.upper.get().is_some() {
                break;
            }
            link = parent.link();
            above.push(parent);
        }
        while let Some(dir) = above.pop() {
            dir.copy_one(caller, None)?;
        }
        self.copy_one(caller, size)
    }

    /// As [`Self::copy_up`] when the directory above has been copied.
    fn copy_one(&self, caller: &Caller, size: Option<u64>) -> Result<&Arc<tmpfs::Node>, Errno> {
        let _copying = self.copying.lock();
        if let Some(upper) = self.upper.get() {
            return Ok(upper);
        }
        let lower = self.lower.first().ok_or(Errno::EIO)?;
        let object = self.copy(caller, lower, size)?;
        let names = self.fs.names.lock();
        let key = self.key.unwrap_or((self.fs.upper.device(), object.ino));
        // It is new: nobody has set it.
        let _ = object.origin.set(Origin { ino: self.ino, key });
        let has_name = !self.is_removed.load(SeqCst) && self.fs.publish(self, &object)?;
        if !has_name {
            object.lose_name();
        }
        let upper = self.upper.get_or_init(|| object.node(&self.fs.upper));
        drop(names);
        if self.key.is_none() && has_name {
            self.fs.enter(key, self.me()?);
        }
        Ok(upper)
    }

    /// A copy of a lower object, without a place.
    fn copy(&self, caller: &Caller, lower: &Arc<dyn Inode>, size: Option<u64>) -> Result<Arc<Object>, Errno> {
        let attr = lower.attr()?;
        let target = match attr.kind {
            FileType::Symlink => match lower.read_link(caller)? {
                LinkTarget::Path(path) => path,
                _ => return Err(Errno::EIO),
            },
            _ => Vec::new(),
        };
        let node = NewNode { kind: attr.kind, mode: attr.mode, uid: attr.uid, gid: attr.gid, rdev: attr.rdev, target };
        let object = self.fs.upper.make(&node)?;
        if attr.kind == FileType::Regular {
            lower::copy_data(lower, object.content()?, attr.size.min(size.unwrap_or(u64::MAX)))?;
        }
        // A filesystem without attributes has none to copy.
        let names = lower.list_xattrs(caller).unwrap_or_default();
        object.copy_xattrs(&names, |name| lower.xattr(caller, name))?;
        object.set_times(attr.atime, attr.mtime);
        Ok(object)
    }
}
