//! Character and block devices by number.

use crate::caller::Caller;
use crate::open_file::OpenFile;
use crate::place::Place;
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use std::collections::HashMap;
use std::sync::Arc;
use sync::{Fail, Rank, RwLock};

use crate::file::File;

/// What opening a device gives.
pub enum Opened {
    /// Operations for a new open file description at the node's place.
    File(Box<dyn File>),
    /// An open file description of the device's own making (`/dev/ptmx`).
    Description(Arc<OpenFile>),
}

/// A device driver.
pub trait Device: Send + Sync {
    /// Opens the node at `place`, whose device number is `rdev`. The access mode was checked.
    fn open(&self, caller: &Caller, place: &Place, rdev: u64, flags: OpenFlags) -> Result<Opened, Fail>;
}

type Key = (FileType, u32, Option<u32>);

/// Registered devices.
pub struct DeviceTable {
    /// By kind, major and minor; minor `None` stands for all without an entry of their own.
    devices: RwLock<HashMap<Key, Arc<dyn Device>>>,
}

impl DeviceTable {
    pub(crate) fn new() -> Self {
        Self { devices: RwLock::new(Rank::Leaf, HashMap::new()) }
    }

    /// Adds a device; `minor` `None` is every minor number of the major one.
    pub fn register(&self, kind: FileType, major: u32, minor: Option<u32>, device: Arc<dyn Device>) {
        let old = self.devices.write().insert((kind, major, minor), device);
        drop(old);
    }

    /// The device with the number; `ENXIO`.
    pub fn find(&self, kind: FileType, rdev: u64) -> Result<Arc<dyn Device>, Errno> {
        let (major, minor) = split_dev(rdev);
        let devices = self.devices.read();
        let found = devices.get(&(kind, major, Some(minor))).or_else(|| devices.get(&(kind, major, None)));
        found.cloned().ok_or(Errno::ENXIO)
    }

    /// Kinds and numbers, sorted: for /proc/devices.
    pub fn list(&self) -> Vec<(FileType, u32, Option<u32>)> {
        let mut list: Vec<_> = self.devices.read().keys().copied().collect();
        list.sort_by_key(|&(kind, major, minor)| (kind as u32, major, minor));
        list
    }
}

/// The device number `dev_t` as `stat(2)` shows it: `makedev(3)`.
pub const fn make_dev(major: u32, minor: u32) -> u64 {
    let (major, minor) = (major as u64, minor as u64);
    ((major & 0xffff_f000) << 32) | ((major & 0xfff) << 8) | ((minor & 0xffff_ff00) << 12) | (minor & 0xff)
}

/// Major and minor number of a `dev_t`.
pub const fn split_dev(dev: u64) -> (u32, u32) {
    let major = ((dev >> 32) & 0xffff_f000) | ((dev >> 8) & 0xfff);
    let minor = ((dev >> 12) & 0xffff_ff00) | (dev & 0xff);
    (major as u32, minor as u32)
}
