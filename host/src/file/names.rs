//! Names: making, removing, moving.

use super::at::At;
use super::errno;
use abi::Errno;
use abi::fs::FileType;
use rustix::fs::{AtFlags, Mode, RenameFlags};

/// Makes a directory.
pub fn make_dir(at: At<'_>, mode: u32) -> Result<(), Errno> {
    rustix::fs::mkdirat(at.fd, at.name, Mode::from_raw_mode(mode)).map_err(errno)
}

/// Makes a FIFO, socket name or device node. `EINVAL` for other kinds.
pub fn make_node(at: At<'_>, kind: FileType, mode: u32, rdev: u64) -> Result<(), Errno> {
    let kind = match kind {
        FileType::Fifo => rustix::fs::FileType::Fifo,
        FileType::Socket => rustix::fs::FileType::Socket,
        FileType::CharDevice => rustix::fs::FileType::CharacterDevice,
        FileType::BlockDevice => rustix::fs::FileType::BlockDevice,
        _ => return Err(Errno::EINVAL),
    };
    rustix::fs::mknodat(at.fd, at.name, kind, Mode::from_raw_mode(mode), rdev).map_err(errno)
}

/// Makes a symbolic link.
pub fn make_symlink(at: At<'_>, target: &[u8]) -> Result<(), Errno> {
    rustix::fs::symlinkat(target, at.fd, at.name).map_err(errno)
}

/// Target of a symbolic link.
pub fn read_link(at: At<'_>) -> Result<Vec<u8>, Errno> {
    rustix::fs::readlinkat(at.fd, at.name, Vec::new()).map(std::ffi::CString::into_bytes).map_err(errno)
}

/// Gives the object at `old` one more name.
pub fn link(old: At<'_>, new: At<'_>) -> Result<(), Errno> {
    if !old.name.is_empty() {
        return rustix::fs::linkat(old.fd, old.name, new.fd, new.name, AtFlags::empty()).map_err(errno);
    }
    match rustix::fs::linkat(old.fd, "", new.fd, new.name, AtFlags::EMPTY_PATH) {
        // That way wants a capability; the other one procfs.
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::PERM) => {
            rustix::fs::linkat(old.fd, old.proc_path(), new.fd, new.name, AtFlags::SYMLINK_FOLLOW).map_err(errno)
        }
        other => other.map_err(errno),
    }
}

/// Removes a name: of an empty directory, or of anything else.
pub fn remove(at: At<'_>, is_dir: bool) -> Result<(), Errno> {
    let flags = if is_dir { AtFlags::REMOVEDIR } else { AtFlags::empty() };
    rustix::fs::unlinkat(at.fd, at.name, flags).map_err(errno)
}

/// Moves a name; `flags` are `RENAME_*` of `renameat2(2)`.
pub fn rename(old: At<'_>, new: At<'_>, flags: u32) -> Result<(), Errno> {
    let flags = RenameFlags::from_bits_retain(flags);
    rustix::fs::renameat_with(old.fd, old.name, new.fd, new.name, flags).map_err(errno)
}
