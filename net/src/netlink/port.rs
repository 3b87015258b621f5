//! Port ids: addresses of netlink sockets.

use abi::Errno;
use std::collections::HashSet;
use sync::{Mutex, Rank};

/// First id that is given when the process's own is taken; those after it are lower.
const FIRST_AUTO: u32 = (-4097i32) as u32;

/// The port ids in use in a network namespace, by netlink family.
pub(crate) struct PortIds {
    taken: Mutex<HashSet<(i32, u32)>>,
}

impl PortIds {
    pub(crate) fn new() -> Self {
        Self { taken: Mutex::new(Rank::Stack, HashSet::new()) }
    }

    /// Takes an id: `EADDRINUSE`.
    pub(super) fn take(&self, family: i32, id: u32) -> Result<u32, Errno> {
        if self.taken.lock().insert((family, id)) { Ok(id) } else { Err(Errno::EADDRINUSE) }
    }

    /// Takes the id of the process, or a free one.
    pub(super) fn take_any(&self, family: i32, pid: i32) -> Result<u32, Errno> {
        let mut taken = self.taken.lock();
        let count = taken.len() as u32 + 1;
        let mut ids = std::iter::once(pid as u32).chain((0..count).map(|step| FIRST_AUTO.wrapping_sub(step)));
        ids.find(|&id| taken.insert((family, id))).ok_or(Errno::EADDRINUSE)
    }

    pub(super) fn release(&self, family: i32, id: u32) {
        self.taken.lock().remove(&(family, id));
    }
}
