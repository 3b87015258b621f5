//! The virtual filesystem: what every file and filesystem has in common.
//!
//! Above `mm`, below `net` and `kernel`; knows nothing of tasks: a [`Caller`] stands for the one who asks.
//! - [`Inode`]: an object of a filesystem; [`Filesystem`]: the whole of one.
//! - [`File`]: the operations of an open file; [`OpenFile`]: an open file description; [`FdTable`].
//! - [`Dentry`], [`Mount`], [`Place`]: names; [`Walk`]: from paths to places, and what is done there.
//! - [`Vfs`]: what all mount namespaces of a sandbox share; [`MountNamespace`], [`FsContext`].
//! - [`Caller`], [`Credentials`], [`ProcessView`]: who asks and with what rights.
#![forbid(unsafe_code)]

mod anon;
mod attachments;
mod attr;
mod cache;
mod caller;
mod context;
mod create;
mod cred;
mod dentry;
mod device;
mod dnotify;
mod epoll;
mod eventfd;
mod fd;
mod fifo;
mod file;
mod filecaps;
mod filesystem;
mod hash;
mod inode;
mod inotify;
mod lock;
mod memory_file;
mod mount;
mod mount_text;
mod namespace;
mod notify;
mod open;
mod open_file;
mod path_file;
mod pipe;
mod place;
mod poll;
pub mod quota;
mod recent;
mod remove;
mod ring;
mod rw;
pub mod splice;
mod superblock;
#[cfg(test)]
mod test_fs;
mod users;
mod vfs;
mod walk;

pub use anon::{ANON_INODE_DEV, next_ino};
pub use attachments::Attachments;
pub use caller::{Caller, ProcessView, ended};
pub use context::{Directories, FsContext};
pub use cred::{Capability, Credentials};
pub use dentry::Dentry;
pub use device::{Device, DeviceTable, Opened, make_dev, split_dev};
pub use epoll::Epoll;
pub use eventfd::EventFd;
pub use fd::{FdTable, NR_OPEN, Reserved};
pub use file::{AnonymousNode, DirSink, File, Io};
pub use filecaps::FileCapabilities;
pub use filesystem::{Filesystem, Statfs};
pub use hash::{Folding, Keyed};
pub use inode::{Attr, AttrChange, CachePolicy, Inode, LinkTarget, NewNode, RenameFlags, SetTime, XattrSet};
pub use inotify::{Inotify, check_only_dir};
pub use lock::{FileLocks, LockOwner, RangeLock};
pub use memory_file::MemoryFile;
pub use mount::Mount;
pub use namespace::MountNamespace;
pub use open::OpenHow;
pub use open_file::{OpenFile, OwnerCell, SETFL_MASK, SignalOwner};
pub use pipe::{PIPE_MAX_SIZE, Pipe, pipe};
pub use place::Place;
pub use poll::{Polled, poll};
pub use ring::Ring;
pub use users::{IdKind, IdRange, OVERFLOW_ID, Owner, UserNamespace};
pub use vfs::{FilesystemType, MemoryFiles, Vfs};
pub use walk::{Resolve, Walk};
