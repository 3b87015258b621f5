//! A host directory as a filesystem.

use super::node::Node;
use crate::device::new_device;
use abi::Errno;
use abi::fs::FileType;
use host::file::{self, At, Stat};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Weak};
use sync::{Mutex, Rank};
use vfs::{Attr, CachePolicy, Filesystem, Inode, Keyed, Statfs};

/// How a host directory is used.
#[derive(Clone, Copy, Debug)]
pub struct HostOptions {
    /// Nothing is changed through it.
    pub read_only: bool,
    /// May names be kept? [`CachePolicy::Keep`] with `read_only` also keeps attributes for ever.
    pub cache: CachePolicy,
    /// Owner shown for files whose host owner has no id in the sandbox's host user namespace (there it is
    /// 65534, too).
    pub unmapped_owner: u32,
}

/// What the host shows for an owner outside of a user namespace's map.
const OVERFLOW: u32 = vfs::OVERFLOW_ID;

/// A host directory and what lies beneath it.
pub struct HostFs {
    root: Arc<OwnedFd>,
    root_stat: Stat,
    options: HostOptions,
    /// Guest device numbers of the host's; the root's first.
    devices: Mutex<Vec<(u64, u64)>>,
    device: u64,
    nodes: Mutex<Table>,
    me: Weak<Self>,
}

/// Live nodes by host device and inode number.
struct Table {
    map: HashMap<(u64, u64), Weak<Node>, Keyed>,
    /// Dead entries are thrown out when there are this many.
    sweep_at: usize,
}

const FIRST_SWEEP: usize = 1024;

impl HostFs {
    /// The tree beneath `root`, a directory (or a single regular file to be mounted on a file); `O_PATH`
    /// will do.
    pub fn new(root: OwnedFd, options: HostOptions) -> io::Result<Arc<Self>> {
        let error = |errno: Errno| io::Error::from_raw_os_error(i32::from(errno.0));
        let root_stat = file::stat(At::fd(&root)).map_err(error)?;
        let device = new_device();
        Ok(Arc::new_cyclic(|me| Self {
            root: Arc::new(root),
            root_stat,
            options,
            devices: Mutex::new(Rank::Leaf, vec![(root_stat.dev, device)]),
            device,
            nodes: Mutex::new(Rank::Leaf, Table { map: HashMap::default(), sweep_at: FIRST_SWEEP }),
            me: me.clone(),
        }))
    }

    pub(super) const fn root_fd(&self) -> &Arc<OwnedFd> {
        &self.root
    }

    pub(super) fn shared(&self) -> Result<Arc<Self>, Errno> {
        self.me.upgrade().ok_or(Errno::EIO)
    }

    /// Names are kept.
    pub(super) const fn cache_policy(&self) -> CachePolicy {
        self.options.cache
    }

    /// Nobody changes anything: attributes are kept too.
    pub(super) fn is_frozen(&self) -> bool {
        self.options.read_only && self.options.cache == CachePolicy::Keep
    }

    /// The guest's number of a host device.
    fn guest_device(&self, host: u64) -> u64 {
        if host == self.root_stat.dev {
            return self.device;
        }
        let mut devices = self.devices.lock();
        if let Some(&(_, guest)) = devices.iter().find(|(known, _)| *known == host) {
            return guest;
        }
        let guest = new_device();
        devices.push((host, guest));
        guest
    }

    /// Attributes as the guest sees them.
    pub(super) fn attr(&self, stat: &Stat) -> Result<Attr, Errno> {
        let kind = FileType::from_mode(stat.mode).ok_or(Errno::EIO)?;
        let mut attr = attr(stat, self.guest_device(stat.dev), kind);
        for owner in [&mut attr.uid, &mut attr.gid] {
            if *owner == OVERFLOW {
                *owner = self.options.unmapped_owner;
            }
        }
        Ok(attr)
    }

    /// The live node of a host device and inode number.
    pub(super) fn live(&self, key: (u64, u64)) -> Option<Arc<Node>> {
        self.nodes.lock().map.get(&key).and_then(Weak::upgrade)
    }

    /// The node of a host object: one while anybody uses it. `place` says where it was found, `None` for
    /// the root.
    pub(super) fn node(&self, stat: &Stat, place: Option<(&Arc<Node>, &[u8])>) -> Result<Arc<Node>, Errno> {
        let key = (stat.dev, stat.ino);
        let kind = FileType::from_mode(stat.mode).ok_or(Errno::EIO)?;
        let found = self.live(key);
        if let Some(found) = found
            && found.is(kind)
        {
            found.seen(stat, place);
            return Ok(found);
        }
        let fs = self.shared()?;
        let attr = self.attr(stat)?;
        let new = Arc::new_cyclic(|me| Node::new(fs, me, key, attr, place));
        let (node, dead) = self.nodes.lock().insert(key, kind, new);
        drop(dead);
        Ok(node)
    }
}

/// Host attributes as the guest's, on device `dev`.
pub(super) const fn attr(stat: &Stat, dev: u64, kind: FileType) -> Attr {
    Attr {
        dev,
        ino: stat.ino,
        kind,
        mode: stat.mode & 0o7777,
        nlink: stat.nlink,
        uid: stat.uid,
        gid: stat.gid,
        rdev: stat.rdev,
        size: stat.size,
        blksize: stat.blksize,
        blocks: stat.blocks,
        atime: stat.atime,
        mtime: stat.mtime,
        ctime: stat.ctime,
        btime: stat.btime,
    }
}

impl Table {
    /// Puts a new node, unless another one was faster; gives the one in the table and what is to be dropped
    /// without the table's lock.
    fn insert(&mut self, key: (u64, u64), kind: FileType, new: Arc<Node>) -> (Arc<Node>, Option<Arc<Node>>) {
        if let Some(other) = self.map.get(&key).and_then(Weak::upgrade) {
            if other.is(kind) {
                return (other, Some(new));
            }
            self.map.insert(key, Arc::downgrade(&new));
            return (new, Some(other));
        }
        if self.map.len() >= self.sweep_at {
            self.map.retain(|_, node| node.strong_count() != 0);
            self.sweep_at = FIRST_SWEEP.max(self.map.len() * 2);
        }
        self.map.insert(key, Arc::downgrade(&new));
        (new, None)
    }
}

impl Filesystem for HostFs {
    /// The host's own type, as far as guests may care.
    fn type_name(&self) -> &'static str {
        match file::stat_fs(self.root.as_fd()).map_or(0, |stat| stat.magic) {
            0xef53 => "ext4",
            0x5846_5342 => "xfs",
            0x9123_683e => "btrfs",
            0x0102_1994 => "tmpfs",
            0x794c_7630 => "overlay",
            0x2fc1_2fc1 => "zfs",
            0xe0f5_e1e2 => "erofs",
            0x7371_7368 => "squashfs",
            0x6969 => "nfs",
            0x6573_5546 => "fuse",
            0x0102_1997 => "9p",
            _ => "none",
        }
    }

    fn device(&self) -> u64 {
        self.device
    }

    fn root(&self) -> Arc<dyn Inode> {
        match self.node(&self.root_stat, None) {
            Ok(root) => root,
            Err(_) => unreachable!("the root's kind was known when the filesystem was made"),
        }
    }

    fn statfs(&self) -> Result<Statfs, Errno> {
        let stat = file::stat_fs(self.root.as_fd())?;
        Ok(Statfs {
            magic: stat.magic,
            bsize: stat.bsize,
            blocks: stat.blocks,
            bfree: stat.bfree,
            bavail: stat.bavail,
            files: stat.files,
            ffree: stat.ffree,
            fsid: self.device,
            namelen: stat.namelen,
        })
    }

    fn is_read_only(&self) -> bool {
        self.options.read_only
    }

    fn sync(&self) -> Result<(), Errno> {
        if self.options.read_only {
            return Ok(());
        }
        let fd = file::open_dir(At::fd(&self.root)).or_else(|_| file::reopen(self.root.as_fd(), file::Access::Read))?;
        file::sync_filesystem(fd.as_fd())
    }
}
