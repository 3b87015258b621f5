//! Files that can be mapped.

use abi::Errno;
use platform::Text;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// A range of a host file that the platform can map.
#[derive(Clone, Debug)]
pub struct HostRange {
    /// The host file; a descriptor opened with the rights that the mapping needs.
    pub fd: Arc<OwnedFd>,
    /// Offset in it, a multiple of the page size.
    pub offset: u64,
}

/// What a file mapping maps: given by a file's `mmap` operation, kept by the mapping.
pub trait Backing: Send + Sync {
    /// The host file and the offset in it where guest offset `offset` lies (whole file is contiguous).
    fn host_range(&self, offset: u64) -> Result<HostRange, Errno>;

    /// The name that /proc/PID/maps shows: a path, or as `/memfd:name (deleted)`.
    fn name(&self) -> Vec<u8>;

    /// Device number as `stat` returns it.
    fn device(&self) -> u64;

    /// Inode number.
    fn inode(&self) -> u64;

    /// `MAP_SHARED` mappings may be written (the file is open for writing).
    fn is_writable(&self) -> bool;

    /// The file is removed, and goes when nothing maps it any more.
    fn is_removed(&self) -> bool {
        false
    }

    /// A number that stands for the file's bytes as they are now and has stood for no others, of any file: for files that
    /// the sentry itself keeps. `None`: they may change unseen.
    fn version(&self) -> Option<u64> {
        None
    }

    /// From now on a change of the file's bytes [spoils](Text::spoil) `text` first. False when they are not those of
    /// `version` any more.
    fn follow(&self, _version: u64, _text: &Arc<Text>) -> bool {
        false
    }

    /// The open file behind the mapping, for those above that know it (the exe link, msync).
    fn as_any(&self) -> &(dyn std::any::Any + Send + Sync);
}
