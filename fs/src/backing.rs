//! What a mapping of an open file maps.

use crate::tmpfs::Object;
use abi::Errno;
use mm::{Backing, HostRange, Text};
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
    /// Where the sentry keeps it.
    object: Option<Arc<Object>>,
}

impl FileBacking {
    /// `fd` is open with the rights that mappings of `file` may have.
    pub(crate) fn over(file: &Arc<OpenFile>, fd: Arc<OwnedFd>, is_writable: bool) -> Result<Arc<dyn Backing>, Errno> {
        Ok(Arc::new(Self::new(file, fd, is_writable, None)?))
    }

    /// As [`Self::over`] for a file in memory: `fd` is what its content gave for such a mapping.
    pub(crate) fn in_memory(
        file: &Arc<OpenFile>,
        fd: Arc<OwnedFd>,
        is_writable: bool,
        object: &Arc<Object>,
    ) -> Result<Arc<dyn Backing>, Errno> {
        match Self::new(file, fd, is_writable, Some(object.clone())) {
            Ok(backing) => Ok(Arc::new(backing)),
            Err(errno) => {
                if is_writable {
                    object.content()?.end_writing();
                }
                Err(errno)
            }
        }
    }

    fn new(
        file: &Arc<OpenFile>,
        fd: Arc<OwnedFd>,
        is_writable: bool,
        object: Option<Arc<Object>>,
    ) -> Result<Self, Errno> {
        let attr = file.inode()?.attr()?;
        Ok(Self { file: file.clone(), fd, is_writable, device: attr.dev, inode: attr.ino, object })
    }
}

impl Drop for FileBacking {
    fn drop(&mut self) {
        if self.is_writable
            && let Some(object) = &self.object
            && let Ok(content) = object.content()
        {
            content.end_writing();
        }
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

    fn version(&self) -> Option<u64> {
        self.object.as_ref()?.content().ok()?.version()
    }

    fn follow(&self, version: u64, text: &Arc<Text>) -> bool {
        self.object
            .as_ref()
            .and_then(|object| object.content().ok())
            .is_some_and(|content| content.follow(version, text))
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        &self.file
    }
}
