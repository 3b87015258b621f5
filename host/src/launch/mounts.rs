//! Host directories as detached mounts, and a root with nothing in it.

use super::error::{Context, Error, Result};
use super::text::read_text;
use rustix::fs::{AtFlags, CWD, Mode, mkdirat};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
    UnmountFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount, mount_change, move_mount, open_tree,
    unmount,
};
use rustix::process::{chdir, chroot, fchdir, pivot_root};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// A directory or file of the host, with what is mounted below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Absolute, without symbolic links.
    pub source: PathBuf,
    /// Nothing below can be changed through it.
    pub read_only: bool,
    /// What is mounted below it comes along.
    pub recursive: bool,
}

/// Detached mounts of host directories: they have no place in any tree of names.
#[derive(Debug)]
pub struct MountTrees {
    /// In the order of the trees asked for.
    pub trees: Vec<OwnedFd>,
    /// A procfs of the calling process's pid namespace, process directories only. `None` where the host
    /// allows none (a container whose /proc is masked in part).
    pub proc: Option<OwnedFd>,
}

/// Filesystems that show the host's kernel, not files. They never come along below a directory.
const KERNEL_FILESYSTEMS: &[&str] = &[
    "autofs",
    "binder",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "resctrl",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smackfs",
    "sysfs",
    "tracefs",
];

impl MountTrees {
    /// Takes the trees out of the calling process's mount namespace, which must be its own.
    ///
    /// Kernel filesystems below a tree are hidden by an empty directory, unless the tree itself is of such
    /// a filesystem. All lose devices and set-user-id programs.
    pub fn take(trees: &[Tree]) -> Result<Self> {
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
            .step("detach this mount namespace from the host's")?;
        let proc = procfs().ok();
        let mut points = kernel_mount_points()?;
        let mut taken: Vec<Option<OwnedFd>> = Vec::with_capacity(trees.len());
        for tree in trees {
            let is_kernel = points.iter().any(|point| tree.source.starts_with(point));
            taken.push(if is_kernel { Some(clone_tree(tree)?) } else { None });
        }
        points.retain(|point| trees.iter().any(|tree| point.starts_with(&tree.source)));
        hide(&points)?;
        let trees = trees
            .iter()
            .zip(taken)
            .map(|(tree, early)| {
                let fd = early.map_or_else(|| clone_tree(tree), Ok)?;
                restrict(fd.as_fd(), tree)?;
                Ok(fd)
            })
            .collect::<Result<_>>()?;
        Ok(Self { trees, proc })
    }

    /// Makes an empty read-only directory the root of the mount namespace and unmounts everything else.
    /// What was taken stays reachable by descriptor; the procfs is also at /proc.
    pub fn leave_the_rest(&self) -> Result<()> {
        let root = tmpfs().step("make an empty root")?;
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        move_mount(&root, "", CWD, "/", flags).step("mount the empty root")?;
        fchdir(&root).step("enter the empty root")?;
        if let Some(proc) = &self.proc {
            mkdirat(&root, "proc", Mode::from_raw_mode(0o555)).step("make /proc in the empty root")?;
            move_mount(proc, "", &root, "proc", flags).step("mount /proc in the empty root")?;
        }
        match pivot_root(".", ".") {
            Ok(()) => unmount(".", UnmountFlags::DETACH).step("unmount the host's directories")?,
            // The root of an initramfs can't be moved away; it can be covered.
            Err(rustix::io::Errno::INVAL) => chroot(".").step("change to the empty root")?,
            Err(error) => return Err(error).step("move to the empty root"),
        }
        chdir("/").step("enter the empty root")?;
        set_attributes(root.as_fd(), MOUNT_ATTR_RDONLY, false).step("make the empty root read-only")
    }
}

/// A procfs of the calling process's pid namespace that shows processes only (no /proc/sys), detached.
pub fn procfs() -> Result<OwnedFd> {
    let make = || {
        let context = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(context.as_fd(), "subset", "pid")?;
        fsconfig_create(context.as_fd())?;
        let attributes =
            MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
    };
    make().step("make a procfs for the sandbox")
}

fn tmpfs() -> rustix::io::Result<OwnedFd> {
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(context.as_fd(), "mode", "0555")?;
    fsconfig_set_string(context.as_fd(), "nr_inodes", "4")?;
    fsconfig_create(context.as_fd())?;
    let attributes =
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

fn clone_tree(tree: &Tree) -> Result<OwnedFd> {
    let plain = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let whole = plain | OpenTreeFlags::AT_RECURSIVE;
    let result = if tree.recursive {
        open_tree(CWD, &tree.source, whole)
    } else {
        // Another user's mounts can't be taken apart: what they cover would show.
        open_tree(CWD, &tree.source, plain).or_else(|error| match error {
            rustix::io::Errno::INVAL => open_tree(CWD, &tree.source, whole),
            error => Err(error),
        })
    };
    result.step(format!("take {} into the sandbox", tree.source.display()))
}

fn restrict(fd: BorrowedFd<'_>, tree: &Tree) -> Result<()> {
    let mut attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    if tree.read_only {
        attributes |= MOUNT_ATTR_RDONLY;
    }
    set_attributes(fd, attributes, true).step(format!("restrict the mount of {}", tree.source.display()))
}

/// Where kernel filesystems are mounted in this mount namespace, each below the ones before it or apart.
fn kernel_mount_points() -> Result<Vec<PathBuf>> {
    let path = "/proc/self/mountinfo";
    let table = read_text(path).step(format!("read {path}"))?;
    Ok(table.split(|&byte| byte == b'\n').filter_map(kernel_mount_point).collect())
}

/// Covers each of the mount points by an empty directory.
fn hide(points: &[PathBuf]) -> Result<()> {
    let mut hidden: Vec<&Path> = Vec::new();
    for point in points {
        if hidden.iter().any(|above| point.starts_with(above)) {
            continue;
        }
        let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        match mount("none", point, "tmpfs", flags, Some(c"mode=0555,nr_inodes=1")) {
            Ok(()) => hidden.push(point),
            // Covered by another mount, or not a directory; out of reach, as for the sandbox, which has fewer rights.
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR | rustix::io::Errno::ACCESS) => {}
            Err(error) => return Err(error).step(format!("hide the host's {}", point.display())),
        }
    }
    Ok(())
}

/// The mount point of a line of mountinfo that is of a kernel filesystem and not the root.
fn kernel_mount_point(line: &[u8]) -> Option<PathBuf> {
    let mut words = line.split(|&byte| byte == b' ');
    let point = unescape(words.nth(4)?);
    let kind = words.skip_while(|word| *word != b"-").nth(1)?;
    let is_kernel = KERNEL_FILESYSTEMS.iter().any(|name| name.as_bytes() == kind);
    if is_kernel && point.as_os_str().as_bytes() != b"/" { Some(point) } else { None }
}

/// `\040` and its kin, as proc(5) writes blanks in names.
fn unescape(word: &[u8]) -> PathBuf {
    let mut name = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&byte, tail)) = rest.split_first() {
        if let (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) = (byte, tail) {
            name.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
            rest = after;
        } else {
            name.push(byte);
            rest = tail;
        }
    }
    PathBuf::from(OsString::from_vec(name))
}

const MOUNT_ATTR_RDONLY: u64 = 1;
const MOUNT_ATTR_NOSUID: u64 = 2;
const MOUNT_ATTR_NODEV: u64 = 4;

/// `struct mount_attr` of mount_setattr(2).
#[repr(C)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    userns_fd: u64,
}

fn set_attributes(fd: BorrowedFd<'_>, set: u64, recursive: bool) -> io::Result<()> {
    let attr = MountAttr { set, clear: 0, propagation: 0, userns_fd: 0 };
    let mut flags = AtFlags::EMPTY_PATH.bits();
    if recursive {
        flags |= libc::AT_RECURSIVE as u32;
    }
    // SAFETY: an empty C string and a struct of the size given; the kernel only reads them.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            fd.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attr,
            size_of::<MountAttr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.source.kind(), error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mountinfo_names_the_kernel_filesystems() {
        let line = br"36 35 0:5 / /a\040b rw,nosuid shared:1 master:2 - proc proc rw";
        assert_eq!(kernel_mount_point(line), Some(PathBuf::from("/a b")));
        assert_eq!(kernel_mount_point(b"36 35 8:1 / /home rw - ext4 /dev/sda1 rw"), None);
        assert_eq!(kernel_mount_point(b"36 35 0:5 / / rw - proc proc rw"), None);
        assert_eq!(kernel_mount_point(b"36 35"), None);
        assert_eq!(kernel_mount_point(b""), None);
    }

    #[test]
    fn a_bare_backslash_stays() {
        assert_eq!(unescape(br"a\0b\777\134"), PathBuf::from(r"a\0b\777\"));
    }
}
