//! Inodes of files without a name: pipes, sockets, eventfds and their kin.

use crate::attachments::Attachments;
use crate::cache::Cache;
use crate::caller::Caller;
use crate::dentry::Dentry;
use crate::file::{AnonymousNode, File};
use crate::filesystem::{Filesystem, Statfs};
use crate::inode::{Attr, AttrChange, Inode, SetTime};
use crate::mount::Mount;
use crate::place::Place;
use crate::superblock::Superblock;
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use abi::mount::MountFlags;
use abi::time::Timespec;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};
use sync::{Clock, Fail, Mutex, Rank};

/// Device number of files that are neither pipes nor sockets.
pub const ANON_INODE_DEV: u64 = 14;
const PIPE_DEV: u64 = 13;
const SOCKET_DEV: u64 = 8;

/// The filesystem that files without a name belong to.
#[derive(Debug)]
struct AnonFs {
    name: &'static str,
    device: u64,
    magic: u64,
}

static PIPES: LazyLock<Arc<AnonFs>> =
    LazyLock::new(|| Arc::new(AnonFs { name: "pipefs", device: PIPE_DEV, magic: 0x5049_5045 }));
static SOCKETS: LazyLock<Arc<AnonFs>> =
    LazyLock::new(|| Arc::new(AnonFs { name: "sockfs", device: SOCKET_DEV, magic: 0x534f_434b }));
static OTHERS: LazyLock<Arc<AnonFs>> =
    LazyLock::new(|| Arc::new(AnonFs { name: "anon_inodefs", device: ANON_INODE_DEV, magic: 0x0904_1934 }));
/// The mount through which nameless files are seen; part of no namespace.
static MOUNT: LazyLock<Arc<Mount>> = LazyLock::new(|| {
    let filesystem: Arc<dyn Filesystem> = OTHERS.clone();
    let superblock = Superblock::new(filesystem, Arc::new(Cache::new()));
    Mount::new(0, superblock.root(), b"none", MountFlags::empty())
});
static NEXT_INO: AtomicU64 = AtomicU64::new(1000);

/// A fresh inode number for a file without a name (`socket:[17]`, `pipe:[18]`).
pub fn next_ino() -> u64 {
    NEXT_INO.fetch_add(1, Relaxed)
}

impl Filesystem for AnonFs {
    fn type_name(&self) -> &'static str {
        self.name
    }

    fn device(&self) -> u64 {
        self.device
    }

    fn root(&self) -> Arc<dyn Inode> {
        Arc::new(AnonInode::new(&AnonymousNode { kind: Some(FileType::Directory), mode: 0o555, ino: 1 }, 0, 0))
    }

    fn statfs(&self) -> Result<Statfs, Errno> {
        Ok(Statfs { magic: self.magic, bsize: 4096, namelen: 255, ..Statfs::default() })
    }
}

/// An object without a name.
pub(crate) struct AnonInode {
    filesystem: Arc<AnonFs>,
    attr: Mutex<Attr>,
    attachments: Attachments,
}

impl AnonInode {
    pub(crate) fn new(node: &AnonymousNode, uid: u32, gid: u32) -> Self {
        let filesystem = match node.kind {
            Some(FileType::Fifo) => &PIPES,
            Some(FileType::Socket) => &SOCKETS,
            _ => &OTHERS,
        };
        let now = now();
        let attr = Attr {
            dev: filesystem.device,
            ino: if node.ino == 0 { next_ino() } else { node.ino },
            kind: node.kind.unwrap_or(FileType::Regular),
            mode: node.mode,
            nlink: 1,
            uid,
            gid,
            rdev: 0,
            size: 0,
            blksize: 4096,
            blocks: 0,
            atime: now,
            mtime: now,
            ctime: now,
            btime: None,
        };
        Self {
            filesystem: (*filesystem).clone(),
            attr: Mutex::new(Rank::Leaf, attr),
            attachments: Attachments::default(),
        }
    }
}

/// The time of day.
fn now() -> Timespec {
    let now = sync::now(Clock::Realtime);
    Timespec { sec: now.as_secs() as i64, nsec: i64::from(now.subsec_nanos()) }
}

impl Inode for AnonInode {
    fn filesystem(&self) -> &dyn Filesystem {
        &*self.filesystem
    }

    fn kind(&self) -> FileType {
        self.attr.lock().kind
    }

    fn attr(&self) -> Result<Attr, Errno> {
        Ok(*self.attr.lock())
    }

    fn set_attr(&self, _caller: &Caller, change: &AttrChange) -> Result<(), Errno> {
        if change.size.is_some() {
            return Err(Errno::EINVAL);
        }
        let now = now();
        let time = |set: SetTime| match set {
            SetTime::Now => now,
            SetTime::At(at) => at,
        };
        let mut attr = self.attr.lock();
        attr.mode = change.mode.unwrap_or(attr.mode);
        attr.uid = change.uid.unwrap_or(attr.uid);
        attr.gid = change.gid.unwrap_or(attr.gid);
        attr.atime = change.atime.map_or(attr.atime, time);
        attr.mtime = change.mtime.map_or(attr.mtime, time);
        attr.ctime = now;
        Ok(())
    }

    fn attachments(&self) -> &Attachments {
        &self.attachments
    }

    fn open(self: Arc<Self>, _caller: &Caller, _flags: OpenFlags) -> Result<Box<dyn File>, Fail> {
        Err(Errno::ENXIO.into())
    }
}

impl Place {
    /// A place for an object that has no name in any tree; `name` is what its path shows.
    pub fn nameless(inode: Arc<dyn Inode>, name: &[u8]) -> Self {
        let mount = MOUNT.clone();
        let dentry = Dentry::root(mount.root().superblock().clone(), inode, name);
        dentry.set_deleted(true);
        Self { mount, dentry }
    }

    /// It was made by [`Self::nameless`].
    pub fn is_nameless(&self) -> bool {
        Arc::ptr_eq(&self.mount, &MOUNT)
    }
}
