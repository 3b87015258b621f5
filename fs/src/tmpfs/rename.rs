//! Moving names: `rename(2)`.

use super::dir::{Child, Dir};
use super::filesystem::Tmpfs;
use super::object::Object;
use abi::Errno;
use abi::fs::FileType;
use std::sync::Arc;
use sync::RwLockWriteGuard;
use vfs::{NewNode, RenameFlags};

/// One or two directories, locked. More than one is locked only under the instance's rename lock, so
/// their order does not matter.
struct Dirs<'a> {
    one: RwLockWriteGuard<'a, Dir>,
    two: Option<RwLockWriteGuard<'a, Dir>>,
}

impl<'a> Dirs<'a> {
    fn lock(one: &'a Arc<Object>, two: &'a Arc<Object>) -> Result<Self, Errno> {
        let is_one = Arc::ptr_eq(one, two);
        let one = one.dir()?.write();
        Ok(Self { one, two: if is_one { None } else { Some(two.dir()?.write_nested()) } })
    }

    fn from(&mut self) -> &mut Dir {
        &mut self.one
    }

    fn to(&mut self) -> &mut Dir {
        self.two.as_deref_mut().unwrap_or(&mut self.one)
    }
}

impl Object {
    /// An empty directory is about to go, under the instance's rename lock: it takes no more names.
    /// `ENOTDIR`, `ENOTEMPTY`. Whiteouts go with it.
    pub(super) fn bury(&self) -> Result<(), Errno> {
        let mut dir = self.dir()?.write_nested();
        if dir.len() != 0 {
            return Err(Errno::ENOTEMPTY);
        }
        dir.is_dead = true;
        drop(dir.take_children(self.budget()));
        drop(dir);
        self.drop_name();
        Ok(())
    }
}

impl Tmpfs {
    /// Moves a name of a directory to a name of a directory. `leave_whiteout` is for the upper layer of an
    /// overlay: the old name is gone, whatever lower layers say.
    pub(crate) fn rename(
        &self,
        (old_dir, old_name): (&Arc<Object>, &[u8]),
        (new_dir, new_name): (&Arc<Object>, &[u8]),
        flags: RenameFlags,
        leave_whiteout: bool,
    ) -> Result<(), Errno> {
        if leave_whiteout {
            self.budget().take_inodes(1)?;
        }
        let result = self.rename_paid((old_dir, old_name), (new_dir, new_name), flags, leave_whiteout);
        if leave_whiteout && !matches!(result, Ok(true)) {
            self.budget().give_inodes(1);
        }
        result.map(drop)
    }

    /// True: the name has moved; false: both names are the same object's.
    fn rename_paid(
        &self,
        (old_dir, old_name): (&Arc<Object>, &[u8]),
        (new_dir, new_name): (&Arc<Object>, &[u8]),
        flags: RenameFlags,
        leave_whiteout: bool,
    ) -> Result<bool, Errno> {
        // Made before the locks are taken: nothing can fail once names have moved.
        let whiteout = if flags.contains(RenameFlags::WHITEOUT) {
            let meta = *old_dir.meta.lock();
            let (uid, gid) = (meta.uid, meta.gid);
            Some(self.make(&NewNode { kind: FileType::CharDevice, mode: 0, uid, gid, rdev: 0, target: Vec::new() })?)
        } else {
            None
        };
        let replaced;
        {
            let _renames = self.renames.lock();
            let mut dirs = Dirs::lock(old_dir, new_dir)?;
            let moved = dirs.from().find(old_name).ok_or(Errno::ENOENT)?.clone();
            let target = dirs.to().find(new_name).cloned();
            if flags.contains(RenameFlags::EXCHANGE) {
                let target = target.ok_or(Errno::ENOENT)?;
                dirs.from().replace(old_name, Child::Object(target.clone()));
                dirs.to().replace(new_name, Child::Object(moved.clone()));
                moved_to(&moved, old_dir, new_dir);
                moved_to(&target, new_dir, old_dir);
                replaced = None;
            } else {
                if dirs.to().is_dead {
                    return Err(Errno::ENOENT);
                }
                if let Some(target) = &target {
                    if flags.contains(RenameFlags::NOREPLACE) {
                        return Err(Errno::EEXIST);
                    }
                    if Arc::ptr_eq(target, &moved) {
                        return Ok(false);
                    }
                    if Arc::ptr_eq(target, old_dir) {
                        return Err(Errno::ENOTEMPTY);
                    }
                    replace(&moved, target, new_dir)?;
                }
                let old = match &whiteout {
                    Some(object) => dirs.from().replace(old_name, Child::Object(object.clone())),
                    None if leave_whiteout => dirs.from().replace(old_name, Child::Whiteout),
                    None => dirs.from().take(old_name),
                };
                let covered = dirs.to().put(new_name, Child::Object(moved.clone()))?;
                if matches!(covered, Some(Child::Whiteout)) {
                    self.budget().give_inodes(1);
                }
                moved_to(&moved, old_dir, new_dir);
                replaced = covered.or(old);
            }
        }
        drop(replaced);
        old_dir.touch();
        new_dir.touch();
        Ok(true)
    }
}

/// `target` loses its name to `moved`: kinds and emptiness.
fn replace(moved: &Object, target: &Object, dir: &Object) -> Result<(), Errno> {
    match (moved.kind == FileType::Directory, target.kind == FileType::Directory) {
        (true, false) => return Err(Errno::ENOTDIR),
        (false, true) => return Err(Errno::EISDIR),
        (true, true) => {
            target.bury()?;
            dir.count_subdir(-1);
        }
        (false, false) => target.drop_name(),
    }
    Ok(())
}

/// Bookkeeping of an object that moved.
fn moved_to(moved: &Object, from: &Arc<Object>, to: &Arc<Object>) {
    moved.touch_attr();
    if moved.kind == FileType::Directory && !Arc::ptr_eq(from, to) {
        moved.set_parent_ino(to.ino);
        from.count_subdir(-1);
        to.count_subdir(1);
    }
}
