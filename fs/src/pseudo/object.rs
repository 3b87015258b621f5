//! What an object of a pseudo filesystem can do.

use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use std::any::Any;
use std::sync::Arc;
use sync::Fail;
use vfs::{Attr, AttrChange, CachePolicy, Caller, File, Inode, LinkTarget};

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub name: Vec<u8>,
    /// Kind of object.
    pub kind: FileType,
    /// Inode number; `None` for the one that follows from the name.
    pub ino: Option<u64>,
    /// Its place in the order of the directory; above 0, ascending, stable while other entries come and go.
    pub key: u64,
}

/// What a lookup finds.
pub enum Child {
    /// An object of code.
    Object(Box<dyn Object>),
    /// An inode that exists already.
    Inode(Arc<dyn Inode>),
}

impl<T: Object> From<Box<T>> for Child {
    fn from(object: Box<T>) -> Self {
        Self::Object(object)
    }
}

impl From<Box<dyn Object>> for Child {
    fn from(object: Box<dyn Object>) -> Self {
        Self::Object(object)
    }
}

/// A file, directory or link made of code. Permissions were checked; each method serves one kind and defaults
/// to what Linux returns for the others.
pub trait Object: Any + Send + Sync {
    /// Kind of object.
    fn kind(&self) -> FileType;

    /// Permission bits.
    fn mode(&self) -> u32;

    /// Owner and group, kernel ids.
    fn owner(&self) -> (u32, u32) {
        (0, 0)
    }

    /// Inode number; `None` for the one that follows from the name.
    fn ino(&self) -> Option<u64> {
        None
    }

    /// Size as `stat(2)` shows it.
    fn size(&self) -> u64 {
        0
    }

    /// Device number of a device node.
    fn rdev(&self) -> u64 {
        0
    }

    /// Changes attributes. Truncation and times pass without effect; owners and modes are the code's.
    fn set_attr(&self, caller: &Caller, change: &AttrChange) -> Result<(), Errno> {
        let _ = caller;
        if change.mode.is_some() || change.uid.is_some() || change.gid.is_some() {
            return Err(Errno::EPERM);
        }
        Ok(())
    }

    /// Hard links.
    fn links(&self) -> u32 {
        if self.kind() == FileType::Directory { 2 } else { 1 }
    }

    /// May the names of this directory be kept?
    fn cache_policy(&self) -> CachePolicy {
        CachePolicy::Keep
    }

    /// Finds an entry; `ENOENT`.
    fn lookup(&self, caller: &Caller, name: &[u8]) -> Result<Child, Errno> {
        let _ = (caller, name);
        Err(Errno::ENOTDIR)
    }

    /// Some entries with keys above `after`, ascending; none at the end.
    fn list(&self, caller: &Caller, after: u64) -> Result<Vec<Name>, Errno> {
        let _ = (caller, after);
        Err(Errno::ENOTDIR)
    }

    /// Where a link leads.
    fn target(&self, caller: &Caller) -> Result<LinkTarget, Errno> {
        let _ = caller;
        Err(Errno::EINVAL)
    }

    /// Checks access; by the permission bits unless the object knows better.
    fn permission(&self, caller: &Caller, attr: &Attr, want: u32) -> Result<(), Errno> {
        caller.creds.may_access(attr, want)
    }

    /// An open file of its own making; `None` for the usual one. Refuses here what the bits do not.
    fn open(&self, caller: &Caller, flags: OpenFlags) -> Result<Option<Box<dyn File>>, Fail> {
        let _ = (caller, flags);
        Ok(None)
    }

    /// The content of a text file, made anew.
    fn text(&self, caller: &Caller) -> Result<Vec<u8>, Errno> {
        let _ = caller;
        Err(Errno::EINVAL)
    }

    /// Stores what one `write(2)` brought.
    fn store(&self, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
        let _ = (caller, bytes);
        Err(Errno::EINVAL)
    }
}
