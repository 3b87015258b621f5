//! Opening files: `open(2)`, `openat2(2)`.

use crate::open_file::OpenFile;
use crate::place::Place;
use crate::walk::{Resolve, Walk};
use abi::Errno;
use abi::fs::OpenFlags;
use std::sync::Arc;
use sync::Fail;

/// How to open: `struct open_how`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenHow {
    /// Access mode, creation and status flags.
    pub flags: OpenFlags,
    /// Permission bits of a file that is made; the umask is still to be applied.
    pub mode: u32,
    /// Restrictions of the walk.
    pub resolve: Resolve,
}

impl Walk<'_> {
    /// Opens, and makes if asked to, the file that `path` names.
    pub fn open(&self, path: &[u8], how: &OpenHow) -> Result<Arc<OpenFile>, Fail> {
        let _ = (path, how);
        Err(Errno::ENOSYS.into())
    }

    /// Opens a program for execution: a regular file with execute permission on a mount that allows it
    /// (`EACCES`), that nobody writes (`ETXTBSY`). While it lives nobody opens it for writing.
    pub fn open_exec(&self, path: &[u8], follow: bool) -> Result<Arc<OpenFile>, Fail> {
        let _ = (path, follow);
        Err(Errno::ENOSYS.into())
    }

    /// Opens the object at a place (`/proc/PID/fd/N`, `open_by_handle`).
    pub fn open_place(&self, place: Place, flags: OpenFlags) -> Result<Arc<OpenFile>, Fail> {
        let _ = (place, flags);
        Err(Errno::ENOSYS.into())
    }
}
