//! Extended attributes. The calls know no directory descriptors, so they go by way of procfs: the
//! descriptor is a link of the kernel's own, what follows is one component that is not followed.

use super::at::At;
use super::errno;
use abi::Errno;
use rustix::fs::XattrFlags;

/// Longest value and longest list: `XATTR_SIZE_MAX`.
const MAX: usize = 64 << 10;

/// Value of an attribute.
pub fn xattr(at: At<'_>, name: &[u8]) -> Result<Vec<u8>, Errno> {
    let path = at.proc_path();
    read_all(|buf| {
        if at.name.is_empty() {
            rustix::fs::getxattr(path.as_slice(), name, buf)
        } else {
            rustix::fs::lgetxattr(path.as_slice(), name, buf)
        }
    })
}

/// Names of all attributes, each ended by a zero byte.
pub fn list_xattrs(at: At<'_>) -> Result<Vec<u8>, Errno> {
    let path = at.proc_path();
    read_all(|buf| {
        if at.name.is_empty() {
            rustix::fs::listxattr(path.as_slice(), buf)
        } else {
            rustix::fs::llistxattr(path.as_slice(), buf)
        }
    })
}

/// Most attributes are short: tries a small buffer first.
fn read_all(mut call: impl FnMut(&mut [u8]) -> rustix::io::Result<usize>) -> Result<Vec<u8>, Errno> {
    let mut buf = vec![0; 256];
    loop {
        match call(&mut buf) {
            Ok(len) => {
                buf.truncate(len);
                return Ok(buf);
            }
            Err(rustix::io::Errno::RANGE) if buf.len() < MAX => buf.resize(MAX, 0),
            Err(error) => return Err(errno(error)),
        }
    }
}

/// Sets an attribute; `flags` are `XATTR_CREATE` 1 and `XATTR_REPLACE` 2.
pub fn set_xattr(at: At<'_>, name: &[u8], value: &[u8], flags: u32) -> Result<(), Errno> {
    let (path, flags) = (at.proc_path(), XattrFlags::from_bits_retain(flags));
    if at.name.is_empty() {
        rustix::fs::setxattr(path.as_slice(), name, value, flags).map_err(errno)
    } else {
        rustix::fs::lsetxattr(path.as_slice(), name, value, flags).map_err(errno)
    }
}

/// Removes an attribute.
pub fn remove_xattr(at: At<'_>, name: &[u8]) -> Result<(), Errno> {
    let path = at.proc_path();
    if at.name.is_empty() {
        rustix::fs::removexattr(path.as_slice(), name).map_err(errno)
    } else {
        rustix::fs::lremovexattr(path.as_slice(), name).map_err(errno)
    }
}
