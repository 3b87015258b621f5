//! From paths to places: `path_resolution(7)`.

use crate::caller::Caller;
use crate::context::FsContext;
use crate::place::Place;
use abi::Errno;

bitflags::bitflags! {
    /// `RESOLVE_*` of `openat2(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Resolve: u64 {
        /// Do not cross mounts.
        const NO_XDEV = 1;
        /// Do not follow magic links.
        const NO_MAGICLINKS = 2;
        /// Do not follow links.
        const NO_SYMLINKS = 4;
        /// Stay below the start.
        const BENEATH = 8;
        /// The start is the root.
        const IN_ROOT = 16;
        /// Only what is in the cache.
        const CACHED = 32;
    }
}

/// Where paths are resolved: by whom, from which root and which start.
#[derive(Clone)]
pub struct Walk<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// Where `/` is.
    pub root: Place,
    /// Where relative paths start.
    pub base: Place,
    /// Restrictions.
    pub resolve: Resolve,
}

impl<'a> Walk<'a> {
    /// From the working directory.
    pub fn new(caller: &'a Caller, fs: &FsContext) -> Self {
        let (root, base) = fs.root_and_cwd();
        Self { caller, root, base, resolve: Resolve::empty() }
    }

    /// From another start.
    pub fn from(self, base: Place) -> Self {
        Self { base, ..self }
    }

    /// The place that `path` names; `follow` a link at its end.
    pub fn find(&self, path: &[u8], follow: bool) -> Result<Place, Errno> {
        let _ = (path, follow);
        Err(Errno::ENOSYS)
    }
}
