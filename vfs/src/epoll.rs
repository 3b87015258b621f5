//! Epoll instances: `epoll(7)`.
//!
//! An item is the waker in its file's wait queue: a wake puts it on the instance's ready list, wakes one of
//! those who wait for events, and tells those who poll the instance, which may be other instances.

use crate::caller::Caller;
use crate::file::File;
use crate::open_file::OpenFile;
use abi::Errno;
use abi::epoll::{ET, EXCLUSIVE, Event, ONESHOT, WAKEUP};
use abi::fs::OpenFlags;
use abi::poll::Events;
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, OnceLock, Weak};
use sync::{Deadline, Fail, Mutex, Rank, Registration, Sleepers, WaitQueue, Wake};

/// Deepest nesting of instances.
const MAX_NESTING: usize = 4;
/// Most files that one instance watches.
const MAX_ITEMS: usize = 1 << 20;
/// What is always reported.
const ALWAYS: Events = Events::ERR.union(Events::HUP);

type Key = (usize, i32);

/// One file that an instance watches.
pub(crate) struct Item {
    me: Weak<Item>,
    epoll: Weak<Shared>,
    file: Weak<OpenFile>,
    key: Key,
    /// Events and flags asked for; 0 when disabled by `EPOLLONESHOT`.
    events: AtomicU32,
    data: AtomicU64,
    is_queued: AtomicBool,
    link: Mutex<Link>,
}

#[derive(Default)]
struct Link {
    registration: Option<Registration>,
    /// Taken out of the instance: must not be registered any more.
    is_removed: bool,
}

impl Item {
    fn mask(&self) -> Events {
        mask_of(self.events.load(SeqCst))
    }

    /// Starts the watch, and looks whether the file is ready already.
    fn register(&self, file: &OpenFile) {
        let Some(queue) = file.ops.wait_queue() else { return };
        let Some(me) = self.me.upgrade() else { return };
        // All events: which of them count may change.
        let new = if self.events.load(SeqCst) & EXCLUSIVE != 0 {
            queue.add_in_turn(Events::all(), me)
        } else {
            queue.add(Events::all(), me)
        };
        let unused = {
            let mut link = self.link.lock();
            if link.is_removed { Some(new) } else { link.registration.replace(new) }
        };
        if let Some(unused) = unused {
            queue.remove(unused);
        }
        self.look(file);
    }

    /// Puts the item on the ready list if the file is ready.
    fn look(&self, file: &OpenFile) {
        if file.ops.readiness().intersects(self.mask()) {
            self.wake(Events::all(), &mut Sleepers::default());
        }
    }

    /// What the program is told of its file now, if anything; with `EPOLLONESHOT` only once. What was looked at for
    /// that is in `seen`.
    fn take(&self, file: &OpenFile, seen: &mut Vec<Arc<OpenFile>>) -> Option<Event> {
        let flags = self.events.load(SeqCst);
        let ready = readiness(file, seen) & mask_of(flags);
        if ready.is_empty() {
            return None;
        }
        if flags & ONESHOT != 0 {
            // Another thread may have told it at the same time.
            self.events.compare_exchange(flags, 0, SeqCst, SeqCst).ok()?;
        }
        let data = self.data.load(SeqCst);
        Some(Event { events: ready.bits(), data_low: data as u32, data_high: (data >> 32) as u32 })
    }

    /// It is told again as long as the file is ready.
    fn is_level_triggered(&self) -> bool {
        let flags = self.events.load(SeqCst);
        flags != 0 && flags & (ET | ONESHOT) == 0
    }

    fn unregister(&self, ops: &dyn File) {
        let registration = {
            let mut link = self.link.lock();
            link.is_removed = true;
            link.registration.take()
        };
        if let (Some(registration), Some(queue)) = (registration, ops.wait_queue()) {
            queue.remove(registration);
        }
        self.events.store(0, SeqCst);
    }
}

impl Wake for Item {
    fn wake(&self, events: Events, sleepers: &mut Sleepers) -> bool {
        if !self.mask().intersects(events) {
            return false;
        }
        let Some(epoll) = self.epoll.upgrade() else { return false };
        if !self.is_queued.swap(true, SeqCst)
            && let Some(me) = self.me.upgrade()
        {
            epoll.ready.lock().push_back(me);
        }
        let woke = epoll.waiters.notify_into(Events::IN, sleepers);
        epoll.pollers.notify_into(Events::IN | Events::RDNORM, sleepers);
        woke || self.events.load(SeqCst) & EXCLUSIVE == 0
    }
}

struct Shared {
    items: Mutex<HashMap<Key, Arc<Item>>>,
    ready: Mutex<VecDeque<Arc<Item>>>,
    /// Held while events are told: in between, items that stay ready are not on the list. Files that are looked at
    /// meanwhile are let go of after it.
    telling: Mutex<()>,
    /// Who waits for events: one is woken at a time.
    waiters: WaitQueue,
    /// Who wants to know whether there are events: `poll(2)`, other instances.
    pollers: WaitQueue,
    /// The instance's own open file.
    file: OnceLock<Weak<OpenFile>>,
}

/// An epoll instance.
pub struct Epoll {
    shared: Arc<Shared>,
}

/// Held while an instance is put into another one: the graph stands still.
static NESTING: Mutex<()> = Mutex::new(Rank::Epoll, ());

impl Epoll {
    /// A new instance: `epoll_create1(2)`.
    pub fn open() -> Arc<OpenFile> {
        let shared = Arc::new(Shared {
            items: Mutex::new(Rank::Leaf, HashMap::new()),
            ready: Mutex::new(Rank::Leaf, VecDeque::new()),
            telling: Mutex::new(Rank::Epoll, ()),
            waiters: WaitQueue::new(),
            pollers: WaitQueue::new(),
            file: OnceLock::new(),
        });
        let file = OpenFile::anonymous(Box::new(Self { shared: shared.clone() }), OpenFlags::RDWR);
        // Set once, just made.
        let _ = shared.file.set(Arc::downgrade(&file));
        file
    }

    /// Watches `file`, open as `fd`: `EPOLL_CTL_ADD`. `EPERM`, `EEXIST`, `ELOOP`, `EINVAL`, `ENOSPC`.
    pub fn add(&self, file: &Arc<OpenFile>, fd: i32, events: u32, data: u64) -> Result<(), Errno> {
        if file.ops.wait_queue().is_none() {
            return Err(Errno::EPERM);
        }
        let inner = file.downcast::<Self>();
        check_exclusive(events, inner.is_some())?;
        let item = {
            let _nesting = inner.map(|_| NESTING.lock());
            if let Some(inner) = inner {
                self.check_nesting(&inner.shared)?;
            }
            self.insert(file, fd, events, data)?
        };
        item.register(file);
        Ok(())
    }

    /// A new item, known to both sides but not at work yet: `EEXIST`, `ENOSPC`.
    fn insert(&self, file: &Arc<OpenFile>, fd: i32, events: u32, data: u64) -> Result<Arc<Item>, Errno> {
        let key = (Arc::as_ptr(file).addr(), fd);
        let item = Arc::new_cyclic(|me| Item {
            me: me.clone(),
            epoll: Arc::downgrade(&self.shared),
            file: Arc::downgrade(file),
            key,
            events: AtomicU32::new(keep_flags(events)),
            data: AtomicU64::new(data),
            is_queued: AtomicBool::new(false),
            link: Mutex::new(Rank::Leaf, Link::default()),
        });
        {
            let mut items = self.shared.items.lock();
            if items.contains_key(&key) {
                return Err(Errno::EEXIST);
            }
            if items.len() >= MAX_ITEMS {
                return Err(Errno::ENOSPC);
            }
            items.insert(key, item.clone());
        }
        file.watchers.add(&item);
        Ok(item)
    }

    /// Changes what is watched for: `EPOLL_CTL_MOD`. `ENOENT`, `EINVAL`.
    pub fn modify(&self, file: &Arc<OpenFile>, fd: i32, events: u32, data: u64) -> Result<(), Errno> {
        let key = (Arc::as_ptr(file).addr(), fd);
        let item = {
            // An item that is taken out keeps its events, which are none.
            let items = self.shared.items.lock();
            let item = items.get(&key).ok_or(Errno::ENOENT)?;
            if (events | item.events.load(SeqCst)) & EXCLUSIVE != 0 {
                return Err(Errno::EINVAL);
            }
            item.data.store(data, SeqCst);
            item.events.store(keep_flags(events), SeqCst);
            item.clone()
        };
        item.look(file);
        Ok(())
    }

    /// Ends a watch: `EPOLL_CTL_DEL`. `ENOENT`.
    pub fn remove(&self, file: &Arc<OpenFile>, fd: i32) -> Result<(), Errno> {
        let key = (Arc::as_ptr(file).addr(), fd);
        let item = self.shared.items.lock().remove(&key).ok_or(Errno::ENOENT)?;
        item.unregister(&*file.ops);
        file.watchers.remove(&item);
        Ok(())
    }

    /// The file that was watched as `fd`; of several, which were open as `fd` one after the other, that at `place`.
    pub fn watched(&self, fd: i32, place: usize) -> Option<Arc<OpenFile>> {
        let mut items: Vec<_> = {
            let items = self.shared.items.lock();
            items.values().filter(|item| item.key.1 == fd).cloned().collect()
        };
        items.sort_by_key(|item| item.key.0);
        items.get(place)?.file.upgrade()
    }

    /// Up to `max` events: waits for the first one until `deadline`; none when that passed. `poll` only looks.
    pub fn wait(
        &self,
        caller: &Caller,
        max: usize,
        deadline: Option<Deadline>,
        poll: bool,
    ) -> Result<Vec<Event>, Fail> {
        let attempt = || {
            let events = self.shared.collect(max);
            (!events.is_empty()).then_some(events)
        };
        let result = if poll {
            Ok(attempt().unwrap_or_default())
        } else {
            match caller.block_in_turn(&self.shared.waiters, Events::IN, deadline, attempt) {
                Err(Fail::Errno(Errno::EAGAIN)) => Ok(Vec::new()),
                // epoll_wait(2) is never restarted.
                Err(Fail::Interrupted(_)) => Err(Errno::EINTR.into()),
                other => other,
            }
        };
        if !self.shared.waiters.is_empty() && !self.shared.ready.lock().is_empty() {
            // What is left is for the next one.
            self.shared.waiters.notify(Events::IN);
        }
        result
    }

    /// `inner` may be put in here: `EINVAL` for itself, `ELOOP` for a circle or too deep a nesting.
    fn check_nesting(&self, inner: &Arc<Shared>) -> Result<(), Errno> {
        if Arc::ptr_eq(inner, &self.shared) {
            return Err(Errno::EINVAL);
        }
        let above = depth(&self.shared, Shared::outer, None)?;
        let below = depth(inner, Shared::inner, Some(&self.shared))?;
        if above + below + 1 > MAX_NESTING { Err(Errno::ELOOP) } else { Ok(()) }
    }
}

/// Instances in a row from `start` by way of `next`; `ELOOP` when `forbidden` is among them or there are
/// too many.
fn depth(
    start: &Arc<Shared>,
    next: fn(&Shared) -> Vec<Arc<Shared>>,
    forbidden: Option<&Arc<Shared>>,
) -> Result<usize, Errno> {
    let mut seen = HashSet::new();
    let mut level = vec![start.clone()];
    for depth in 0..=MAX_NESTING {
        let mut following = Vec::new();
        for shared in level {
            if forbidden.is_some_and(|forbidden| Arc::ptr_eq(forbidden, &shared)) {
                return Err(Errno::ELOOP);
            }
            // The longest way counts: seen on this level only.
            if seen.insert((depth, Arc::as_ptr(&shared).addr())) {
                following.extend(next(&shared));
            }
        }
        if following.is_empty() {
            return Ok(depth);
        }
        level = following;
    }
    Err(Errno::ELOOP)
}

/// What a file is ready for. Files that an instance looked at for that are in `seen`: the last reference of one may
/// have gone meanwhile, and a file is not closed under the lock of those who watch it.
fn readiness(file: &OpenFile, seen: &mut Vec<Arc<OpenFile>>) -> Events {
    file.downcast::<Epoll>().map_or_else(|| file.ops.readiness(), |inner| inner.shared.readiness(seen))
}

/// The events among what an item asks for.
const fn mask_of(events: u32) -> Events {
    if events == 0 { Events::empty() } else { Events::from_bits_truncate(events).union(ALWAYS) }
}

/// Flags that an item keeps; a mask of nothing still reports errors.
const fn keep_flags(events: u32) -> u32 {
    (events & !WAKEUP) | ALWAYS.bits()
}

/// The rules of `EPOLLEXCLUSIVE`.
const fn check_exclusive(events: u32, is_epoll: bool) -> Result<(), Errno> {
    const ALLOWED: u32 = Events::IN.bits()
        | Events::OUT.bits()
        | Events::ERR.bits()
        | Events::HUP.bits()
        | Events::RDNORM.bits()
        | Events::WRNORM.bits()
        | WAKEUP
        | ET
        | EXCLUSIVE;
    if events & EXCLUSIVE != 0 && (is_epoll || events & !ALLOWED != 0) { Err(Errno::EINVAL) } else { Ok(()) }
}

impl Shared {
    /// Takes up to `max` events off the ready list; level-triggered items go back to its end.
    fn collect(&self, max: usize) -> Vec<Event> {
        let mut files = Vec::new();
        let _telling = self.telling.lock();
        let count = self.ready.lock().len();
        let mut events = Vec::with_capacity(count.min(max));
        let mut back = None;
        for _ in 0..count {
            if events.len() >= max {
                break;
            }
            let item = {
                let mut ready = self.ready.lock();
                ready.extend(back.take());
                ready.pop_front()
            };
            let Some(item) = item else { break };
            item.is_queued.store(false, SeqCst);
            let Some(file) = item.file.upgrade() else { continue };
            let event = item.take(&file, &mut files);
            files.push(file);
            let Some(event) = event else { continue };
            events.push(event);
            if item.is_level_triggered() && !item.is_queued.swap(true, SeqCst) {
                back = Some(item);
            }
        }
        if back.is_some() {
            self.ready.lock().extend(back);
        }
        events
    }

    /// Whether there are events to tell. Files that were looked at for that are in `seen`.
    fn readiness(&self, seen: &mut Vec<Arc<OpenFile>>) -> Events {
        let items: Vec<_> = {
            // Nested: an instance that watches this one may be telling its own.
            let _telling = self.telling.lock_nested();
            self.ready.lock().iter().cloned().collect()
        };
        let mut is_ready = |item: &Arc<Item>| {
            let Some(file) = item.file.upgrade() else { return false };
            let ready = readiness(&file, seen);
            seen.push(file);
            ready.intersects(item.mask())
        };
        if items.iter().any(&mut is_ready) { Events::IN | Events::RDNORM } else { Events::empty() }
    }

    /// Instances that this one watches.
    fn inner(&self) -> Vec<Arc<Self>> {
        let files: Vec<_> = self.items.lock().values().filter_map(|item| item.file.upgrade()).collect();
        files.iter().filter_map(|file| Some(file.downcast::<Epoll>()?.shared.clone())).collect()
    }

    /// Instances that watch this one.
    fn outer(&self) -> Vec<Arc<Self>> {
        let Some(file) = self.file.get().and_then(Weak::upgrade) else { return Vec::new() };
        file.watchers.list().iter().filter_map(|item| item.epoll.upgrade()).collect()
    }
}

impl File for Epoll {
    fn readiness(&self) -> Events {
        self.shared.readiness(&mut Vec::new())
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.shared.pollers)
    }

    fn fdinfo(&self) -> String {
        let items: Vec<_> = self.shared.items.lock().values().cloned().collect();
        let line = |item: &Arc<Item>| {
            let (events, data) = (item.events.load(SeqCst), item.data.load(SeqCst));
            format!("tfd: {:8} events: {events:8x} data: {data:16x}\n", item.key.1)
        };
        items.iter().map(line).collect()
    }

    fn anonymous_name(&self) -> Option<String> {
        Some("anon_inode:[eventpoll]".to_owned())
    }
}

impl Drop for Epoll {
    fn drop(&mut self) {
        let items = std::mem::take(&mut *self.shared.items.lock());
        for item in items.values() {
            if let Some(file) = item.file.upgrade() {
                item.unregister(&*file.ops);
                file.watchers.remove(item);
            }
        }
        let ready = std::mem::take(&mut *self.shared.ready.lock());
        drop(ready);
    }
}

/// Items that watch an open file.
pub(crate) struct Watchers(Mutex<Vec<Weak<Item>>>);

impl Watchers {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Rank::Leaf, Vec::new()))
    }

    fn add(&self, item: &Arc<Item>) {
        self.0.lock().push(Arc::downgrade(item));
    }

    fn remove(&self, item: &Arc<Item>) {
        self.0.lock().retain(|other| other.as_ptr() != Arc::as_ptr(item));
    }

    fn list(&self) -> Vec<Arc<Item>> {
        self.0.lock().iter().filter_map(Weak::upgrade).collect()
    }

    /// The file is gone: so are its items.
    pub(crate) fn close(&self, ops: &dyn File) {
        let items = std::mem::take(&mut *self.0.lock());
        for item in items.iter().filter_map(Weak::upgrade) {
            item.unregister(ops);
            if let Some(epoll) = item.epoll.upgrade() {
                let removed = epoll.items.lock().remove(&item.key);
                drop(removed);
            }
        }
    }
}

impl fmt::Debug for Watchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watchers")
    }
}

#[cfg(test)]
mod tests;
