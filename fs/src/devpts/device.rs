//! What opening the nodes of devpts does.

use super::instance::DevPts;
use super::nodes::{Ptmx, Slave};
use crate::pseudo::{Node, Object};
use crate::tty::SlaveFile;
use abi::Errno;
use abi::fs::OpenFlags;
use std::any::Any;
use std::sync::{Arc, Weak};
use sync::{Fail, Mutex, Rank};
use vfs::{Caller, Device, Opened, Place};

/// The object of a node of devpts.
fn object<T: Object>(place: &Place, found: impl FnOnce(&T) -> Result<Opened, Fail>) -> Option<Result<Opened, Fail>> {
    let inode = place.inode().ok()?.clone();
    let inode: &dyn Any = &*inode;
    let object: &dyn Any = inode.downcast_ref::<Node>()?.object();
    object.downcast_ref::<T>().map(found)
}

/// The multiplexer: character device 5, 2.
pub struct PtmxDevice {
    /// The instance for nodes that lie elsewhere.
    default: Mutex<Weak<DevPts>>,
}

impl PtmxDevice {
    /// Without an instance.
    pub const fn new() -> Self {
        Self { default: Mutex::new(Rank::Leaf, Weak::new()) }
    }

    /// The first instance is the one that nodes outside of a devpts (`mknod /dev/ptmx c 5 2`) belong to.
    pub(super) fn offer(&self, instance: &Arc<DevPts>) {
        let mut default = self.default.lock();
        if default.strong_count() == 0 {
            *default = Arc::downgrade(instance);
        }
    }
}

impl Default for PtmxDevice {
    fn default() -> Self {
        Self::new()
    }
}

impl Device for PtmxDevice {
    fn open(&self, caller: &Caller, place: &Place, _rdev: u64, _flags: OpenFlags) -> Result<Opened, Fail> {
        let open = |instance: &Arc<DevPts>| Ok(Opened::File(Box::new(instance.open_master(caller)?)));
        if let Some(opened) = object(place, |ptmx: &Ptmx| open(&ptmx.0)) {
            return opened;
        }
        let instance = self.default.lock().upgrade().ok_or(Errno::ENODEV)?;
        open(&instance)
    }
}

/// The slaves: character devices of major number 136.
pub struct SlaveDevice;

impl Device for SlaveDevice {
    fn open(&self, caller: &Caller, place: &Place, _rdev: u64, flags: OpenFlags) -> Result<Opened, Fail> {
        // A node of that number elsewhere belongs to no instance.
        object(place, |slave: &Slave| Ok(Opened::File(Box::new(SlaveFile::open(&slave.0.pty, caller, flags)?))))
            .unwrap_or(Err(Errno::EIO.into()))
    }
}
