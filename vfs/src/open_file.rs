//! Open file descriptions: what `open(2)` makes and `dup(2)` shares.

use crate::anon::AnonInode;
use crate::caller::Caller;
use crate::epoll::Watchers;
use crate::file::{File, Io};
use crate::inode::Inode;
use crate::lock::LockOwner;
use crate::notify::{self, Event};
use crate::place::Place;
use abi::Errno;
use abi::dnotify::DirEvents;
use abi::fs::{FileType, OpenFlags};
use abi::poll::Events;
use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use sync::{Fail, Mutex, Rank, Registration, Wake};

/// Who gets `SIGIO`: `F_SETOWN_EX` of `fcntl(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalOwner {
    /// 0 thread, 1 process, 2 process group: `F_OWNER_*`.
    pub kind: i32,
    /// Its id in the root pid namespace; 0 for nobody.
    pub id: i32,
    /// The signal (`F_SETSIG`); 0 is `SIGIO` without further data.
    pub signal: i32,
    /// Real and effective user of the one who set it.
    pub uids: (u32, u32),
}

/// The owner of an open file, shared with what sends the signals.
#[derive(Debug)]
pub struct OwnerCell(Mutex<SignalOwner>);

impl OwnerCell {
    /// The owner, now.
    pub fn get(&self) -> SignalOwner {
        *self.0.lock()
    }
}

/// Flags that `fcntl(F_SETFL)` changes.
pub const SETFL_MASK: OpenFlags = OpenFlags::APPEND
    .union(OpenFlags::NONBLOCK)
    .union(OpenFlags::ASYNC)
    .union(OpenFlags::DIRECT)
    .union(OpenFlags::NOATIME);

/// Flags of `open(2)` that act at the opening only.
const OPEN_ONLY: OpenFlags =
    OpenFlags::CREAT.union(OpenFlags::EXCL).union(OpenFlags::NOCTTY).union(OpenFlags::TRUNC).union(OpenFlags::CLOEXEC);

/// What an open file counts as among the users of its inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    None,
    Writer,
    Program,
}

/// An open file description.
pub struct OpenFile {
    /// The operations.
    pub ops: Box<dyn File>,
    place: OnceLock<Place>,
    is_anonymous: bool,
    hold: Hold,
    /// Kind of the object; `None` for a file without a place.
    kind: Option<FileType>,
    flags: AtomicU32,
    /// The file was made by this opening.
    is_new: AtomicBool,
    offset: AtomicU64,
    /// Held while the offset moves.
    offset_turn: Mutex<()>,
    owner: Arc<OwnerCell>,
    /// Where the one waits who sends signals to the owner: `O_ASYNC`.
    watch: Mutex<Option<Registration>>,
    pub(crate) watchers: Watchers,
}

impl OpenFile {
    fn make(ops: Box<dyn File>, place: Option<Place>, flags: OpenFlags, hold: Hold) -> Arc<Self> {
        let is_anonymous = place.as_ref().is_none_or(Place::is_nameless);
        let kind = place.as_ref().and_then(|place| place.inode().ok()).map(|inode| inode.kind());
        Arc::new(Self {
            ops,
            kind,
            place: place.map_or_else(OnceLock::new, OnceLock::from),
            is_anonymous,
            hold,
            flags: AtomicU32::new((flags - OPEN_ONLY).bits()),
            is_new: AtomicBool::new(false),
            offset: AtomicU64::new(0),
            offset_turn: Mutex::new(Rank::Offset, ()),
            owner: Arc::new(OwnerCell(Mutex::new(Rank::Leaf, SignalOwner::default()))),
            watch: Mutex::new(Rank::Leaf, None),
            watchers: Watchers::new(),
        })
    }

    /// A file without a place: pipe, socket, eventfd. `flags` are the access mode and status flags.
    pub fn anonymous(ops: Box<dyn File>, flags: OpenFlags) -> Arc<Self> {
        Self::make(ops, None, flags, Hold::None)
    }

    /// A file at a place. Everything was checked.
    pub fn new(ops: Box<dyn File>, place: Place, flags: OpenFlags) -> Arc<Self> {
        Self::make(ops, Some(place), flags, Hold::None)
    }

    /// A file at a place that counts among the writers of its inode until it is closed.
    pub(crate) fn new_writer(ops: Box<dyn File>, place: Place, flags: OpenFlags) -> Arc<Self> {
        Self::make(ops, Some(place), flags, Hold::Writer)
    }

    /// A program's file: nobody opens it for writing until it is closed. `ETXTBSY` while somebody writes.
    pub(crate) fn new_program(ops: Box<dyn File>, place: Place) -> Result<Arc<Self>, Errno> {
        if !place.inode()?.attachments().deny_write() {
            return Err(Errno::ETXTBSY);
        }
        Ok(Self::make(ops, Some(place), OpenFlags::LARGEFILE, Hold::Program))
    }

    /// The file was made by this opening: `F_CREATED_QUERY` of `fcntl(2)`.
    pub fn is_new(&self) -> bool {
        self.is_new.load(SeqCst)
    }

    pub(crate) fn set_new(&self) {
        self.is_new.store(true, SeqCst);
    }

    /// The operations as their own type.
    pub fn downcast<T: File>(&self) -> Option<&T> {
        let ops: &dyn Any = &*self.ops;
        ops.downcast_ref()
    }

    /// Access mode and status flags.
    pub fn flags(&self) -> OpenFlags {
        OpenFlags::from_bits_retain(self.flags.load(SeqCst))
    }

    /// Sets the status flags of [`SETFL_MASK`]: `F_SETFL`. What the file refuses.
    pub fn set_flags(&self, flags: OpenFlags) -> Result<(), Errno> {
        let new = (self.flags() - SETFL_MASK) | (flags & SETFL_MASK);
        self.ops.set_flags(new)?;
        self.flags.store(new.bits(), SeqCst);
        Ok(())
    }

    /// Sets or clears some status flags at once (`FIONBIO`).
    pub fn change_flags(&self, which: OpenFlags, set: bool) -> Result<(), Errno> {
        let mut flags = self.flags();
        flags.set(which, set);
        self.set_flags(flags)
    }

    /// Open for reading.
    pub fn is_readable(&self) -> bool {
        let flags = self.flags();
        !flags.contains(OpenFlags::PATH) && matches!(flags.bits() & 3, 0 | 2)
    }

    /// Open for writing.
    pub fn is_writable(&self) -> bool {
        let flags = self.flags();
        !flags.contains(OpenFlags::PATH) && matches!(flags.bits() & 3, 1 | 2)
    }

    /// Opened with `O_PATH`: a reference to a place only.
    pub fn is_path(&self) -> bool {
        self.flags().contains(OpenFlags::PATH)
    }

    /// Kind of the object; `None` for a file without a place.
    pub const fn kind(&self) -> Option<FileType> {
        self.kind
    }

    /// Has no place of its own in the tree of names.
    pub const fn is_anonymous(&self) -> bool {
        self.is_anonymous
    }

    /// Where it is. Files without a name get a place that no walk finds.
    pub fn place(&self) -> &Place {
        self.place.get_or_init(|| {
            let inode = Arc::new(AnonInode::new(&self.ops.anonymous_node(), 0, 0));
            let name = self.ops.anonymous_name().unwrap_or_else(|| "anon_inode:[file]".to_owned());
            Place::nameless(inode, name.as_bytes())
        })
    }

    /// The object that is open.
    pub fn inode(&self) -> Result<&Arc<dyn Inode>, Errno> {
        self.place().inode()
    }

    /// The text of /proc/PID/fd/N for a process whose root is `root`.
    pub fn path(&self, root: &Place) -> Vec<u8> {
        match self.ops.anonymous_name() {
            Some(name) if self.is_anonymous => name.into_bytes(),
            _ => self.place().path(root),
        }
    }

    /// The present offset. Does not wait for who moves it: /proc/PID/fdinfo looks at it while it is itself read.
    pub fn offset(&self) -> u64 {
        self.offset.load(SeqCst)
    }

    /// Does something that moves the offset; one at a time.
    pub(crate) fn at_offset<T>(&self, act: impl FnOnce(&mut u64) -> T) -> T {
        let _turn = self.offset_turn.lock();
        let mut offset = self.offset.load(SeqCst);
        let result = act(&mut offset);
        self.offset.store(offset, SeqCst);
        result
    }

    /// Who gets `SIGIO`.
    pub fn owner(&self) -> SignalOwner {
        self.owner.get()
    }

    /// Sets who gets `SIGIO`.
    pub fn set_owner(&self, owner: SignalOwner) {
        *self.owner.0.lock() = owner;
    }

    /// Who gets `SIGIO`, as it changes.
    pub const fn owner_cell(&self) -> &Arc<OwnerCell> {
        &self.owner
    }

    /// Tells `waker`, and no other any more, of what this description could be opened for.
    pub fn set_watch(&self, waker: Option<Arc<dyn Wake>>) {
        let Some(queue) = self.ops.wait_queue() else { return };
        let mut events = Events::HUP | Events::ERR;
        events.set(Events::IN | Events::PRI, self.is_readable());
        events.set(Events::OUT, self.is_writable());
        let new = waker.map(|waker| queue.add(events, waker));
        let old = std::mem::replace(&mut *self.watch.lock(), new);
        if let Some(old) = old {
            queue.remove(old);
        }
    }

    /// Tells `waker` of what happens in this directory, `mask` and what it hears of already: `F_NOTIFY`.
    pub fn watch_directory(&self, mask: DirEvents, waker: Arc<dyn Wake>) -> Result<(), Errno> {
        if self.inode()?.attachments().dir_watches().add(self.id(), mask, waker) {
            notify::WATCHES.fetch_add(1, SeqCst);
        }
        Ok(())
    }

    /// Ends what [`Self::watch_directory`] began.
    pub fn end_directory_watch(&self) {
        let Some(Ok(inode)) = self.place.get().map(Place::inode) else { return };
        if inode.attachments().dir_watches_if_any().is_some_and(|watches| watches.remove(self.id())) {
            notify::WATCHES.fetch_sub(1, SeqCst);
        }
    }

    /// What an operation of `caller` is done with; `extra` flags are added (`RWF_NOWAIT`, `RWF_APPEND`).
    pub fn io<'a>(self: &'a Arc<Self>, caller: &'a Caller, extra: OpenFlags) -> Io<'a> {
        Io { caller, file: self, flags: self.flags() | extra }
    }

    /// Owner of the record locks of this description: `F_OFD_SETLK`.
    pub fn lock_owner(&self) -> LockOwner {
        LockOwner::Description(self.id())
    }

    /// Locks the whole file for this description: `flock(2)`. `EAGAIN` with `nonblock`.
    pub fn flock(&self, caller: &Caller, is_exclusive: bool, nonblock: bool) -> Result<(), Fail> {
        self.inode()?.attachments().locks().flock(caller, self.id(), is_exclusive, nonblock)
    }

    /// Gives the lock of [`Self::flock`] up.
    pub fn unflock(&self) -> Result<(), Errno> {
        self.inode()?.attachments().locks().unflock(self.id());
        Ok(())
    }

    /// Identity of the description, for locks that belong to it.
    pub(crate) fn id(&self) -> u64 {
        std::ptr::from_ref(self).addr() as u64
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if let Some(place) = self.place.get() {
            let event = if self.is_writable() { Event::CLOSE_WRITE } else { Event::CLOSE_NOWRITE };
            if !self.is_path() {
                notify::on_dentry(&place.dentry, event);
            }
        }
        self.watchers.close(&*self.ops);
        if self.kind == Some(FileType::Directory) {
            self.end_directory_watch();
        }
        let watch = self.watch.lock().take();
        if let (Some(watch), Some(queue)) = (watch, self.ops.wait_queue()) {
            queue.remove(watch);
        }
        let id = self.id();
        if let Some(Ok(inode)) = self.place.get().map(Place::inode) {
            if let Some(locks) = inode.attachments().locks_if_any() {
                locks.release_description(id);
            }
            match self.hold {
                Hold::None => {}
                Hold::Writer => inode.attachments().end_write(),
                Hold::Program => inode.attachments().allow_write(),
            }
        }
    }
}

impl fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenFile({:?})", self.flags())
    }
}
