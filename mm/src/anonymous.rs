//! Shared anonymous memory: `mmap(2)` with `MAP_SHARED | MAP_ANONYMOUS`.

use crate::backing::{Backing, HostRange};
use abi::Errno;
use rustix::fs::MemfdFlags;
use std::any::Any;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Device number of the kernel's internal tmpfs mount; no other filesystem of the sandbox has it.
const DEVICE: u64 = 1;

/// A host memory file of its own for each such mapping.
#[derive(Debug)]
pub(crate) struct SharedAnonymous {
    fd: Arc<OwnedFd>,
    inode: u64,
}

impl SharedAnonymous {
    pub(crate) fn new(len: u64) -> Result<Self, Errno> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let error = |error: rustix::io::Errno| Errno(error.raw_os_error() as u16);
        let fd = rustix::fs::memfd_create("shared", MemfdFlags::CLOEXEC).map_err(error)?;
        rustix::fs::ftruncate(&fd, len).map_err(error)?;
        Ok(Self { fd: Arc::new(fd), inode: NEXT.fetch_add(1, Relaxed) })
    }
}

impl Backing for SharedAnonymous {
    fn host_range(&self, offset: u64) -> Result<HostRange, Errno> {
        Ok(HostRange { fd: Arc::clone(&self.fd), offset })
    }

    fn name(&self) -> Vec<u8> {
        b"/dev/zero (deleted)".to_vec()
    }

    fn device(&self) -> u64 {
        DEVICE
    }

    fn inode(&self) -> u64 {
        self.inode
    }

    fn is_writable(&self) -> bool {
        true
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}
