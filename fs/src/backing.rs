//! What a mapping of an open file maps.

use abi::Errno;
use mm::{Backing, HostRange};
use std::any::Any;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use vfs::OpenFile;

/// An open file with the host file that holds its bytes, at the same offsets.
pub(crate) struct FileBacking {
    file: Arc<OpenFile>,
    fd: Arc<OwnedFd>,
    is_writable: bool,
    device: u64,
    inode: u64,
}

impl FileBacking {
    /// `fd` is open with the rights that mappings of `file` may have.
    pub(crate) fn over(file: &Arc<OpenFile>, fd: Arc<OwnedFd>, is_writable: bool) -> Result<Arc<dyn Backing>, Errno> {
        let attr = file.inode()?.attr()?;
        Ok(Arc::new(Self { file: file.clone(), fd, is_writable, device: attr.dev, inode: attr.ino }))
    }
}

impl Backing for FileBacking {
    fn host_range(&self, offset: u64) -> Result<HostRange, Errno> {
        Ok(HostRange { fd: self.fd.clone(), offset })
    }

    fn name(&self) -> Vec<u8> {
        let place = self.file.place();
        let root = place.mount.namespace().map_or_else(|| place.clone(), |namespace| namespace.root());
        self.file.path(&root)
    }

    fn device(&self) -> u64 {
        self.device
    }

    fn inode(&self) -> u64 {
        self.inode
    }

    fn is_writable(&self) -> bool {
        self.is_writable
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        &self.file
    }
}
