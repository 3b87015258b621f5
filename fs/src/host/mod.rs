//! Directories of the host: bind mounts, and the image below a sandbox's root.
//!
//! Each host object that the vfs knows is one `Node`, found by device and inode number. A node knows its
//! directory and its name there; every access is one component beneath the directory's descriptor, and
//! directory descriptors are few, opened when needed and closed when others need them more.

mod dir_file;
mod directories;
mod file;
mod filesystem;
mod inherited;
mod inherited_node;
mod link;
mod names;
mod node;
#[cfg(test)]
mod tests;

pub use filesystem::{HostFs, HostOptions};
pub use inherited::Inherited;
pub use node::Node;

pub(crate) use node::EachEntry;
