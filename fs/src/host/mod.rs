//! Directories of the host: bind mounts, and the image below a sandbox's root.
//!
//! Each host object that the vfs knows is one `Node`, found by device and inode number. A node knows its
//! directory and its name there; every access is one component beneath the directory's descriptor, and
//! the descriptors that nodes keep are few, opened when needed and closed when others need them more.
//!
//! What is kept of the host, and for how long:
//! - A **shared** tree (a bind mount, or the root without an overlay) may be changed by others at any time. Nothing
//!   is taken on trust: each walk asks the host for each name, each `stat` for the attributes.
//! - An **image** (read-only, names kept: the layer below an overlay) is taken to stay as it is, as overlayfs takes
//!   its lower layers. Names (absent ones too), attributes, targets of links, lists of directories and descriptors of
//!   files are kept while there is room. If somebody on the host changes it all the same, a program may see the old state or the new one
//!   of each object, for as long as the sandbox lives; data come from the file that was opened first. It never sees
//!   an object of another kind under a known name (`ESTALE` instead), and the sentry comes to no harm: it maps
//!   nothing of the host, so a file that shrinks is a short read. A host tree whose changes a sandbox should see is
//!   to be bound into it.

mod dir_file;
mod file;
mod filesystem;
mod inherited;
mod inherited_node;
mod kept;
mod link;
mod listing;
mod names;
mod node;
#[cfg(test)]
mod tests;

pub use filesystem::{HostFs, HostOptions};
pub use inherited::Inherited;
pub use node::Node;

pub(crate) use node::EachEntry;
