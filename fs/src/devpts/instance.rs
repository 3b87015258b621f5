//! An instance of devpts.

use super::nodes::Root;
use super::options::Options;
use crate::pseudo::PseudoFs;
use crate::tty::{MasterFile, Pty, Release, Terminals};
use abi::Errno;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use sync::{Mutex, Rank};
use vfs::Caller;

/// `statfs(2)` magic.
const MAGIC: u64 = 0x1cd1;
/// Pseudoterminals of all instances at most: /proc/sys/kernel/pty/max.
pub const PTY_MAX: u32 = 4096;

/// Attributes of a node that `chmod` and `chown` change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ownership {
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// A pseudoterminal with its name.
pub struct Slot {
    pub(super) pty: Arc<Pty>,
    pub(super) ownership: Mutex<Ownership>,
}

/// An instance: its numbers, its terminals.
pub struct DevPts {
    terminals: Arc<Terminals>,
    pub(super) options: Options,
    slots: Mutex<BTreeMap<u32, Arc<Slot>>>,
    pub(super) ptmx: Mutex<Ownership>,
}

impl DevPts {
    /// A new instance.
    pub fn new(terminals: Arc<Terminals>, options: Options) -> Arc<Self> {
        let ptmx = Ownership { mode: options.ptmxmode, uid: 0, gid: 0 };
        let instance = Arc::new(Self {
            terminals,
            options,
            slots: Mutex::new(Rank::Leaf, BTreeMap::new()),
            ptmx: Mutex::new(Rank::Leaf, ptmx),
        });
        instance.terminals.ptmx().offer(&instance);
        instance
    }

    /// The filesystem of the instance, with a device number.
    pub fn filesystem(self: &Arc<Self>, device: u64) -> Arc<PseudoFs> {
        let instance = self.clone();
        let options = self.options.show();
        PseudoFs::new("devpts", MAGIC, device, options, move || Box::new(Root(instance.clone())))
    }

    /// A new pseudoterminal; `ENOSPC`.
    fn allocate(&self, uid: u32, gid: u32) -> Result<Arc<Pty>, Errno> {
        let count = self.terminals.count();
        if count.fetch_add(1, SeqCst) >= PTY_MAX {
            count.fetch_sub(1, SeqCst);
            return Err(Errno::ENOSPC);
        }
        let mut slots = self.slots.lock();
        let index =
            slots.keys().zip(0u32..).find(|&(&index, free)| index != free).map_or(slots.len() as u32, |(_, free)| free);
        if index >= self.options.max {
            count.fetch_sub(1, SeqCst);
            return Err(Errno::ENOSPC);
        }
        let pty = Pty::new(index, self.terminals.jobs().clone());
        let ownership = Ownership {
            mode: self.options.mode,
            uid: self.options.uid.unwrap_or(uid),
            gid: self.options.gid.unwrap_or(gid),
        };
        slots.insert(index, Arc::new(Slot { pty: pty.clone(), ownership: Mutex::new(Rank::Leaf, ownership) }));
        Ok(pty)
    }

    /// Opens a master: a new pseudoterminal.
    pub fn open_master(self: &Arc<Self>, caller: &Caller) -> Result<MasterFile, Errno> {
        let pty = self.allocate(caller.creds.fsuid, caller.creds.fsgid)?;
        Ok(MasterFile::new(pty, self.clone()))
    }

    /// A pseudoterminal whose master is a host terminal: see `HostConsole`. It belongs to `uid`.
    pub fn new_console(&self, uid: u32) -> Result<Arc<Pty>, Errno> {
        self.allocate(uid, self.options.gid.unwrap_or(5))
    }

    /// The master of such a pseudoterminal is gone: so is its name.
    pub fn end_console(&self, pty: &Arc<Pty>) {
        if self.slot(pty.index()).is_some_and(|slot| Arc::ptr_eq(&slot.pty, pty)) {
            self.release(pty.index());
        }
    }

    pub(super) fn slot(&self, index: u32) -> Option<Arc<Slot>> {
        self.slots.lock().get(&index).cloned()
    }

    /// Numbers in use.
    pub(super) fn indices(&self) -> Vec<u32> {
        self.slots.lock().keys().copied().collect()
    }
}

impl Release for DevPts {
    fn release(&self, index: u32) {
        let slot = self.slots.lock().remove(&index);
        if slot.is_some() {
            self.terminals.count().fetch_sub(1, SeqCst);
        }
    }
}
