//! A place in the tree of names: a dentry seen through a mount.

use crate::dentry::Dentry;
use crate::inode::Inode;
use crate::mount::Mount;
use abi::Errno;
use abi::mount::MountFlags;
use std::sync::Arc;

/// A place in the tree of names. Its dentry always has an inode.
#[derive(Clone, Debug)]
pub struct Place {
    /// The mount that it is seen through.
    pub mount: Arc<Mount>,
    /// The name.
    pub dentry: Arc<Dentry>,
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.mount, &other.mount) && Arc::ptr_eq(&self.dentry, &other.dentry)
    }
}

impl Eq for Place {}

impl Place {
    /// The object here. `ENOENT` cannot happen for places that walks give out.
    pub fn inode(&self) -> Result<&Arc<dyn Inode>, Errno> {
        self.dentry.inode()
    }

    /// The top of its mount.
    pub fn is_mount_root(&self) -> bool {
        Arc::ptr_eq(&self.dentry, self.mount.root())
    }

    /// `EROFS` when nothing can be changed through the mount.
    pub fn check_writable(&self) -> Result<(), Errno> {
        if self.mount.is_read_only() { Err(Errno::EROFS) } else { Ok(()) }
    }

    /// The mount has the flag.
    pub fn has_flag(&self, flag: MountFlags) -> bool {
        self.mount.flags().contains(flag)
    }

    /// What is mounted here, on top of everything; the place itself when nothing is.
    pub fn top(mut self) -> Self {
        while self.dentry.is_mountpoint() {
            let Some(child) = self.mount.child(&self.dentry) else { break };
            self = Self { dentry: child.root().clone(), mount: child };
        }
        self
    }

    /// The path from `root`, and whether it starts there (else it starts at the root of its namespace,
    /// or at a detached mount). Without a mark for deleted names.
    fn path_parts(&self, root: &Self) -> (Vec<u8>, bool) {
        let mut names: Vec<Arc<[u8]>> = Vec::new();
        let mut at = self.clone();
        let reached = loop {
            if at == *root {
                break true;
            }
            if at.is_mount_root() {
                match at.mount.covers() {
                    Some(below) => at = below,
                    None => break false,
                }
                continue;
            }
            let (parent, name) = at.dentry.link();
            names.push(name);
            match parent {
                Some(parent) => at.dentry = parent,
                None => break false,
            }
        };
        let mut path = Vec::new();
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        if path.is_empty() {
            path.push(b'/');
        }
        (path, reached)
    }

    /// The path as the links of /proc show it: ` (deleted)` when its name is gone, from the namespace's
    /// own root when `root` is not above it.
    pub fn path(&self, root: &Self) -> Vec<u8> {
        let (mut path, _) = self.path_parts(root);
        if self.dentry.is_deleted() {
            path.extend_from_slice(b" (deleted)");
        }
        path
    }

    /// The path from `root`; `None` when it cannot be reached from there: /proc/PID/mounts leaves such out.
    pub fn path_below(&self, root: &Self) -> Option<Vec<u8>> {
        let (path, reached) = self.path_parts(root);
        reached.then_some(path)
    }

    /// As `getcwd(2)` gives it: `(unreachable)` in front when `root` is not above; `ENOENT` when deleted.
    pub fn cwd_path(&self, root: &Self) -> Result<Vec<u8>, Errno> {
        if self.dentry.is_deleted() {
            return Err(Errno::ENOENT);
        }
        let (path, reached) = self.path_parts(root);
        Ok(if reached { path } else { [b"(unreachable)", path.as_slice()].concat() })
    }
}
