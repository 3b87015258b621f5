//! What the upper layer of an overlay needs beyond a plain tmpfs.

use super::dir::Child;
use super::filesystem::Tmpfs;
use super::object::Object;
use abi::Errno;
use abi::fs::FileType;
use abi::time::Timespec;
use std::sync::Arc;

/// What a name of an upper directory says.
pub(crate) enum Seen {
    /// Nothing: the lower layers decide.
    Nothing,
    /// The name is gone, whatever lower layers say.
    Whiteout,
    /// This object.
    Object(Arc<Object>),
}

impl Object {
    /// What a name of this directory says.
    pub(crate) fn see(&self, name: &[u8]) -> Result<Seen, Errno> {
        Ok(match self.dir()?.read().see(name) {
            None => Seen::Nothing,
            Some(Child::Whiteout) => Seen::Whiteout,
            Some(Child::Object(object)) => Seen::Object(object.clone()),
        })
    }

    /// Counts changes of this directory's names.
    pub(crate) fn version(&self) -> u64 {
        self.dir().map_or(0, |dir| dir.read().version)
    }

    /// Puts an object that was copied up under a name that is free, without a trace in the directory's
    /// times. False: the name is taken, the object stays without one.
    pub(crate) fn adopt(&self, name: &[u8], object: &Arc<Self>) -> Result<bool, Errno> {
        {
            let mut dir = self.dir()?.write();
            if dir.is_dead || dir.see(name).is_some() {
                return Ok(false);
            }
            dir.put(name, Child::Object(object.clone()))?;
        }
        if object.kind == FileType::Directory {
            object.set_parent_ino(self.ino);
            self.count_subdir(1);
        }
        Ok(true)
    }

    /// A copy whose original has no name any more.
    pub(crate) fn lose_name(&self) {
        self.drop_name();
    }

    /// Sets the times that a copy takes over.
    pub(crate) fn set_times(&self, atime: Timespec, mtime: Timespec) {
        let mut meta = self.meta.lock();
        meta.atime = atime;
        meta.mtime = mtime;
    }
}

impl Tmpfs {
    /// Takes a name away, an empty directory's too, and leaves a whiteout if asked to. `ENOTEMPTY`,
    /// `ENOSPC`.
    pub(crate) fn remove(&self, dir: &Arc<Object>, name: &[u8], whiteout: bool) -> Result<(), Errno> {
        if whiteout {
            self.budget().take_inodes(1)?;
        }
        let result = self.remove_paid(dir, name, whiteout);
        match &result {
            // There was one already, or none came to be.
            Ok(Some(Child::Whiteout)) | Err(_) if whiteout => self.budget().give_inodes(1),
            _ => {}
        }
        if let Some(Child::Object(object)) = result?
            && object.kind == FileType::Directory
        {
            dir.count_subdir(-1);
        }
        dir.touch();
        Ok(())
    }

    fn remove_paid(&self, dir: &Arc<Object>, name: &[u8], whiteout: bool) -> Result<Option<Child>, Errno> {
        let _renames = self.renames.lock();
        let mut names = dir.dir()?.write();
        if let Some(object) = names.find(name) {
            if object.kind == FileType::Directory {
                object.bury()?;
            } else {
                object.drop_name();
            }
        }
        if whiteout { names.put(name, Child::Whiteout) } else { Ok(names.take(name)) }
    }
}
