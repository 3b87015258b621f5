//! Files of memory without a name: `memfd_create(2)`.

use crate::tmpfs::{Tmpfs, TmpfsOptions};
use abi::Errno;
use abi::fs::FileType;
use std::sync::Arc;
use vfs::{Caller, Inode, MemoryFiles, NewNode};

/// The filesystem behind memory files; mounted nowhere.
pub struct MemFd {
    fs: Arc<Tmpfs>,
}

impl MemFd {
    /// One without limits of its own: the sandbox's memory limit is the only one, as on Linux.
    pub fn new() -> Arc<Self> {
        let options = TmpfsOptions { size: None, inodes: None, mode: 0o1777, uid: 0, gid: 0 };
        Arc::new(Self { fs: Tmpfs::new(options) })
    }
}

impl MemoryFiles for MemFd {
    fn create(&self, caller: &Caller, _name: &[u8], _huge: Option<u32>) -> Result<Arc<dyn Inode>, Errno> {
        let node = NewNode {
            kind: FileType::Regular,
            mode: 0o777,
            uid: caller.creds.fsuid,
            gid: caller.creds.fsgid,
            rdev: 0,
            target: Vec::new(),
        };
        let object = self.fs.make_unnamed(&node)?;
        Ok(object.node(&self.fs))
    }
}
