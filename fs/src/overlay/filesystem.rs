//! An overlay.

use super::node::{Link, Node};
use crate::device::new_device;
use crate::tmpfs::{Object, Origin, Tmpfs};
use abi::Errno;
use abi::fs::FileType;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use sync::{Mutex, Rank};
use vfs::{Attr, Filesystem, Inode, Keyed, Statfs};

/// Device and inode number of the object that an inode of the overlay stands for.
pub(super) type Key = (u64, u64);

/// `statfs(2)` magic.
const MAGIC: u64 = 0x794c_7630;

/// Inode numbers of layers beyond the first are told apart by their upper bits.
const LAYER_SHIFT: u32 = 48;

/// Read-only trees with a tree in memory above.
pub struct Overlay {
    device: u64,
    pub(super) lower: Vec<Arc<dyn Filesystem>>,
    pub(super) upper: Arc<Tmpfs>,
    /// Held while names change.
    pub(super) names: Mutex<()>,
    nodes: Mutex<Table>,
    /// Devices of the layers: their place is the upper bits of inode numbers.
    devices: Mutex<Vec<u64>>,
    first_device: u64,
    me: Weak<Self>,
}

/// Live nodes by the object that they stand for.
struct Table {
    map: HashMap<Key, Weak<Node>, Keyed>,
    /// Dead entries are thrown out when there are this many.
    sweep_at: usize,
}

const FIRST_SWEEP: usize = 1024;

impl Overlay {
    /// `lower` trees, the first one on top, below `upper`. `EINVAL` without a lower tree.
    pub fn new(lower: Vec<Arc<dyn Filesystem>>, upper: Arc<Tmpfs>) -> Result<Arc<Self>, Errno> {
        let first = lower.first().ok_or(Errno::EINVAL)?;
        let (first_device, root) = (first.device(), first.root().attr()?);
        let devices = vec![first_device, upper.device()];
        let object = upper.root_object()?;
        // The root looks like the lower one, and shows what it has.
        let change = vfs::AttrChange {
            mode: Some(root.mode),
            uid: Some(root.uid),
            gid: Some(root.gid),
            ..vfs::AttrChange::default()
        };
        object.change(&change)?;
        object.set_times(root.atime, root.mtime);
        // A tree above that was used before keeps its origin.
        let _ = object.origin.set(Origin { ino: root.ino, key: (root.dev, root.ino) });
        Ok(Arc::new_cyclic(|me| Self {
            device: new_device(),
            lower,
            upper,
            names: Mutex::new(Rank::Layers, ()),
            nodes: Mutex::new(Rank::Leaf, Table { map: HashMap::default(), sweep_at: FIRST_SWEEP }),
            devices: Mutex::new(Rank::Leaf, devices),
            first_device,
            me: me.clone(),
        }))
    }

    fn shared(&self) -> Result<Arc<Self>, Errno> {
        self.me.upgrade().ok_or(Errno::EIO)
    }

    /// The inode number shown for a layer's.
    pub(super) fn shown_ino(&self, device: u64, ino: u64) -> u64 {
        if device == self.first_device {
            return ino;
        }
        let mut devices = self.devices.lock();
        let found = devices.iter().position(|&known| known == device);
        let place = found.unwrap_or_else(|| {
            devices.push(device);
            devices.len() - 1
        });
        ino ^ (place as u64) << LAYER_SHIFT
    }

    /// The inode number shown for an object of the upper layer.
    pub(super) fn ino_of(&self, object: &Object) -> u64 {
        object.origin.get().map_or_else(|| self.shown_ino(self.upper.device(), object.ino), |origin| origin.ino)
    }

    /// Key of an object of the upper layer.
    pub(super) fn key_of(&self, object: &Object) -> Key {
        object.origin.get().map_or((self.upper.device(), object.ino), |origin| origin.key)
    }

    /// A layer's attributes as the overlay shows them.
    pub(super) fn shown(&self, attr: Attr, ino: u64) -> Attr {
        Attr { dev: self.device, ino, ..attr }
    }

    /// The node of an object of the upper layer.
    pub(super) fn upper_node(
        &self,
        object: &Arc<Object>,
        lower: Vec<Arc<dyn Inode>>,
        link: Link,
    ) -> Result<Arc<Node>, Errno> {
        let key = self.key_of(object);
        if let Some(node) = self.live(key) {
            node.set_link(link);
            return Ok(node);
        }
        let fs = self.shared()?;
        let upper = object.node(&self.upper);
        let ino = self.ino_of(object);
        Ok(self.enter(key, Arc::new_cyclic(|me| Node::new(fs, me, Some(key), ino, Some(upper), lower, link))))
    }

    /// The node of an object that only lower layers have.
    pub(super) fn lower_node(&self, lower: Vec<Arc<dyn Inode>>, link: Link) -> Result<Arc<Node>, Errno> {
        let attr = lower.first().ok_or(Errno::ENOENT)?.attr()?;
        // A name of a file with several is an object of its own: it parts from the others when copied up.
        let is_alone = attr.kind == FileType::Directory || attr.nlink <= 1;
        let key = is_alone.then_some((attr.dev, attr.ino));
        if let Some(node) = key.and_then(|key| self.live(key)) {
            node.set_link(link);
            return Ok(node);
        }
        let fs = self.shared()?;
        let ino = self.shown_ino(attr.dev, attr.ino);
        let node = Arc::new_cyclic(|me| Node::new(fs, me, key, ino, None, lower, link));
        Ok(match key {
            Some(key) => self.enter(key, node),
            None => node,
        })
    }

    /// The live node of an object.
    pub(super) fn live(&self, key: Key) -> Option<Arc<Node>> {
        self.nodes.lock().map.get(&key).and_then(Weak::upgrade)
    }

    /// Puts a new node into the table, unless another one was faster; gives the one to use.
    pub(super) fn enter(&self, key: Key, new: Arc<Node>) -> Arc<Node> {
        let mut nodes = self.nodes.lock();
        if let Some(other) = nodes.map.get(&key).and_then(Weak::upgrade) {
            drop(nodes);
            return other;
        }
        if nodes.map.len() >= nodes.sweep_at {
            nodes.map.retain(|_, node| node.strong_count() != 0);
            nodes.sweep_at = FIRST_SWEEP.max(nodes.map.len() * 2);
        }
        nodes.map.insert(key, Arc::downgrade(&new));
        new
    }

    fn root_node(&self) -> Result<Arc<Node>, Errno> {
        let lower = self.lower.iter().map(|lower| lower.root()).collect();
        self.upper_node(self.upper.root_object()?, lower, Link::Root)
    }
}

impl Filesystem for Overlay {
    fn type_name(&self) -> &'static str {
        "overlay"
    }

    fn device(&self) -> u64 {
        self.device
    }

    fn root(&self) -> Arc<dyn Inode> {
        match self.root_node() {
            Ok(root) => root,
            Err(_) => unreachable!("both layers had a root when the overlay was made"),
        }
    }

    fn statfs(&self) -> Result<Statfs, Errno> {
        Ok(Statfs { magic: MAGIC, fsid: self.device, ..self.upper.statfs()? })
    }
}
