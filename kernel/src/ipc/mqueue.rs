//! POSIX message queues: `mq_overview(7)`.

use crate::task::ThreadGroup;
use abi::Errno;
use abi::clock::{SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD};
use abi::ipc::MqAttr;
use abi::poll::Events;
use abi::signal::{SI_MESGQ, SigInfo};
use mm::Sink;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use sync::{Fail, Mutex, Rank, WaitQueue};
use vfs::{Caller, File, Io, OpenFile};

/// Most queues: /proc/sys/fs/mqueue/queues_max.
const QUEUES_MAX: usize = 256;
/// Bytes that a message costs besides its text.
const MESSAGE_COST: u64 = 48 + 48;

/// How large a queue may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Most messages.
    pub max_messages: u64,
    /// Most bytes of one.
    pub max_size: u64,
}

impl Attributes {
    /// /proc/sys/fs/mqueue/{msg_default,msgsize_default}.
    pub const DEFAULT: Self = Self { max_messages: 10, max_size: 8192 };

    /// As `mq_open(3)` checks them; `is_privileged`: with `CAP_SYS_RESOURCE`. `EINVAL`.
    pub fn new(attr: &MqAttr, is_privileged: bool) -> Result<Self, Errno> {
        let positive = |value: i64| u64::try_from(value).ok().filter(|&v| v > 0).ok_or(Errno::EINVAL);
        let attributes = Self { max_messages: positive(attr.maxmsg)?, max_size: positive(attr.msgsize)? };
        let (messages, size) = if is_privileged { (65_536, 16 << 20) } else { (10, 8192) };
        let fits = attributes.max_messages <= messages && attributes.max_size <= size;
        if fits { Ok(attributes) } else { Err(Errno::EINVAL) }
    }

    /// What counts against `RLIMIT_MSGQUEUE`.
    const fn cost(self) -> u64 {
        self.max_messages.saturating_mul(self.max_size.saturating_add(MESSAGE_COST))
    }
}

/// Who is told of the next message: `mq_notify(3)`.
pub struct Notification {
    /// The process.
    pub group: Weak<ThreadGroup>,
    /// Its id, for reads of the queue.
    pub pid: i32,
    /// By what.
    pub how: Told,
}

/// By what somebody is told.
pub enum Told {
    /// By nothing: `SIGEV_NONE`.
    Nothing,
    /// By a signal with a value.
    Signal(u8, u64),
    /// By a message on a netlink socket, whose last byte says what happened: how C libraries make `SIGEV_THREAD`.
    Message(Arc<OpenFile>, [u8; COOKIE_LEN]),
}

/// Bytes of a message that tells.
const COOKIE_LEN: usize = 32;
/// `NOTIFY_WOKENUP`, `NOTIFY_REMOVED`.
const WOKEN_UP: u8 = 1;
const REMOVED: u8 = 2;

impl Told {
    /// `SIGEV_*` and the signal, as reads of the queue show them.
    const fn numbers(&self) -> (i32, u8) {
        match self {
            Self::Nothing => (SIGEV_NONE, 0),
            Self::Signal(signal, _) => (SIGEV_SIGNAL, *signal),
            Self::Message(..) => (SIGEV_THREAD, 0),
        }
    }

    /// Tells by a message what happened; the other ways are not for that.
    fn send_message(&self, what: u8) {
        let Self::Message(file, cookie) = self else { return };
        let mut message = *cookie;
        message[COOKIE_LEN - 1] = what;
        if let Some(socket) = file.downcast::<net::Socket>() {
            // It was a netlink socket when it came here.
            let _ = socket.put_message(message.to_vec());
        }
    }
}

#[derive(Default)]
struct State {
    /// By priority.
    messages: BTreeMap<u32, VecDeque<Vec<u8>>>,
    count: u64,
    bytes: u64,
    notification: Option<Notification>,
    /// Callers that are blocked in a receive.
    receivers: usize,
}

/// A queue.
pub struct Mqueue {
    /// How large it may become.
    pub attributes: Attributes,
    /// Owner, group and permission bits.
    pub owner: (u32, u32, u32),
    state: Mutex<State>,
    /// A message came (`IN`) or went (`OUT`).
    pub changes: WaitQueue,
    _charge: Charge,
}

/// Bytes counted for a user.
struct Charge {
    users: Arc<Mutex<HashMap<u32, u64>>>,
    uid: u32,
    bytes: u64,
}

impl Drop for Charge {
    fn drop(&mut self) {
        let mut users = self.users.lock();
        if let Some(bytes) = users.get_mut(&self.uid) {
            *bytes -= self.bytes;
            if *bytes == 0 {
                users.remove(&self.uid);
            }
        }
    }
}

/// The queues of a namespace.
pub struct Mqueues {
    by_name: Mutex<BTreeMap<Vec<u8>, Arc<Mqueue>>>,
    users: Arc<Mutex<HashMap<u32, u64>>>,
}

impl Mqueues {
    pub(super) fn new() -> Self {
        Self {
            by_name: Mutex::new(Rank::Ipc, BTreeMap::new()),
            users: Arc::new(Mutex::new(Rank::Leaf, HashMap::new())),
        }
    }

    /// The queue of a name.
    pub fn find(&self, name: &[u8]) -> Option<Arc<Mqueue>> {
        self.by_name.lock().get(name).cloned()
    }

    /// Names in use.
    pub fn names(&self) -> Vec<Vec<u8>> {
        self.by_name.lock().keys().cloned().collect()
    }

    /// Makes a queue. `limit` is the caller's `RLIMIT_MSGQUEUE`; `is_privileged`: with `CAP_SYS_RESOURCE`.
    /// `EEXIST`, `ENOSPC`, `EMFILE`.
    pub fn create(
        &self,
        name: &[u8],
        attributes: Attributes,
        (uid, gid, mode): (u32, u32, u32),
        limit: u64,
        is_privileged: bool,
    ) -> Result<Arc<Mqueue>, Errno> {
        let mut by_name = self.by_name.lock();
        if by_name.contains_key(name) {
            return Err(Errno::EEXIST);
        }
        if by_name.len() >= QUEUES_MAX && !is_privileged {
            return Err(Errno::ENOSPC);
        }
        let charge = self.charge(uid, attributes.cost(), limit)?;
        let queue = Arc::new(Mqueue {
            attributes,
            owner: (uid, gid, mode),
            state: Mutex::new(Rank::Buffer, State::default()),
            changes: WaitQueue::new(),
            _charge: charge,
        });
        by_name.insert(name.to_vec(), queue.clone());
        Ok(queue)
    }

    fn charge(&self, uid: u32, bytes: u64, limit: u64) -> Result<Charge, Errno> {
        let mut users = self.users.lock();
        let used = users.entry(uid).or_default();
        let new = used.checked_add(bytes).filter(|&new| new <= limit).ok_or(Errno::EMFILE)?;
        *used = new;
        Ok(Charge { users: self.users.clone(), uid, bytes })
    }

    /// Removes a name; the queue lives on with those who have it open. `ENOENT`.
    pub fn unlink(&self, name: &[u8]) -> Result<(), Errno> {
        let removed = self.by_name.lock().remove(name).ok_or(Errno::ENOENT)?;
        drop(removed);
        Ok(())
    }
}

impl Mqueue {
    /// Adds a message if there is room; `EAGAIN`. The text is taken only on success.
    pub fn send(&self, priority: u32, text: &mut Vec<u8>, caller: &Caller) -> Result<(), Errno> {
        let mut state = self.state.lock();
        if state.count >= self.attributes.max_messages {
            return Err(Errno::EAGAIN);
        }
        let was_empty = state.count == 0;
        state.count += 1;
        state.bytes += text.len() as u64;
        state.messages.entry(priority).or_default().push_back(std::mem::take(text));
        let told = if was_empty && state.receivers == 0 { state.notification.take() } else { None };
        drop(state);
        self.changes.notify(Events::IN | Events::RDNORM);
        let Some(Notification { group, how, .. }) = told else { return Ok(()) };
        how.send_message(WOKEN_UP);
        if let (Told::Signal(signal, value), Some(group)) = (how, group.upgrade()) {
            let (pid, uid) = (caller.process.pid(), caller.creds.uid);
            group.send(SigInfo::queued(signal, SI_MESGQ, pid, uid, value));
        }
        Ok(())
    }

    /// Takes the oldest message of the highest priority: priority and text. `EAGAIN`.
    pub fn receive(&self) -> Result<(u32, Vec<u8>), Errno> {
        let mut state = self.state.lock();
        let mut highest = state.messages.last_entry().ok_or(Errno::EAGAIN)?;
        let priority = *highest.key();
        let text = highest.get_mut().pop_front().ok_or(Errno::EAGAIN)?;
        if highest.get().is_empty() {
            highest.remove();
        }
        state.count -= 1;
        state.bytes -= text.len() as u64;
        drop(state);
        self.changes.notify(Events::OUT | Events::WRNORM);
        Ok((priority, text))
    }

    /// A caller blocks in a receive, or no longer does: while one does nobody is notified.
    pub fn count_receiver(&self, blocks: bool) {
        let mut state = self.state.lock();
        state.receivers = if blocks { state.receivers + 1 } else { state.receivers.saturating_sub(1) };
    }

    /// Messages now.
    pub fn count(&self) -> u64 {
        self.state.lock().count
    }

    /// `mq_notify(3)`: `EBUSY` when somebody else is to be told.
    pub fn notify(&self, notification: Notification) -> Result<(), Errno> {
        let mut state = self.state.lock();
        if state.notification.is_some() {
            return Err(Errno::EBUSY);
        }
        state.notification = Some(notification);
        Ok(())
    }

    /// `mq_notify(3)` with a null pointer: the process is not to be told any more.
    pub fn cancel_notify(&self, pid: i32) {
        let mut state = self.state.lock();
        let is_its = state.notification.as_ref().is_some_and(|notification| notification.pid == pid);
        let gone = if is_its { state.notification.take() } else { None };
        drop(state);
        if let Some(gone) = gone {
            gone.how.send_message(REMOVED);
        }
    }
}

/// A queue as an open file: a message queue descriptor.
pub struct MqueueFile {
    /// The queue.
    pub queue: Arc<Mqueue>,
    was_read: AtomicBool,
}

impl MqueueFile {
    /// An opening of `queue`.
    pub const fn new(queue: Arc<Mqueue>) -> Self {
        Self { queue, was_read: AtomicBool::new(false) }
    }
}

impl File for MqueueFile {
    /// The status line of `mq_overview(7)`, once.
    fn read(&self, _io: &Io<'_>, dst: &mut dyn Sink, _offset: &mut u64) -> Result<usize, Fail> {
        if self.was_read.swap(true, SeqCst) {
            return Ok(0);
        }
        let state = self.queue.state.lock();
        let ((notify, signal), pid) = match &state.notification {
            Some(told) => (told.how.numbers(), told.pid),
            None => ((0, 0), 0),
        };
        let line =
            format!("QSIZE:{:<10} NOTIFY:{:<5} SIGNO:{:<5} NOTIFY_PID:{:<6}\n", state.bytes, notify, signal, pid);
        drop(state);
        let len = line.len().min(dst.room());
        Ok(dst.put(&line.as_bytes()[..len])?)
    }

    fn readiness(&self) -> Events {
        let count = self.queue.count();
        let mut events = Events::empty();
        if count > 0 {
            events |= Events::IN | Events::RDNORM;
        }
        if count < self.queue.attributes.max_messages {
            events |= Events::OUT | Events::WRNORM;
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue.changes)
    }

    fn flush(&self, caller: &Caller) -> Result<(), Errno> {
        self.queue.cancel_notify(caller.process.pid());
        Ok(())
    }

    fn anonymous_name(&self) -> Option<String> {
        Some("anon_inode:[mqueue]".to_owned())
    }
}

impl fmt::Debug for MqueueFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MqueueFile")
    }
}
