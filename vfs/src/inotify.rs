//! Inotify instances: `inotify(7)`.

use crate::file::{File, Io};
use crate::inode::Inode;
use crate::notify::WATCHES;
use crate::open_file::OpenFile;
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use abi::inotify::{Event, Header};
use abi::poll::Events;
use mm::{Sink, UserAddr, UserMemory, UserPtr};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use sync::{Fail, Mutex, Rank, WaitQueue};
use zerocopy::IntoBytes;

/// Most events that wait: /proc/sys/fs/inotify/max_queued_events.
const MAX_EVENTS: usize = 16384;
/// Most watches of an instance: /proc/sys/fs/inotify/max_user_watches.
const MAX_WATCHES: usize = 65536;
const FIONREAD: u32 = 0x541b;

/// One event that waits to be read.
#[derive(PartialEq, Eq)]
struct Queued {
    wd: i32,
    mask: u32,
    cookie: u32,
    name: Vec<u8>,
}

impl Queued {
    /// Bytes of the name with its zeros: a multiple of the header's size.
    fn name_len(&self) -> usize {
        if self.name.is_empty() { 0 } else { (self.name.len() + 1).next_multiple_of(size_of::<Header>()) }
    }

    fn size(&self) -> usize {
        size_of::<Header>() + self.name_len()
    }
}

/// One watch of one object.
pub(crate) struct Watch {
    instance: Weak<Shared>,
    inode: Arc<dyn Inode>,
    wd: i32,
    mask: AtomicU32,
}

impl Watch {
    /// It does not want to hear of names that are no more: `IN_EXCL_UNLINK`.
    pub(crate) fn ignores_unlinked(&self) -> bool {
        Event::from_bits_retain(self.mask.load(SeqCst)).contains(Event::EXCL_UNLINK)
    }

    /// An event of the object.
    pub(crate) fn tell(self: &Arc<Self>, event: Event, cookie: u32, name: &[u8]) {
        let mask = Event::from_bits_retain(self.mask.load(SeqCst));
        if !mask.intersects(event & Event::ALL) {
            return;
        }
        let Some(instance) = self.instance.upgrade() else { return };
        instance.queue(Queued { wd: self.wd, mask: event.bits(), cookie, name: name.to_vec() });
        if mask.contains(Event::ONESHOT) {
            self.end();
        }
    }

    /// The watch ends: its object is gone, or it was meant for one event.
    pub(crate) fn end(self: &Arc<Self>) {
        if let Some(instance) = self.instance.upgrade() {
            // It may have ended meanwhile.
            let _ = instance.remove(self.wd);
        }
    }
}

#[derive(Default)]
struct State {
    events: VecDeque<Queued>,
    watches: BTreeMap<i32, Arc<Watch>>,
    next_wd: i32,
}

struct Shared {
    state: Mutex<State>,
    waiters: WaitQueue,
}

impl Shared {
    fn queue(&self, event: Queued) {
        {
            let mut state = self.state.lock();
            if state.events.back() == Some(&event) {
                return;
            }
            if state.events.len() > MAX_EVENTS {
                return;
            }
            if state.events.len() == MAX_EVENTS {
                let mask = Event::Q_OVERFLOW.bits();
                state.events.push_back(Queued { wd: -1, mask, cookie: 0, name: Vec::new() });
            } else {
                state.events.push_back(event);
            }
        }
        self.waiters.notify(Events::IN | Events::RDNORM);
    }

    fn remove(&self, wd: i32) -> Result<(), Errno> {
        let watch = self.state.lock().watches.remove(&wd).ok_or(Errno::EINVAL)?;
        watch.inode.attachments().remove_watch(&watch);
        WATCHES.fetch_sub(1, SeqCst);
        self.queue(Queued { wd, mask: Event::IGNORED.bits(), cookie: 0, name: Vec::new() });
        Ok(())
    }
}

/// An inotify instance.
pub struct Inotify {
    shared: Arc<Shared>,
}

impl Inotify {
    /// A new instance: `inotify_init1(2)`.
    pub fn open(flags: OpenFlags) -> Arc<OpenFile> {
        let state = State { next_wd: 1, ..State::default() };
        let shared = Shared { state: Mutex::new(Rank::Buffer, state), waiters: WaitQueue::new() };
        OpenFile::anonymous(Box::new(Self { shared: Arc::new(shared) }), flags & OpenFlags::NONBLOCK)
    }

    /// Watches an object, or changes its watch: `inotify_add_watch(2)`. `ENOSPC`, `EEXIST`.
    pub fn add(&self, inode: &Arc<dyn Inode>, mask: Event) -> Result<i32, Errno> {
        let bits = mask & (Event::ALL | Event::ONESHOT | Event::EXCL_UNLINK);
        let mut state = self.shared.state.lock();
        let is_own = |watch: &&Arc<Watch>| watch.instance.as_ptr() == Arc::as_ptr(&self.shared);
        if let Some(watch) = inode.attachments().watches().iter().find(is_own) {
            if mask.contains(Event::MASK_CREATE) {
                return Err(Errno::EEXIST);
            }
            let old = if mask.contains(Event::MASK_ADD) { watch.mask.load(SeqCst) } else { 0 };
            watch.mask.store(old | bits.bits(), SeqCst);
            return Ok(watch.wd);
        }
        if state.watches.len() >= MAX_WATCHES {
            return Err(Errno::ENOSPC);
        }
        let wd = state.next_wd;
        state.next_wd = wd.checked_add(1).ok_or(Errno::ENOSPC)?;
        let watch = Arc::new(Watch {
            instance: Arc::downgrade(&self.shared),
            inode: inode.clone(),
            wd,
            mask: AtomicU32::new(bits.bits()),
        });
        state.watches.insert(wd, watch.clone());
        drop(state);
        inode.attachments().add_watch(&watch);
        WATCHES.fetch_add(1, SeqCst);
        Ok(wd)
    }

    /// Ends a watch: `inotify_rm_watch(2)`. `EINVAL`.
    pub fn remove(&self, wd: i32) -> Result<(), Errno> {
        self.shared.remove(wd)
    }

    /// Takes events that fit into `room` bytes: `EAGAIN` for none, `EINVAL` when the first does not fit.
    fn take(&self, room: usize) -> Result<Vec<u8>, Errno> {
        let mut state = self.shared.state.lock();
        let mut bytes = Vec::new();
        while let Some(event) = state.events.front() {
            if bytes.len() + event.size() > room {
                if bytes.is_empty() {
                    return Err(Errno::EINVAL);
                }
                break;
            }
            let Some(event) = state.events.pop_front() else { break };
            let len = event.name_len();
            let header = Header { wd: event.wd, mask: event.mask, cookie: event.cookie, len: len as u32 };
            bytes.extend_from_slice(header.as_bytes());
            let end = bytes.len() + len;
            bytes.extend_from_slice(&event.name);
            bytes.resize(end, 0);
        }
        if bytes.is_empty() { Err(Errno::EAGAIN) } else { Ok(bytes) }
    }
}

impl Drop for Inotify {
    fn drop(&mut self) {
        let watches = std::mem::take(&mut self.shared.state.lock().watches);
        WATCHES.fetch_sub(watches.len(), SeqCst);
        for watch in watches.values() {
            watch.inode.attachments().remove_watch(watch);
        }
    }
}

impl File for Inotify {
    fn read(&self, io: &Io<'_>, dst: &mut dyn Sink, _offset: &mut u64) -> Result<usize, Fail> {
        let room = dst.room();
        let bytes = io.caller.retry(&self.shared.waiters, Events::IN, io.is_nonblock(), || self.take(room))?;
        Ok(dst.put(&bytes)?)
    }

    fn readiness(&self) -> Events {
        if self.shared.state.lock().events.is_empty() { Events::empty() } else { Events::IN | Events::RDNORM }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.shared.waiters)
    }

    fn sends_signals(&self) -> bool {
        true
    }

    fn ioctl(&self, _io: &Io<'_>, command: u32, arg: u64, memory: &dyn UserMemory) -> Result<u64, Fail> {
        if command != FIONREAD {
            return Err(Errno::ENOTTY.into());
        }
        let len: usize = self.shared.state.lock().events.iter().map(Queued::size).sum();
        UserPtr::<i32>::new(UserAddr(arg)).write(memory, &i32::try_from(len).unwrap_or(i32::MAX))?;
        Ok(0)
    }

    fn fdinfo(&self) -> String {
        let state = self.shared.state.lock();
        let watches: Vec<_> = state.watches.values().cloned().collect();
        drop(state);
        let line = |watch: &Arc<Watch>| {
            let attr = watch.inode.attr().ok();
            let (ino, dev) = attr.map_or((0, 0), |attr| (attr.ino, attr.dev));
            let mask = watch.mask.load(SeqCst);
            format!("inotify wd:{:x} ino:{ino:x} sdev:{dev:x} mask:{mask:x} ignored_mask:0\n", watch.wd)
        };
        watches.iter().map(line).collect()
    }

    fn anonymous_name(&self) -> Option<String> {
        Some("anon_inode:inotify".to_owned())
    }
}

/// The directory bit that a watch asks for is wrong for the object: `ENOTDIR`.
pub fn check_only_dir(inode: &Arc<dyn Inode>, mask: Event) -> Result<(), Errno> {
    if mask.contains(Event::ONLYDIR) && inode.kind() != FileType::Directory { Err(Errno::ENOTDIR) } else { Ok(()) }
}
