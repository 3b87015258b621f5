//! /dev of a container: `null(4)`, `full(4)`, `random(4)`; terminals are in [`crate::tty`].
//!
//! [`register`] adds the drivers to the device table, [`populate`] makes the nodes in a directory (that of a
//! fresh tmpfs).

mod memory;
mod nodes;
mod random;

pub use memory::{FullDevice, NullDevice, ZeroDevice};
pub use nodes::populate;
pub use random::RandomDevice;
pub(crate) use random::fill_random;

use abi::fs::FileType;
use std::sync::Arc;
use vfs::Vfs;

/// Major number of the memory devices.
const MEM_MAJOR: u32 = 1;

/// Adds the drivers of the memory devices.
pub fn register(vfs: &Arc<Vfs>) {
    let devices = vfs.devices();
    let kind = FileType::CharDevice;
    devices.register(kind, MEM_MAJOR, Some(3), Arc::new(NullDevice));
    devices.register(kind, MEM_MAJOR, Some(5), Arc::new(ZeroDevice::new(vfs)));
    devices.register(kind, MEM_MAJOR, Some(7), Arc::new(FullDevice));
    devices.register(kind, MEM_MAJOR, Some(8), Arc::new(RandomDevice));
    devices.register(kind, MEM_MAJOR, Some(9), Arc::new(RandomDevice));
}
