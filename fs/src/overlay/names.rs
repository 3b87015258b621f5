//! Names of an overlay's directories.

use super::filesystem::Overlay;
use super::node::{Link, Node};
use crate::tmpfs::{Object, Seen};
use abi::Errno;
use abi::fs::FileType;
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use vfs::{Caller, Inode, NewNode, RenameFlags};

/// Attribute of a lower directory that hides those below it.
const OPAQUE: &[u8] = b"trusted.overlay.opaque";

impl Node {
    /// The node of this overlay behind an inode; `EXDEV` for that of another filesystem.
    pub(super) fn of<'a>(&self, inode: &'a Arc<dyn Inode>) -> Result<&'a Self, Errno> {
        let any: &dyn Any = &**inode;
        let node = any.downcast_ref::<Self>().ok_or(Errno::EXDEV)?;
        if Arc::ptr_eq(&node.fs, &self.fs) { Ok(node) } else { Err(Errno::EXDEV) }
    }

    /// What the upper layer says of a name.
    fn see(&self, name: &[u8]) -> Result<Seen, Errno> {
        match self.upper.get() {
            Some(upper) => upper.object.see(name),
            None if self.kind() == FileType::Directory => Ok(Seen::Nothing),
            None => Err(Errno::ENOTDIR),
        }
    }

    /// What the lower layers have under a name: one object, or directories from the top one down.
    fn find_lower(&self, caller: &Caller, name: &[u8]) -> Result<Vec<Arc<dyn Inode>>, Errno> {
        let mut found: Vec<Arc<dyn Inode>> = Vec::new();
        let has_several = self.lower.len() > 1;
        for layer in &self.lower {
            let inode = match layer.lookup(caller, name) {
                Err(Errno::ENOENT) => continue,
                other => other?,
            };
            let is_dir = inode.kind() == FileType::Directory;
            if has_several && inode.kind() == FileType::CharDevice && inode.attr()?.rdev == 0 {
                break;
            }
            if !is_dir {
                if found.is_empty() {
                    found.push(inode);
                }
                break;
            }
            let is_opaque = has_several && inode.xattr(caller, OPAQUE).is_ok_and(|value| value == b"y");
            found.push(inode);
            if is_opaque {
                break;
            }
        }
        Ok(found)
    }

    fn has_lower(&self, caller: &Caller, name: &[u8]) -> Result<bool, Errno> {
        if self.lower.is_empty() {
            return Ok(false);
        }
        if let Some(upper) = self.upper.get()
            && upper.object.dir()?.read().is_alone(name)
        {
            return Ok(false);
        }
        Ok(!self.find_lower(caller, name)?.is_empty())
    }

    /// The object of a name; `ENOENT`.
    pub(super) fn find(&self, caller: &Caller, name: &[u8]) -> Result<Arc<Self>, Errno> {
        match self.see(name)? {
            Seen::Whiteout => Err(Errno::ENOENT),
            Seen::Object(object) => {
                let is_merged = object.kind == FileType::Directory && object.origin.get().is_some();
                let lower = if is_merged { self.find_lower(caller, name)? } else { Vec::new() };
                self.fs.upper_node(&object, lower, self.place(name)?)
            }
            Seen::Nothing => {
                let lower = self.find_lower(caller, name)?;
                if lower.is_empty() {
                    return Err(Errno::ENOENT);
                }
                self.fs.lower_node(lower, self.place(name)?)
            }
        }
    }

    /// Makes a node in the upper layer.
    pub(super) fn make(&self, caller: &Caller, name: &[u8], node: &NewNode) -> Result<Arc<Self>, Errno> {
        let dir = self.copy_up(caller, None)?;
        let object = self.fs.upper.make(node)?;
        let _names = self.fs.names.lock();
        dir.object.insert(name, &object)?;
        self.fs.upper_node(&object, Vec::new(), self.place(name)?)
    }

    /// Gives `target` one more name.
    pub(super) fn add_link(&self, caller: &Caller, name: &[u8], target: &Self) -> Result<(), Errno> {
        let dir = self.copy_up(caller, None)?;
        let target: Arc<dyn Inode> = target.copy_up(caller, None)?.clone();
        let _names = self.fs.names.lock();
        dir.link(caller, name, &target)
    }

    /// Removes a name; a whiteout stays where a lower layer has it.
    pub(super) fn remove(&self, caller: &Caller, name: &[u8], is_dir: bool) -> Result<(), Errno> {
        let dir = self.copy_up(caller, None)?;
        let victim = self.find(caller, name)?;
        match (is_dir, victim.kind() == FileType::Directory) {
            (true, false) => return Err(Errno::ENOTDIR),
            (false, true) => return Err(Errno::EISDIR),
            (true, true) => victim.check_empty(caller)?,
            (false, false) => {}
        }
        let whiteout = self.has_lower(caller, name)?;
        let _names = self.fs.names.lock();
        self.fs.upper.remove(&dir.object, name, whiteout)?;
        victim.lost_name();
        Ok(())
    }

    /// Its only name is gone, or covered.
    fn lost_name(&self) {
        if self.upper.get().is_none() && self.key.is_some() {
            self.is_removed.store(true, SeqCst);
        }
    }

    /// `ENOTEMPTY` for a directory with names in any layer.
    fn check_empty(&self, caller: &Caller) -> Result<(), Errno> {
        if self.list(caller)?.entries.is_empty() { Ok(()) } else { Err(Errno::ENOTEMPTY) }
    }

    /// A directory with lower layers stays where it is.
    fn check_movable(&self) -> Result<(), Errno> {
        if self.kind() == FileType::Directory && !self.lower.is_empty() { Err(Errno::EXDEV) } else { Ok(()) }
    }

    /// Moves a name of this directory to a name of `to`.
    pub(super) fn move_to(
        &self,
        caller: &Caller,
        name: &[u8],
        to: &Self,
        new_name: &[u8],
        flags: RenameFlags,
    ) -> Result<(), Errno> {
        if flags.contains(RenameFlags::WHITEOUT) {
            return Err(Errno::EINVAL);
        }
        let is_exchange = flags.contains(RenameFlags::EXCHANGE);
        let moved = self.find(caller, name)?;
        moved.check_movable()?;
        let target = match to.find(caller, new_name) {
            Err(Errno::ENOENT) => None,
            other => Some(other?),
        };
        if let Some(target) = &target {
            if flags.contains(RenameFlags::NOREPLACE) {
                return Err(Errno::EEXIST);
            }
            if is_exchange {
                target.check_movable()?;
                target.copy_up(caller, None)?;
            } else {
                match (moved.kind() == FileType::Directory, target.kind() == FileType::Directory) {
                    (true, false) => return Err(Errno::ENOTDIR),
                    (false, true) => return Err(Errno::EISDIR),
                    (true, true) => target.check_empty(caller)?,
                    (false, false) => {}
                }
            }
        } else if is_exchange {
            return Err(Errno::ENOENT);
        }
        moved.copy_up(caller, None)?;
        let (old_dir, new_dir) = (self.copy_up(caller, None)?, to.copy_up(caller, None)?);
        let whiteout = !is_exchange && self.has_lower(caller, name)?;
        let _names = self.fs.names.lock();
        let (old, new): ((&Arc<Object>, _), (&Arc<Object>, _)) = ((&old_dir.object, name), (&new_dir.object, new_name));
        self.fs.upper.rename(old, new, flags, whiteout)?;
        moved.set_link(to.place(new_name)?);
        if let Some(target) = target {
            if is_exchange {
                target.set_link(self.place(name)?);
            } else {
                target.lost_name();
            }
        }
        Ok(())
    }
}

impl Overlay {
    /// Puts a copied-up object in its place above; false: its name is gone, it stays without one.
    pub(super) fn publish(&self, node: &Node, object: &Arc<Object>) -> Result<bool, Errno> {
        let Link::At(parent, name) = node.link() else { return Ok(false) };
        let Some(dir) = parent.upper.get() else { return Ok(false) };
        dir.object.adopt(&name, object)
    }
}
