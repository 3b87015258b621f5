//! A small filesystem in memory and a caller, for tests.

use crate::*;
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use abi::mount::MountFlags;
use abi::time::Timespec;
use mm::{Sink, Source};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use sync::{Fail, Mutex, Rank, WaitWord};

/// A process that does nothing but count its signals.
#[derive(Default)]
pub(crate) struct TestProcess {
    pub(crate) signals: AtomicU64,
    pub(crate) file_limit: AtomicU64,
}

impl ProcessView for TestProcess {
    fn tid(&self) -> i32 {
        1
    }
    fn pid(&self) -> i32 {
        1
    }
    fn session(&self) -> i32 {
        1
    }
    fn process_group(&self) -> i32 {
        1
    }
    fn is_group_orphaned(&self) -> bool {
        false
    }
    fn is_signal_ignored(&self, _signal: u8) -> bool {
        false
    }
    fn signal_own_group(&self, _signal: u8) {}
    fn signal_self(&self, signal: u8) {
        self.signals.fetch_or(1 << signal, SeqCst);
    }
    fn limit(&self, resource: u32) -> u64 {
        match (resource, self.file_limit.load(SeqCst)) {
            (7, 0) => 1024,
            (7, limit) => limit,
            _ => u64::MAX,
        }
    }
    fn umask(&self) -> u32 {
        0o022
    }
}

/// A caller with the uid; 0 has every capability.
pub(crate) fn caller(uid: u32) -> (Caller, Arc<TestProcess>) {
    let mut creds = Credentials::root(UserNamespace::root());
    if uid != 0 {
        creds.effective = 0;
        creds.fsuid = uid;
        creds.fsgid = uid;
    }
    let process = Arc::new(TestProcess::default());
    let caller = Caller { creds: Arc::new(creds), word: Arc::new(WaitWord::new()), process: process.clone() };
    (caller, process)
}

/// The filesystem.
pub(crate) struct TestFs {
    root: Mutex<Weak<TestNode>>,
    keep: Mutex<Option<Arc<TestNode>>>,
    next: AtomicU64,
}

struct NodeState {
    attr: Attr,
    children: BTreeMap<Vec<u8>, Arc<TestNode>>,
    data: Vec<u8>,
}

pub(crate) struct TestNode {
    fs: Arc<TestFs>,
    kind: FileType,
    state: Mutex<NodeState>,
    attachments: Attachments,
}

impl TestFs {
    pub(crate) fn new() -> Arc<Self> {
        let fs = Arc::new(Self {
            root: Mutex::new(Rank::Leaf, Weak::new()),
            keep: Mutex::new(Rank::Leaf, None),
            next: AtomicU64::new(1),
        });
        let root = TestNode::new(&fs, FileType::Directory, 0o755, 0, Vec::new());
        *fs.root.lock() = Arc::downgrade(&root);
        *fs.keep.lock() = Some(root);
        fs
    }
}

impl TestNode {
    fn new(fs: &Arc<TestFs>, kind: FileType, mode: u32, uid: u32, data: Vec<u8>) -> Arc<Self> {
        let time = Timespec::default();
        let attr = Attr {
            dev: 1,
            ino: fs.next.fetch_add(1, SeqCst),
            kind,
            mode,
            nlink: 1,
            uid,
            gid: uid,
            rdev: 0,
            size: data.len() as u64,
            blksize: 4096,
            blocks: 0,
            atime: time,
            mtime: time,
            ctime: time,
            btime: None,
        };
        Arc::new(Self {
            fs: fs.clone(),
            kind,
            state: Mutex::new(Rank::Directory, NodeState { attr, children: BTreeMap::new(), data }),
            attachments: Attachments::default(),
        })
    }
}

impl Filesystem for TestFs {
    fn type_name(&self) -> &'static str {
        "testfs"
    }
    fn device(&self) -> u64 {
        1
    }
    fn root(&self) -> Arc<dyn Inode> {
        self.root.lock().upgrade().expect("kept")
    }
    fn statfs(&self) -> Result<Statfs, Errno> {
        Ok(Statfs::default())
    }
}

impl Inode for TestNode {
    fn filesystem(&self) -> &dyn Filesystem {
        &*self.fs
    }
    fn kind(&self) -> FileType {
        self.kind
    }
    fn attr(&self) -> Result<Attr, Errno> {
        Ok(self.state.lock_nested().attr)
    }
    fn set_attr(&self, _caller: &Caller, change: &AttrChange) -> Result<(), Errno> {
        let mut state = self.state.lock();
        state.attr.mode = change.mode.unwrap_or(state.attr.mode);
        state.attr.uid = change.uid.unwrap_or(state.attr.uid);
        state.attr.gid = change.gid.unwrap_or(state.attr.gid);
        if let Some(size) = change.size {
            state.data.resize(size as usize, 0);
            state.attr.size = size;
        }
        Ok(())
    }
    fn attachments(&self) -> &Attachments {
        &self.attachments
    }
    fn lookup(&self, _caller: &Caller, name: &[u8]) -> Result<Arc<dyn Inode>, Errno> {
        let state = self.state.lock();
        let found = state.children.get(name).ok_or(Errno::ENOENT)?;
        Ok(found.clone())
    }
    fn create(&self, _caller: &Caller, name: &[u8], node: &NewNode) -> Result<Arc<dyn Inode>, Errno> {
        let made = TestNode::new(&self.fs, node.kind, node.mode, node.uid, node.target.clone());
        let mut state = self.state.lock();
        if state.children.contains_key(name) {
            return Err(Errno::EEXIST);
        }
        state.children.insert(name.to_vec(), made.clone());
        Ok(made)
    }
    fn link(&self, _caller: &Caller, name: &[u8], target: &Arc<dyn Inode>) -> Result<(), Errno> {
        let any: Arc<dyn std::any::Any + Send + Sync> = target.clone();
        let node = any.downcast::<TestNode>().map_err(|_| Errno::EXDEV)?;
        self.state.lock().children.insert(name.to_vec(), node);
        Ok(())
    }
    fn unlink(&self, _caller: &Caller, name: &[u8]) -> Result<(), Errno> {
        self.state.lock().children.remove(name).map(drop).ok_or(Errno::ENOENT)
    }
    fn rmdir(&self, _caller: &Caller, name: &[u8]) -> Result<(), Errno> {
        let mut state = self.state.lock();
        let victim = state.children.get(name).ok_or(Errno::ENOENT)?;
        if !victim.state.lock_nested().children.is_empty() {
            return Err(Errno::ENOTEMPTY);
        }
        state.children.remove(name);
        Ok(())
    }
    fn rename(
        &self,
        _caller: &Caller,
        name: &[u8],
        new_dir: &Arc<dyn Inode>,
        new_name: &[u8],
        flags: RenameFlags,
    ) -> Result<(), Errno> {
        let any: Arc<dyn std::any::Any + Send + Sync> = new_dir.clone();
        let new_dir = any.downcast::<TestNode>().map_err(|_| Errno::EXDEV)?;
        let node = self.state.lock().children.remove(name).ok_or(Errno::ENOENT)?;
        let old = new_dir.state.lock().children.insert(new_name.to_vec(), node.clone());
        if let Some(old) = old {
            if flags.contains(RenameFlags::EXCHANGE) {
                self.state.lock().children.insert(name.to_vec(), old);
            } else if old.kind == FileType::Directory && !old.state.lock().children.is_empty() {
                new_dir.state.lock().children.insert(new_name.to_vec(), old);
                self.state.lock().children.insert(name.to_vec(), node);
                return Err(Errno::ENOTEMPTY);
            }
        }
        Ok(())
    }
    fn read_link(&self, _caller: &Caller) -> Result<LinkTarget, Errno> {
        Ok(LinkTarget::Path(self.state.lock().data.clone()))
    }
    fn open(self: Arc<Self>, _caller: &Caller, _flags: OpenFlags) -> Result<Box<dyn File>, Fail> {
        Ok(Box::new(TestFile(self)))
    }
}

struct TestFile(Arc<TestNode>);

impl File for TestFile {
    fn is_seekable(&self) -> bool {
        true
    }
    fn read(&self, _io: &Io<'_>, dst: &mut dyn Sink, offset: &mut u64) -> Result<usize, Fail> {
        let data = self.0.state.lock().data.clone();
        let rest = data.get(*offset as usize..).unwrap_or_default();
        let n = dst.put(&rest[..rest.len().min(dst.room())])?;
        *offset += n as u64;
        Ok(n)
    }
    fn write(&self, io: &Io<'_>, src: &mut dyn Source, offset: &mut u64) -> Result<usize, Fail> {
        let mut bytes = vec![0; src.left()];
        let n = src.take(&mut bytes)?;
        let mut state = self.0.state.lock();
        if io.flags.contains(OpenFlags::APPEND) {
            *offset = state.data.len() as u64;
        }
        let end = *offset as usize + n;
        if state.data.len() < end {
            state.data.resize(end, 0);
        }
        state.data[*offset as usize..end].copy_from_slice(&bytes[..n]);
        state.attr.size = state.data.len() as u64;
        *offset = end as u64;
        Ok(n)
    }
}

/// A context over a fresh filesystem.
pub(crate) fn context() -> Arc<FsContext> {
    let vfs = Vfs::new();
    let fs: Arc<dyn Filesystem> = TestFs::new();
    let namespace = MountNamespace::new(&vfs, &fs, b"test", MountFlags::empty(), UserNamespace::root());
    FsContext::new(namespace, 0o022)
}
