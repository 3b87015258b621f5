//! The nodes of a container's /dev: OCI runtime specification, "Default Devices" and "Default Filesystems".

use abi::Errno;
use abi::fs::FileType;
use std::sync::Arc;
use vfs::{Caller, Inode, NewNode, make_dev};

/// Devices: name, major, minor.
const DEVICES: [(&str, u32, u32); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

/// Links: name, target.
const LINKS: [(&str, &str); 6] = [
    ("ptmx", "pts/ptmx"),
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("core", "/proc/kcore"),
];

/// Directories to mount on, and their modes.
const DIRECTORIES: [(&str, u32); 3] = [("pts", 0o755), ("shm", 0o1777), ("mqueue", 0o1777)];

/// Makes the nodes of a container's /dev in an empty directory; those that exist stay. `has_console`: a node
/// `console` as well (else it is left to a mount, or out).
pub fn populate(caller: &Caller, dir: &Arc<dyn Inode>, has_console: bool) -> Result<(), Errno> {
    let node = |name: &str, kind, mode, rdev, target: &str| {
        let node = NewNode { kind, mode, uid: 0, gid: 0, rdev, target: target.as_bytes().to_vec() };
        match dir.create(caller, name.as_bytes(), &node) {
            Ok(_) | Err(Errno::EEXIST) => Ok(()),
            Err(errno) => Err(errno),
        }
    };
    for (name, major, minor) in DEVICES {
        node(name, FileType::CharDevice, 0o666, make_dev(major, minor), "")?;
    }
    if has_console {
        node("console", FileType::CharDevice, 0o600, make_dev(5, 1), "")?;
    }
    for (name, target) in LINKS {
        node(name, FileType::Symlink, 0o777, 0, target)?;
    }
    for (name, mode) in DIRECTORIES {
        node(name, FileType::Directory, mode, 0, "")?;
    }
    Ok(())
}
