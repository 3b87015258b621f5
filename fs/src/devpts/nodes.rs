//! Names of devpts: `ptmx` and a number for each slave.

use super::instance::{DevPts, Ownership, Slot};
use crate::pseudo::{Child, Name, Object};
use crate::tty::PTS_MAJOR;
use abi::Errno;
use abi::fs::FileType;
use std::sync::Arc;
use sync::Mutex;
use vfs::{AttrChange, CachePolicy, Caller};

/// Inode number of `ptmx`.
const PTMX_INO: u64 = 2;
/// Inode number of slave 0.
const FIRST_INO: u64 = 3;

fn slave_ino(index: u32) -> u64 {
    FIRST_INO + u64::from(index)
}

impl Ownership {
    fn change(&mut self, change: &AttrChange) {
        self.mode = change.mode.unwrap_or(self.mode);
        self.uid = change.uid.unwrap_or(self.uid);
        self.gid = change.gid.unwrap_or(self.gid);
    }
}

/// The root directory.
pub(super) struct Root(pub(super) Arc<DevPts>);

impl Object for Root {
    fn kind(&self) -> FileType {
        FileType::Directory
    }

    fn mode(&self) -> u32 {
        0o755
    }

    fn cache_policy(&self) -> CachePolicy {
        CachePolicy::Never
    }

    fn lookup(&self, _caller: &Caller, name: &[u8]) -> Result<Child, Errno> {
        if name == b"ptmx" {
            return Ok(Child::Object(Box::new(Ptmx(self.0.clone()))));
        }
        let index: u32 = std::str::from_utf8(name).ok().and_then(|name| name.parse().ok()).ok_or(Errno::ENOENT)?;
        if index.to_string().as_bytes() != name {
            return Err(Errno::ENOENT);
        }
        let slot = self.0.slot(index).ok_or(Errno::ENOENT)?;
        Ok(Child::Object(Box::new(Slave(slot))))
    }

    fn list(&self, _caller: &Caller, after: u64) -> Result<Vec<Name>, Errno> {
        let ptmx = Name { name: b"ptmx".to_vec(), kind: FileType::CharDevice, ino: Some(PTMX_INO), key: 1 };
        let slaves = self.0.indices().into_iter().map(|index| Name {
            name: index.to_string().into_bytes(),
            kind: FileType::CharDevice,
            ino: Some(slave_ino(index)),
            key: 2 + u64::from(index),
        });
        Ok(std::iter::once(ptmx).chain(slaves).filter(|name| name.key > after).collect())
    }
}

/// The multiplexer: opening it makes a pseudoterminal.
pub(super) struct Ptmx(pub(super) Arc<DevPts>);

/// A slave.
pub(super) struct Slave(pub(super) Arc<Slot>);

/// A node whose owner and mode change.
trait Owned {
    fn ownership(&self) -> &Mutex<Ownership>;
    fn number(&self) -> u64;
    fn inode(&self) -> u64;
}

impl Owned for Ptmx {
    fn ownership(&self) -> &Mutex<Ownership> {
        &self.0.ptmx
    }
    fn number(&self) -> u64 {
        vfs::make_dev(5, 2)
    }
    fn inode(&self) -> u64 {
        PTMX_INO
    }
}

impl Owned for Slave {
    fn ownership(&self) -> &Mutex<Ownership> {
        &self.0.ownership
    }
    fn number(&self) -> u64 {
        vfs::make_dev(PTS_MAJOR, self.0.pty.index())
    }
    fn inode(&self) -> u64 {
        slave_ino(self.0.pty.index())
    }
}

macro_rules! device_node {
    ($($node:ty)*) => {$(
        impl Object for $node {
            fn kind(&self) -> FileType {
                FileType::CharDevice
            }
            fn mode(&self) -> u32 {
                self.ownership().lock().mode
            }
            fn owner(&self) -> (u32, u32) {
                let ownership = *self.ownership().lock();
                (ownership.uid, ownership.gid)
            }
            fn ino(&self) -> Option<u64> {
                Some(self.inode())
            }
            fn rdev(&self) -> u64 {
                self.number()
            }
            fn set_attr(&self, _caller: &Caller, change: &AttrChange) -> Result<(), Errno> {
                self.ownership().lock().change(change);
                Ok(())
            }
        }
    )*};
}

device_node!(Ptmx Slave);
