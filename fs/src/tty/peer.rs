//! `TIOCGPTPEER(2const)`: the slave as a descriptor, without a path.

use super::pty::Pty;
use abi::Errno;
use abi::fs::OpenFlags;
use kernel::Task;
use sync::Fail;
use vfs::{Io, Place, Walk};

/// Opens the slave of the master that `io` is about, whose node lies in the same devpts; the new descriptor.
pub(super) fn open_peer(pty: &Pty, io: &Io<'_>, flags: u64) -> Result<u64, Fail> {
    let flags = OpenFlags::from_bits_retain(flags as u32);
    let task = Task::of(io.caller).ok_or(Errno::ENOTTY)?;
    let (fds, fs) = (task.fds().ok_or(Errno::EIO)?, task.fs().ok_or(Errno::EIO)?);
    let ptmx = io.file.place();
    let dir = Place { mount: ptmx.mount.clone(), dentry: ptmx.dentry.parent().ok_or(Errno::EIO)? };
    let reserved = fds.reserve(io.caller, 0, flags.contains(OpenFlags::CLOEXEC))?;
    let walk = Walk::new(io.caller, &fs).from(dir);
    let slave = walk.find(pty.index().to_string().as_bytes(), false)?;
    let file = walk.open_place(slave, flags)?;
    Ok(reserved.install(file) as u64)
}
