//! Descriptor tables.

/// A descriptor table; shared with `CLONE_FILES`. The vfs core fills this in.
pub struct FdTable {}
