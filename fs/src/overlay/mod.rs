//! One tree from several: a read-only tree (or more) below, memory above.
//!
//! What is changed moves up first (`copy_up`); what is removed leaves a whiteout above. A directory above
//! shows what lies below only if it was copied up: so a new directory in the place of a removed one is
//! empty, and no mark for that is needed. Behaviour follows overlayfs without `index` and `redirect_dir`:
//! a hard link of a lower file is broken when it is copied up, and a directory of a lower layer cannot be
//! renamed (`EXDEV`; mv(1) copies).

mod copy_up;
mod dir_file;
mod filesystem;
mod listing;
mod lower;
mod names;
mod node;
#[cfg(test)]
mod tests;

pub use filesystem::Overlay;
