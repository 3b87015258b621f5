//! What the vfs hangs on an inode.

use crate::dnotify::DirWatches;
use crate::inotify::Watch;
use crate::lock::FileLocks;
use crate::pipe::Pipe;
use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, OnceLock, Weak};
use sync::{Mutex, Rank};

/// What the vfs hangs on an inode. A few words until used.
#[derive(Default)]
pub struct Attachments {
    extra: OnceLock<Box<Extra>>,
    /// `F_SEAL_*` bits with [`SEALABLE`].
    seals: AtomicU32,
    /// Open descriptions that may write; below zero: that many programs run from it.
    writers: AtomicI32,
    /// Shared mappings that may write.
    writable_mappings: AtomicU32,
    /// Somebody has looked, and the file gives no capabilities.
    gives_nothing: AtomicBool,
}

/// The inode takes seals at all.
const SEALABLE: u32 = 1 << 31;

struct Extra {
    locks: FileLocks,
    fifo: Mutex<Weak<Pipe>>,
    socket: Mutex<Option<Weak<dyn Any + Send + Sync>>>,
    watches: Mutex<Vec<Weak<Watch>>>,
    dir_watches: DirWatches,
}

impl Attachments {
    fn extra(&self) -> &Extra {
        self.extra.get_or_init(|| {
            Box::new(Extra {
                locks: FileLocks::new(),
                fifo: Mutex::new(Rank::Inode, Weak::new()),
                socket: Mutex::new(Rank::Inode, None),
                watches: Mutex::new(Rank::Inode, Vec::new()),
                dir_watches: DirWatches::new(),
            })
        })
    }

    /// The file is known to give no capabilities: what changes it need not look.
    pub(crate) fn gives_nothing(&self) -> bool {
        self.gives_nothing.load(SeqCst)
    }

    /// Notes whether the file is known to give no capabilities.
    pub(crate) fn set_gives_nothing(&self, is_known: bool) {
        self.gives_nothing.store(is_known, SeqCst);
    }

    /// Locks of the file: `flock(2)`, `fcntl_locking(2)`.
    pub fn locks(&self) -> &FileLocks {
        &self.extra().locks
    }

    /// Locks, when there ever was one.
    pub(crate) fn locks_if_any(&self) -> Option<&FileLocks> {
        self.extra.get().map(|extra| &extra.locks)
    }

    /// The buffer of a FIFO: one while anybody has it open.
    pub(crate) fn fifo(&self) -> Arc<Pipe> {
        let mut fifo = self.extra().fifo.lock();
        fifo.upgrade().unwrap_or_else(|| {
            let pipe = Pipe::new();
            *fifo = Arc::downgrade(&pipe);
            pipe
        })
    }

    /// Makes `pipe` the buffer (of an unnamed pipe's inode).
    pub(crate) fn set_fifo(&self, pipe: &Arc<Pipe>) {
        *self.extra().fifo.lock() = Arc::downgrade(pipe);
    }

    /// Binds a socket to the name: `unix(7)`. A dead one is replaced.
    pub fn bind_socket(&self, socket: &Arc<dyn Any + Send + Sync>) {
        let old = self.extra().socket.lock().replace(Arc::downgrade(socket));
        drop(old);
    }

    /// The socket bound to the name, while it lives.
    pub fn socket(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        let socket = self.extra.get()?.socket.lock().clone();
        socket?.upgrade()
    }

    /// Those who watch the object: `inotify(7)`.
    pub(crate) fn watches(&self) -> Vec<Arc<Watch>> {
        let Some(extra) = self.extra.get() else { return Vec::new() };
        extra.watches.lock().iter().filter_map(Weak::upgrade).collect()
    }

    pub(crate) fn add_watch(&self, watch: &Arc<Watch>) {
        self.extra().watches.lock().push(Arc::downgrade(watch));
    }

    pub(crate) fn remove_watch(&self, watch: &Arc<Watch>) {
        self.extra().watches.lock().retain(|other| other.as_ptr() != Arc::as_ptr(watch));
    }

    /// Those who hear of a directory by signals: `F_NOTIFY` of `fcntl(2)`.
    pub(crate) fn dir_watches(&self) -> &DirWatches {
        &self.extra().dir_watches
    }

    /// Those who hear of it by signals, when there ever was one who watched anything.
    pub(crate) fn dir_watches_if_any(&self) -> Option<&DirWatches> {
        self.extra.get().map(|extra| &extra.dir_watches)
    }

    /// The seals of the file: `F_GET_SEALS`; `None` when its filesystem knows none.
    pub fn seals(&self) -> Option<u32> {
        let seals = self.seals.load(SeqCst);
        (seals & SEALABLE != 0).then_some(seals & !SEALABLE)
    }

    /// Makes the file take seals, with these set already (files of tmpfs: `F_SEAL_SEAL`).
    pub fn set_seals(&self, seals: u32) {
        self.seals.store(seals | SEALABLE, SeqCst);
    }

    /// One of these seals is set.
    pub fn is_sealed(&self, seals: u32) -> bool {
        self.seals.load(SeqCst) & seals & !SEALABLE != 0
    }

    /// Adds seals; false when `F_SEAL_SEAL` or the file's nature forbids it.
    pub(crate) fn add_seals(&self, seals: u32) -> bool {
        let add = |old: u32| (old & SEALABLE != 0 && old & abi::fs::F_SEAL_SEAL == 0).then_some(old | seals);
        self.seals.fetch_update(SeqCst, SeqCst, add).is_ok()
    }

    /// One more writer; false while a program runs from the file (`ETXTBSY`).
    #[must_use]
    pub fn start_write(&self) -> bool {
        self.writers.fetch_update(SeqCst, SeqCst, |n| if n < 0 { None } else { n.checked_add(1) }).is_ok()
    }

    /// One writer less.
    pub fn end_write(&self) {
        self.writers.fetch_sub(1, SeqCst);
    }

    /// A program is about to run from the file; false while it has writers (`ETXTBSY`).
    #[must_use]
    pub fn deny_write(&self) -> bool {
        self.writers.fetch_update(SeqCst, SeqCst, |n| if n > 0 { None } else { n.checked_sub(1) }).is_ok()
    }

    /// The program no longer runs from it.
    pub fn allow_write(&self) {
        self.writers.fetch_add(1, SeqCst);
    }

    /// Shared mappings that may write, now.
    pub fn writable_mappings(&self) -> u32 {
        self.writable_mappings.load(SeqCst)
    }

    /// One more shared mapping that may write: `F_SEAL_WRITE` is then refused. By whoever makes a
    /// writable [`mm::Backing`] of a file that takes seals; false when a seal forbids it (`EPERM`).
    #[must_use]
    pub fn start_writable_mapping(&self) -> bool {
        self.writable_mappings.fetch_add(1, SeqCst);
        let is_sealed = self.is_sealed(abi::fs::F_SEAL_WRITE | abi::fs::F_SEAL_FUTURE_WRITE);
        if is_sealed {
            self.end_writable_mapping();
        }
        !is_sealed
    }

    /// One less.
    pub fn end_writable_mapping(&self) {
        self.writable_mappings.fetch_sub(1, SeqCst);
    }

    /// Open descriptions that may write.
    pub fn writers(&self) -> i32 {
        self.writers.load(SeqCst).max(0)
    }
}

impl fmt::Debug for Attachments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attachments")
    }
}
