//! Reading lower layers without an open file: for copies and lists of names.

use super::node::Node;
use crate::host::{self, EachEntry};
use crate::tmpfs::{self, Content};
use ::host::file::Access;
use abi::Errno;
use std::any::Any;
use std::sync::Arc;
use vfs::{Caller, Inode};

/// Fills `to` with the first `size` bytes of a regular file. `EIO` for a filesystem that cannot be below.
pub(super) fn copy_data(from: &Arc<dyn Inode>, to: &Content, size: u64) -> Result<(), Errno> {
    let mut from = from.clone();
    loop {
        let any: &dyn Any = &*from;
        if let Some(node) = any.downcast_ref::<host::Node>() {
            return to.copy_from_host(&node.open_host(Access::Read)?, size);
        }
        if let Some(node) = any.downcast_ref::<tmpfs::Node>() {
            let content = node.object.content()?;
            return to.copy_by(size, |buf, offset| content.read_at(offset, buf));
        }
        // An overlay below: its real file.
        from = any.downcast_ref::<Node>().ok_or(Errno::EIO)?.real()?;
    }
}

/// Calls `each` with name, shown inode number and kind of a directory's entries.
pub(super) fn entries(dir: &Arc<dyn Inode>, caller: &Caller, each: EachEntry<'_>) -> Result<(), Errno> {
    let any: &dyn Any = &**dir;
    if let Some(node) = any.downcast_ref::<host::Node>() {
        return node.entries(each);
    }
    if let Some(node) = any.downcast_ref::<tmpfs::Node>() {
        node.object.dir()?.read().each(0, |name, child, _| {
            if let tmpfs::Child::Object(object) = child {
                each(name, object.ino, Some(object.kind));
            }
            std::ops::ControlFlow::Continue(())
        });
        return Ok(());
    }
    let node = any.downcast_ref::<Node>().ok_or(Errno::EIO)?;
    for entry in &node.list(caller)?.entries {
        each(&entry.name, entry.ino, Some(entry.kind));
    }
    Ok(())
}
