//! A filesystem as a whole.

use crate::inode::Inode;
use abi::Errno;
use std::any::Any;
use std::sync::Arc;

/// Figures of a filesystem: `statfs(2)`.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "the names of statfs(2)")]
pub struct Statfs {
    pub magic: u64,
    pub bsize: u64,
    pub blocks: u64,
    pub bfree: u64,
    pub bavail: u64,
    pub files: u64,
    pub ffree: u64,
    pub fsid: u64,
    pub namelen: u64,
}

/// A mounted (or mountable) filesystem instance.
pub trait Filesystem: Any + Send + Sync {
    /// Type name as /proc/mounts shows it: `tmpfs`, `overlay`.
    fn type_name(&self) -> &'static str;

    /// Device number of the instance; unique in the sandbox.
    fn device(&self) -> u64;

    /// The root directory.
    fn root(&self) -> Arc<dyn Inode>;

    /// Figures.
    fn statfs(&self) -> Result<Statfs, Errno>;

    /// Options of the instance as /proc/mounts shows them after `rw,`: `size=1024k`; empty for none.
    fn options(&self) -> String {
        String::new()
    }

    /// Nothing can be changed, whatever the mount says.
    fn is_read_only(&self) -> bool {
        false
    }

    /// Writes everything out: `sync(2)`.
    fn sync(&self) -> Result<(), Errno> {
        Ok(())
    }
}
