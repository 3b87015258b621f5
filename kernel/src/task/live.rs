//! What a thread has only while it lives.

use abi::Errno;
use mm::Mm;
use std::fmt;
use std::sync::Arc;
use vfs::{FdTable, FsContext, OpenFile};

/// What a thread has only while it lives: dropped at its exit, so that a zombie can't be asked for it.
#[derive(Clone)]
pub struct Live {
    /// Memory.
    pub mm: Arc<Mm>,
    /// The file whose program is in the memory.
    pub program: Arc<Program>,
    /// Descriptor table.
    pub fds: Arc<FdTable>,
    /// Root, working directory, umask.
    pub fs: Arc<FsContext>,
}

/// A file that is executed: nobody opens it for writing meanwhile.
pub struct Program {
    file: Arc<OpenFile>,
}

impl Program {
    /// Keeps writers away from the file; `ETXTBSY` when there are some.
    pub(crate) fn new(file: Arc<OpenFile>) -> Result<Arc<Self>, Errno> {
        if file.inode()?.attachments().deny_write() { Ok(Arc::new(Self { file })) } else { Err(Errno::ETXTBSY) }
    }

    /// The file: /proc/PID/exe.
    pub const fn file(&self) -> &Arc<OpenFile> {
        &self.file
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Ok(inode) = self.file.inode() {
            inode.attachments().allow_write();
        }
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Program({:?})", self.file)
    }
}
