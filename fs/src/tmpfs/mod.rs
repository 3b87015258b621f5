//! Files in the sentry's memory: `tmpfs(5)`.
//!
//! An `Object` is a file, directory or other node; a `Node` is the handle that the vfs holds. Objects
//! never refer to their filesystem, so an unmounted tree goes at once. Small files are pages in the
//! sentry's own memory; a file that is large or mapped becomes a memory file of the host (`content`).
//! The upper layer of an overlay is such a filesystem, with the extras of `layer`.

mod budget;
mod content;
mod dir;
mod dir_file;
mod file;
mod filesystem;
mod layer;
mod node;
mod object;
mod options;
mod rename;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod text_tests;
mod xattr;

pub use filesystem::{Tmpfs, TmpfsType};
pub use node::Node;
pub use options::TmpfsOptions;

pub(crate) use content::Content;
pub(crate) use dir::Child;
pub(crate) use dir_file::DirFile;
pub(crate) use layer::Seen;
pub(crate) use object::{Object, Origin};

/// Bytes of a page, as a size.
const PAGE: usize = abi::mm::PAGE_SIZE as usize;

/// The present, for time stamps: as of the host's last tick, as Linux takes it (`CLOCK_REALTIME_COARSE`).
pub(crate) fn now() -> abi::time::Timespec {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
    abi::time::Timespec { sec: now.tv_sec, nsec: now.tv_nsec }
}
