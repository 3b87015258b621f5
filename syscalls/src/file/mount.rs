//! `mount(2)`, `umount(2)`, `pivot_root(2)`. Every mount is private: propagation types are accepted and
//! change nothing.

use super::path::read_path;
use abi::Errno;
use abi::fs::FileType;
use abi::mount::{MountFlags, UmountFlags};
use kernel::CurrentTask;
use mm::{UserAddr, UserMemory, UserStr};
use std::sync::Arc;
use vfs::{Capability, MountNamespace, Place, Walk};

/// The namespace of the caller, which may change it: `EPERM`.
fn namespace(task: &CurrentTask) -> Result<Arc<MountNamespace>, Errno> {
    let namespace = task.fs().namespace();
    if task.creds().has_in(namespace.owner(), Capability::SysAdmin) { Ok(namespace) } else { Err(Errno::EPERM) }
}

fn walk(task: &CurrentTask, path: &[u8], follow: bool) -> Result<Place, Errno> {
    Walk::new(task.caller(), task.fs()).find(path, follow)
}

/// A string argument that may be left out; at most a page.
fn optional(task: &CurrentTask, string: UserStr) -> Result<Vec<u8>, Errno> {
    if string.0.is_null() {
        return Ok(Vec::new());
    }
    string.read(&**task.mm(), abi::mm::PAGE_SIZE as usize)?.ok_or(Errno::EINVAL)
}

/// The option string: up to a page, or to the first bad one.
fn options(task: &CurrentTask, data: UserAddr) -> Result<Vec<u8>, Errno> {
    if data.is_null() {
        return Ok(Vec::new());
    }
    let mut bytes = vec![0; abi::mm::PAGE_SIZE as usize];
    let got = task.mm().read_some(data, &mut bytes)?;
    bytes.truncate(got);
    if let Some(end) = bytes.iter().position(|&byte| byte == 0) {
        bytes.truncate(end);
    }
    Ok(bytes)
}

const MAGIC: u64 = 0xc0ed_0000;
const MAGIC_MASK: u64 = 0xffff_0000;
const PROPAGATION: MountFlags =
    MountFlags::SHARED.union(MountFlags::PRIVATE).union(MountFlags::SLAVE).union(MountFlags::UNBINDABLE);

/// The flags of a mount from those of a call: relatime unless told otherwise.
fn own_flags(flags: MountFlags) -> MountFlags {
    let mut own = flags | MountFlags::RELATIME;
    if flags.contains(MountFlags::NOATIME) || flags.contains(MountFlags::STRICTATIME) {
        own -= MountFlags::RELATIME;
    }
    own
}

/// `mount(2)`.
pub(crate) fn mount(
    task: &mut CurrentTask,
    source: UserStr,
    target: UserStr,
    kind: UserStr,
    flags: u64,
    data: UserAddr,
) -> Result<(), Errno> {
    let kind = optional(task, kind)?;
    let source = optional(task, source)?;
    let data = options(task, data)?;
    let flags = if flags & MAGIC_MASK == MAGIC { flags & !MAGIC_MASK } else { flags };
    let flags = MountFlags::from_bits_truncate(flags);
    let target = read_path(task, target)?;
    let at = walk(task, &target, true)?;
    let namespace = namespace(task)?;
    if flags.contains(MountFlags::REMOUNT) {
        return remount(&namespace, &at, flags);
    }
    if flags.contains(MountFlags::BIND) {
        let from = if source.is_empty() { return Err(Errno::EINVAL) } else { walk(task, &source, true)? };
        return namespace.bind(&from, &at, flags.contains(MountFlags::REC));
    }
    if flags.intersects(PROPAGATION) {
        let others = flags - (PROPAGATION | MountFlags::REC | MountFlags::SILENT);
        let is_one = (flags & PROPAGATION).bits().is_power_of_two();
        return if others.is_empty() && is_one && at.is_mount_root() { Ok(()) } else { Err(Errno::EINVAL) };
    }
    if flags.contains(MountFlags::MOVE) {
        let from = if source.is_empty() { return Err(Errno::EINVAL) } else { walk(task, &source, true)? };
        return namespace.move_mount(&from, &at);
    }
    if kind.is_empty() {
        return Err(Errno::EINVAL);
    }
    let vfs = namespace.vfs();
    let maker = vfs.filesystem_type(&kind).ok_or(Errno::ENODEV)?;
    let creds = task.creds();
    let is_allowed = if maker.is_user_mountable() {
        creds.has_in(&maker.owner(task.caller()), Capability::SysAdmin)
    } else {
        creds.has_in_root(Capability::SysAdmin)
    };
    if !is_allowed {
        return Err(Errno::EPERM);
    }
    let filesystem = maker.mount(task.caller(), &source, flags, &data)?;
    namespace.mount(&at, &filesystem, &source, own_flags(flags))
}

/// `MS_REMOUNT`: the flags of the mount; options of the filesystem stay as they are.
fn remount(namespace: &MountNamespace, at: &Place, flags: MountFlags) -> Result<(), Errno> {
    const ATIME: MountFlags =
        MountFlags::NOATIME.union(MountFlags::NODIRATIME).union(MountFlags::RELATIME).union(MountFlags::STRICTATIME);
    let mut own = own_flags(flags);
    if !flags.intersects(ATIME) {
        own = (own - ATIME) | (at.mount.flags() & ATIME);
    }
    namespace.remount(at, own)
}

/// `umount2(2)`.
pub(crate) fn umount2(task: &mut CurrentTask, target: UserStr, flags: u32) -> Result<(), Errno> {
    let flags = UmountFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    let target = read_path(task, target)?;
    let at = walk(task, &target, !flags.contains(UmountFlags::NOFOLLOW))?.top();
    let namespace = namespace(task)?;
    if flags.contains(UmountFlags::EXPIRE) {
        let is_alone = !flags.intersects(UmountFlags::FORCE | UmountFlags::DETACH);
        return Err(if is_alone { Errno::EAGAIN } else { Errno::EINVAL });
    }
    namespace.umount(at, flags)
}

/// `pivot_root(2)`.
pub(crate) fn pivot_root(task: &mut CurrentTask, new_root: UserStr, put_old: UserStr) -> Result<(), Errno> {
    let namespace = namespace(task)?;
    let new_root = walk(task, &read_path(task, new_root)?, true)?;
    let put_old = walk(task, &read_path(task, put_old)?, true)?;
    for place in [&new_root, &put_old] {
        if place.inode()?.kind() != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
    }
    let root = task.fs().root();
    namespace.pivot_root(&root, &new_root, &put_old)?;
    // Whoever stood at the old root stands at the new one.
    for group in task.kernel().groups() {
        for other in group.all_tasks() {
            if let Some(fs) = other.fs() {
                fs.replace(&root, &new_root);
            }
        }
    }
    Ok(())
}
