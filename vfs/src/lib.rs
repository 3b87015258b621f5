//! The virtual filesystem: what every file and filesystem has in common.
//!
//! Above `mm`, below `net` and `kernel`; knows nothing of tasks: a [`Caller`] stands for the one who asks.
//! - [`Inode`]: an object of a filesystem; [`Filesystem`]: the whole of one.
//! - [`File`]: the operations of an open file; [`OpenFile`]: an open file description.
//! - [`Caller`], [`Credentials`], [`ProcessView`]: who asks and with what rights.
#![forbid(unsafe_code)]

mod caller;
mod cred;
mod fd;
mod file;
mod filesystem;
mod inode;
mod place;

pub use caller::{Caller, ProcessView};
pub use cred::{Capability, Credentials, UserNamespace};
pub use fd::FdTable;
pub use file::{DirSink, File, Io, OpenFile};
pub use filesystem::{Filesystem, Statfs};
pub use inode::{
    Attachments, Attr, AttrChange, CachePolicy, Inode, LinkTarget, NewNode, RenameFlags, SetTime, XattrSet,
};
pub use place::{FsContext, Place};
