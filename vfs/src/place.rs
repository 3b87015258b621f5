//! A place in the tree of names: a dentry seen through a mount.

/// A place in the tree of names. The vfs core fills this in.
#[derive(Clone, Debug)]
pub struct Place {}

/// Root, working directory and umask of a process; shared with `CLONE_FS`. The vfs core fills this in.
pub struct FsContext {}
