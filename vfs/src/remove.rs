//! Removing and moving names: `unlink(2)`, `rmdir(2)`, `rename(2)`.

use crate::caller::Caller;
use crate::create::may_create;
use crate::cred::Capability;
use crate::dentry::Dentry;
use crate::inode::{Attr, RenameFlags};
use crate::notify;
use crate::place::Place;
use crate::walk::{LastName, Walk};
use abi::Errno;
use abi::fs::FileType;
use std::sync::Arc;
use sync::MutexGuard;

impl Walk<'_> {
    /// Removes the name of what is no directory: `unlink(2)`.
    pub fn unlink(&self, path: &[u8]) -> Result<(), Errno> {
        let (dir, last, name) = self.to_parent(path)?;
        let name = name.ok_or(Errno::EISDIR)?;
        dir.check_writable()?;
        dir.inode()?.permission(self.caller, 1)?;
        let victim = {
            let _names = dir.dentry.lock_names();
            let victim = dir.dentry.lookup_locked(self.caller, &name)?;
            let is_dir = victim.inode()?.kind() == FileType::Directory;
            if last.is_slashed {
                return Err(if is_dir { Errno::EISDIR } else { Errno::ENOTDIR });
            }
            may_delete(self.caller, &dir, &victim)?;
            if is_dir {
                return Err(Errno::EISDIR);
            }
            check_idle(&dir, &victim)?;
            dir.inode()?.unlink(self.caller, &name)?;
            dir.dentry.lose_child(&name);
            victim.set_deleted(true);
            victim
        };
        detach_mounts(&dir, &victim);
        notify::removed(&dir.dentry, &name, victim.inode()?, false);
        Ok(())
    }

    /// Removes an empty directory: `rmdir(2)`.
    pub fn rmdir(&self, path: &[u8]) -> Result<(), Errno> {
        let (dir, last, name) = self.to_parent(path)?;
        let name = name.ok_or(match last.kind {
            LastName::DotDot => Errno::ENOTEMPTY,
            LastName::Dot => Errno::EINVAL,
            _ => Errno::EBUSY,
        })?;
        dir.check_writable()?;
        dir.inode()?.permission(self.caller, 1)?;
        let victim = {
            let _names = dir.dentry.lock_names();
            let victim = dir.dentry.lookup_locked(self.caller, &name)?;
            may_delete(self.caller, &dir, &victim)?;
            if victim.inode()?.kind() != FileType::Directory {
                return Err(Errno::ENOTDIR);
            }
            check_idle(&dir, &victim)?;
            // What comes into the directory while it goes would be lost.
            let _inside = victim.lock_names_nested();
            dir.inode()?.rmdir(self.caller, &name)?;
            dir.dentry.lose_child(&name);
            victim.set_deleted(true);
            victim.clone()
        };
        detach_mounts(&dir, &victim);
        notify::removed(&dir.dentry, &name, victim.inode()?, true);
        Ok(())
    }

    /// Moves a name: `renameat2(2)`. `self` resolves the old path, `to` the new one.
    pub fn rename(&self, path: &[u8], to: &Self, new_path: &[u8], flags: RenameFlags) -> Result<(), Errno> {
        let exclusive = RenameFlags::NOREPLACE | RenameFlags::WHITEOUT;
        if flags.contains(RenameFlags::EXCHANGE) && flags.intersects(exclusive) {
            return Err(Errno::EINVAL);
        }
        if flags.contains(RenameFlags::WHITEOUT) && !self.caller.creds.has_in_root(Capability::Mknod) {
            return Err(Errno::EPERM);
        }
        let (old_dir, old_last, old_name) = self.to_parent(path)?;
        let (new_dir, new_last, new_name) = to.to_parent(new_path)?;
        if !Arc::ptr_eq(&old_dir.mount, &new_dir.mount) {
            return Err(Errno::EXDEV);
        }
        let old_name = old_name.ok_or(Errno::EBUSY)?;
        let is_noreplace = flags.contains(RenameFlags::NOREPLACE);
        let new_name = new_name.ok_or(if is_noreplace { Errno::EEXIST } else { Errno::EBUSY })?;
        if new_name.len() > crate::walk::NAME_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        old_dir.check_writable()?;
        old_dir.inode()?.permission(self.caller, 1)?;
        new_dir.inode()?.permission(self.caller, 1)?;
        let rename = Rename {
            caller: self.caller,
            old_dir: &old_dir,
            old_name: &old_name,
            new_dir: &new_dir,
            new_name: &new_name,
            old_slashed: old_last.is_slashed,
            new_slashed: new_last.is_slashed,
            flags,
        };
        rename.run()
    }
}

/// A rename whose directories are found.
struct Rename<'a> {
    caller: &'a Caller,
    old_dir: &'a Place,
    old_name: &'a [u8],
    new_dir: &'a Place,
    new_name: &'a [u8],
    old_slashed: bool,
    new_slashed: bool,
    flags: RenameFlags,
}

impl Rename<'_> {
    fn run(&self) -> Result<(), Errno> {
        let is_exchange = self.flags.contains(RenameFlags::EXCHANGE);
        let is_move = !Arc::ptr_eq(&self.old_dir.dentry, &self.new_dir.dentry);
        let (old, new) = {
            let _moves = is_move.then(|| self.old_dir.dentry.superblock().rename.lock());
            let _names = lock_two(&self.old_dir.dentry, &self.new_dir.dentry);
            let old = self.old_dir.dentry.lookup_locked(self.caller, self.old_name)?;
            let new = match self.new_dir.dentry.lookup_locked(self.caller, self.new_name) {
                Ok(new) => Some(new),
                Err(Errno::ENOENT) => None,
                Err(errno) => return Err(errno),
            };
            if !self.check(&old, new.as_ref(), is_move)? {
                return Ok(());
            }
            let (from, into) = (self.old_dir.inode()?, self.new_dir.inode()?);
            from.rename(self.caller, self.old_name, into, self.new_name, self.flags)?;
            let (from, into) = (&self.old_dir.dentry, &self.new_dir.dentry);
            if is_exchange {
                from.swap_children(self.old_name, into, self.new_name);
            } else {
                if let Some(new) = &new {
                    new.set_deleted(true);
                }
                from.move_child(self.old_name, into, self.new_name);
            }
            (old, new)
        };
        let replaced = if is_exchange { None } else { new.as_ref() };
        if let Some(replaced) = replaced {
            detach_mounts(self.new_dir, replaced);
        }
        let from = (&self.old_dir.dentry, self.old_name);
        notify::moved(from, (&self.new_dir.dentry, self.new_name), old.inode()?, replaced);
        Ok(())
    }

    /// The checks of `rename(2)`, in Linux's order. False: both names are the same file, nothing is done.
    fn check(&self, old: &Arc<Dentry>, new: Option<&Arc<Dentry>>, is_move: bool) -> Result<bool, Errno> {
        let is_exchange = self.flags.contains(RenameFlags::EXCHANGE);
        let is_dir = old.inode()?.kind() == FileType::Directory;
        let new_is_dir = new.map(|new| new.inode().map(|inode| inode.kind() == FileType::Directory)).transpose()?;
        if self.flags.contains(RenameFlags::NOREPLACE) && new.is_some() {
            return Err(Errno::EEXIST);
        }
        if is_exchange {
            let new_is_dir = new_is_dir.ok_or(Errno::ENOENT)?;
            if !new_is_dir && self.new_slashed {
                return Err(Errno::ENOTDIR);
            }
        }
        if !is_dir && (self.old_slashed || (!is_exchange && self.new_slashed)) {
            return Err(Errno::ENOTDIR);
        }
        if old.is_ancestor_of(&self.new_dir.dentry) {
            return Err(Errno::EINVAL);
        }
        if new.is_some_and(|new| new.is_ancestor_of(&self.old_dir.dentry)) {
            return Err(if is_exchange { Errno::EINVAL } else { Errno::ENOTEMPTY });
        }
        if let Some(new) = new
            && Arc::ptr_eq(new.inode()?, old.inode()?)
        {
            return Ok(false);
        }
        may_delete(self.caller, self.old_dir, old)?;
        match new {
            None => may_create(self.caller, self.new_dir)?,
            Some(new) => {
                may_delete(self.caller, self.new_dir, new)?;
                match (is_dir, new_is_dir == Some(true)) {
                    (true, false) if !is_exchange => return Err(Errno::ENOTDIR),
                    (false, true) if !is_exchange => return Err(Errno::EISDIR),
                    _ => {}
                }
            }
        }
        if is_move {
            // The `..` of a moved directory changes.
            if is_dir {
                old.inode()?.permission(self.caller, 2)?;
            }
            if let Some(new) = new
                && is_exchange
                && new_is_dir == Some(true)
            {
                new.inode()?.permission(self.caller, 2)?;
            }
        }
        check_idle(self.old_dir, old)?;
        new.map_or(Ok(()), |new| check_idle(self.new_dir, new))?;
        Ok(true)
    }
}

/// `EBUSY` where something is mounted on it, as the namespace of its directory has it. What others have mounted there is no
/// reason.
fn check_idle(dir: &Place, dentry: &Arc<Dentry>) -> Result<(), Errno> {
    let is_busy =
        dentry.is_mountpoint() && dir.mount.namespace().is_some_and(|namespace| namespace.has_mount_on(dentry));
    if is_busy { Err(Errno::EBUSY) } else { Ok(()) }
}

/// It has lost its name: nobody finds what is mounted there any more.
fn detach_mounts(dir: &Place, dentry: &Arc<Dentry>) {
    if let Some(namespace) = dir.mount.namespace() {
        namespace.vfs().detach_mounts(dentry);
    }
}

/// Locks the names of one or two directories, parent before child, else in the order of addresses.
fn lock_two<'a>(one: &'a Arc<Dentry>, two: &'a Arc<Dentry>) -> (MutexGuard<'a, ()>, Option<MutexGuard<'a, ()>>) {
    if Arc::ptr_eq(one, two) {
        return (one.lock_names(), None);
    }
    let one_first = one.is_ancestor_of(two) || (!two.is_ancestor_of(one) && Arc::as_ptr(one) < Arc::as_ptr(two));
    let (first, second) = if one_first { (one, two) } else { (two, one) };
    let guard = first.lock_names();
    (guard, Some(second.lock_names_nested()))
}

/// May the caller take the name away? `EACCES`, `EPERM` (sticky directories).
pub(crate) fn may_delete(caller: &Caller, dir: &Place, victim: &Dentry) -> Result<(), Errno> {
    let inode = dir.inode()?;
    inode.permission(caller, 3)?;
    let attr = inode.attr()?;
    if attr.mode & 0o1000 != 0 && is_sticky_for(caller, &attr, &victim.inode()?.attr()?) {
        return Err(Errno::EPERM);
    }
    Ok(())
}

fn is_sticky_for(caller: &Caller, dir: &Attr, victim: &Attr) -> bool {
    let creds = &caller.creds;
    victim.uid != creds.fsuid && dir.uid != creds.fsuid && !creds.has_over(victim, Capability::Fowner)
}
