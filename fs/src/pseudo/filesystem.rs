//! A filesystem of objects.

use super::node::Node;
use super::object::Object;
use abi::Errno;
use abi::time::Timespec;
use std::sync::{Arc, Weak};
use sync::{Clock, Mutex, Rank};
use vfs::{Filesystem, Inode, Statfs};

/// Makes the root directory.
type MakeRoot = Box<dyn Fn() -> Box<dyn Object> + Send + Sync>;

/// A filesystem made of code.
pub struct PseudoFs {
    type_name: &'static str,
    magic: u64,
    device: u64,
    options: String,
    started: Timespec,
    make_root: MakeRoot,
    takes_names: bool,
    root: Mutex<Weak<Node>>,
    me: Weak<PseudoFs>,
}

impl PseudoFs {
    /// A filesystem of type `type_name` (and `statfs(2)` magic) with the device number `device`, whose root
    /// directory `make_root` makes whenever nobody holds one.
    pub fn new(
        type_name: &'static str,
        magic: u64,
        device: u64,
        options: String,
        make_root: impl Fn() -> Box<dyn Object> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Self::make(type_name, magic, device, options, Box::new(make_root), true)
    }

    /// As [`Self::new`]; to make a name in it ends with `ENOENT`, as if its directories did not exist (proc(5)).
    pub fn new_closed(
        type_name: &'static str,
        magic: u64,
        device: u64,
        make_root: impl Fn() -> Box<dyn Object> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Self::make(type_name, magic, device, String::new(), Box::new(make_root), false)
    }

    fn make(
        type_name: &'static str,
        magic: u64,
        device: u64,
        options: String,
        make_root: MakeRoot,
        takes_names: bool,
    ) -> Arc<Self> {
        let now = sync::now(Clock::Realtime);
        Arc::new_cyclic(|me| Self {
            type_name,
            magic,
            device,
            options,
            started: Timespec { sec: now.as_secs() as i64, nsec: i64::from(now.subsec_nanos()) },
            make_root,
            takes_names,
            root: Mutex::new(Rank::Leaf, Weak::new()),
            me: me.clone(),
        })
    }

    /// When the filesystem came to be: the time stamps of its files.
    pub(super) const fn started(&self) -> Timespec {
        self.started
    }

    /// Names may be made in it, as far as this depends on the filesystem.
    pub(super) const fn takes_names(&self) -> bool {
        self.takes_names
    }
}

/// Inode number of the root directory.
const ROOT_INO: u64 = 1;

impl Filesystem for PseudoFs {
    fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn device(&self) -> u64 {
        self.device
    }

    fn root(&self) -> Arc<dyn Inode> {
        if let Some(root) = self.root.lock().upgrade() {
            return root;
        }
        let object = (self.make_root)();
        let mut root = self.root.lock();
        if let Some(root) = root.upgrade() {
            return root;
        }
        // The strong count is above zero: the caller borrows the filesystem from an `Arc`.
        let fs = self.me.upgrade().unwrap_or_else(|| unreachable!("borrowed from an Arc"));
        let node = Node::new(fs, ROOT_INO, object);
        *root = Arc::downgrade(&node);
        node
    }

    fn statfs(&self) -> Result<Statfs, Errno> {
        Ok(Statfs { magic: self.magic, bsize: abi::mm::PAGE_SIZE, namelen: 255, ..Statfs::default() })
    }

    fn options(&self) -> String {
        self.options.clone()
    }
}
