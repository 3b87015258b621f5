//! Objects of a filesystem.

use crate::caller::Caller;
use crate::file::File;
use crate::filesystem::Filesystem;
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use abi::time::Timespec;
use std::any::Any;
use std::sync::Arc;
use sync::Fail;

/// Attributes of an inode, as `statx(2)` shows them.
#[derive(Clone, Copy, Debug)]
pub struct Attr {
    /// Device number of the filesystem (Linux `dev_t` encoding of `stat`).
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Kind of object.
    pub kind: FileType,
    /// Permission bits, 0 to 0o7777.
    pub mode: u32,
    /// Hard links.
    pub nlink: u32,
    /// Owner, a kernel uid.
    pub uid: u32,
    /// Group, a kernel gid.
    pub gid: u32,
    /// Device number of a device node.
    pub rdev: u64,
    /// Bytes.
    pub size: u64,
    /// Preferred block size.
    pub blksize: u32,
    /// Blocks of 512 bytes in use.
    pub blocks: u64,
    /// Last access.
    pub atime: Timespec,
    /// Last change of data.
    pub mtime: Timespec,
    /// Last change of attributes.
    pub ctime: Timespec,
    /// Creation, where known.
    pub btime: Option<Timespec>,
}

/// A time to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetTime {
    /// The current time.
    Now,
    /// This time.
    At(Timespec),
}

/// Changes of attributes, all at once; `None` leaves one as it is. Permissions were checked, set-id bits
/// to be cleared are in `mode`.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "the names of Attr")]
pub struct AttrChange {
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub size: Option<u64>,
    pub atime: Option<SetTime>,
    pub mtime: Option<SetTime>,
}

/// A node to be made. `mode` has the umask applied; owner and group are decided (set-group-ID
/// directories included).
#[derive(Clone, Debug)]
pub struct NewNode {
    /// Kind of object.
    pub kind: FileType,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Device number, for device nodes.
    pub rdev: u64,
    /// Target, for symbolic links.
    pub target: Vec<u8>,
}

/// Where a link leads.
pub enum LinkTarget {
    /// A path to walk.
    Path(Vec<u8>),
    /// A magic link of /proc: straight to a place (`/proc/PID/cwd`) ...
    Place(crate::Place),
    /// ... or to an open file that need not have one (`/proc/PID/fd/3` of a pipe).
    File(Arc<crate::OpenFile>),
}

bitflags::bitflags! {
    /// `RENAME_*` of `renameat2(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct RenameFlags: u32 {
        /// Fail when the new name exists.
        const NOREPLACE = 1;
        /// Swap the two.
        const EXCHANGE = 2;
        /// Leave a whiteout.
        const WHITEOUT = 4;
    }
}

/// Whether `setxattr(2)` creates or replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XattrSet {
    /// Either.
    Any,
    /// It must not exist.
    Create,
    /// It must exist.
    Replace,
}

/// May the vfs keep what a directory says of a name?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CachePolicy {
    /// Only the sentry changes this directory: names, also absent ones, are kept until it does.
    Keep,
    /// Someone else may change it (a shared host directory): ask at every walk.
    Ask,
    /// Names come and go by themselves (/proc): never kept.
    Never,
}

/// An object of a filesystem: file, directory, link, device node, FIFO or socket name.
///
/// Methods do the filesystem's own work. Permissions, mount flags, limits, umask, the sticky bit and
/// locking of names are the vfs's: they were checked before, in Linux's order. Names are single
/// components, not empty, without `/`, not `.` or `..`, at most 255 bytes.
///
/// Directory methods default to `ENOTDIR`, modifying ones of directories to `EPERM`.
pub trait Inode: Any + Send + Sync {
    /// The filesystem that it belongs to.
    fn filesystem(&self) -> &dyn Filesystem;

    /// Kind of object; never changes.
    fn kind(&self) -> FileType;

    /// Current attributes.
    fn attr(&self) -> Result<Attr, Errno>;

    /// Changes attributes.
    fn set_attr(&self, caller: &Caller, change: &AttrChange) -> Result<(), Errno>;

    /// What the vfs hangs on the object: locks, FIFO buffer, bound socket, watches. One per object,
    /// however it was reached.
    fn attachments(&self) -> &crate::Attachments;

    /// Checks access beyond the permission bits (default), or instead of them.
    fn permission(&self, caller: &Caller, want: u32) -> Result<(), Errno> {
        // Root goes everywhere; most walks need no attributes then.
        let is_free = self.kind() == FileType::Directory || want & 1 == 0;
        if is_free && caller.creds.has_in_root(crate::Capability::DacOverride) {
            return Ok(());
        }
        caller.creds.may_access(&self.attr()?, want)
    }

    /// May names in this directory be kept?
    fn cache_policy(&self) -> CachePolicy {
        CachePolicy::Keep
    }

    /// May names be made here at all? Else who would make one that is not there hears of `ENOENT` (proc(5)).
    fn takes_names(&self) -> bool {
        true
    }

    /// Finds a name; `ENOENT`.
    fn lookup(&self, caller: &Caller, name: &[u8]) -> Result<Arc<dyn Inode>, Errno> {
        let _ = (caller, name);
        Err(Errno::ENOTDIR)
    }

    /// Makes a node; `EEXIST`.
    fn create(&self, caller: &Caller, name: &[u8], node: &NewNode) -> Result<Arc<dyn Inode>, Errno> {
        let _ = (caller, name, node);
        Err(Errno::EPERM)
    }

    /// Makes a regular file without a name in this directory's filesystem (`O_TMPFILE`).
    fn create_unnamed(&self, caller: &Caller, node: &NewNode) -> Result<Arc<dyn Inode>, Errno> {
        let _ = (caller, node);
        Err(Errno::EOPNOTSUPP)
    }

    /// Gives `target`, of the same filesystem, one more name.
    fn link(&self, caller: &Caller, name: &[u8], target: &Arc<dyn Inode>) -> Result<(), Errno> {
        let _ = (caller, name, target);
        Err(Errno::EPERM)
    }

    /// Removes the name of a non-directory.
    fn unlink(&self, caller: &Caller, name: &[u8]) -> Result<(), Errno> {
        let _ = (caller, name);
        Err(Errno::EPERM)
    }

    /// Removes an empty directory; `ENOTEMPTY`.
    fn rmdir(&self, caller: &Caller, name: &[u8]) -> Result<(), Errno> {
        let _ = (caller, name);
        Err(Errno::EPERM)
    }

    /// Moves `name` to `new_name` in `new_dir` of the same filesystem, replacing what is there as
    /// `rename(2)` says (kinds and emptiness are checked here).
    fn rename(
        &self,
        caller: &Caller,
        name: &[u8],
        new_dir: &Arc<dyn Inode>,
        new_name: &[u8],
        flags: RenameFlags,
    ) -> Result<(), Errno> {
        let _ = (caller, name, new_dir, new_name, flags);
        Err(Errno::EPERM)
    }

    /// The driver behind a device node, for nodes that bring their own (the terminals of a devpts
    /// instance); others are found by number.
    fn device(&self) -> Option<Arc<dyn crate::device::Device>> {
        None
    }

    /// [`Self::open`] is asked whatever the kind: a FIFO or device whose other end is the host's.
    fn opens_itself(&self) -> bool {
        false
    }

    /// Where a symbolic link leads; `EINVAL` for anything else.
    fn read_link(&self, caller: &Caller) -> Result<LinkTarget, Errno> {
        let _ = caller;
        Err(Errno::EINVAL)
    }

    /// Opens a regular file or directory. (Devices, FIFOs and sockets never get here.)
    /// `O_TRUNC` is done by the vfs with [`Self::set_attr`].
    fn open(self: Arc<Self>, caller: &Caller, flags: OpenFlags) -> Result<Box<dyn File>, Fail>;

    /// Seals (`F_SEAL_*`) are about to be added to those of the attachments; `EBUSY` when a mapping can
    /// write and writing is to be sealed.
    fn seal(&self, seals: u32) -> Result<(), Errno> {
        let _ = seals;
        Ok(())
    }

    /// Reads an extended attribute; `ENODATA`, `EOPNOTSUPP`.
    fn xattr(&self, caller: &Caller, name: &[u8]) -> Result<Vec<u8>, Errno> {
        let _ = (caller, name);
        Err(Errno::EOPNOTSUPP)
    }

    /// Names of the extended attributes, each ended by a zero byte.
    fn list_xattrs(&self, caller: &Caller) -> Result<Vec<u8>, Errno> {
        let _ = caller;
        Ok(Vec::new())
    }

    /// Sets an extended attribute.
    fn set_xattr(&self, caller: &Caller, name: &[u8], value: &[u8], how: XattrSet) -> Result<(), Errno> {
        let _ = (caller, name, value, how);
        Err(Errno::EOPNOTSUPP)
    }

    /// Removes an extended attribute.
    fn remove_xattr(&self, caller: &Caller, name: &[u8]) -> Result<(), Errno> {
        let _ = (caller, name);
        Err(Errno::EOPNOTSUPP)
    }
}
