//! Calls that wait for somebody else's answer: `seccomp_unotify(2)`.

use crate::task::Task;
use abi::Errno;
use abi::poll::Events;
use abi::seccomp::{ADDFD_FLAG_SEND, ADDFD_FLAG_SETFD, Data, NotifAddFd, NotifResp, USER_NOTIF_FLAG_CONTINUE};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use sync::{Mutex, Rank, WaitQueue, WaitWord};
use vfs::OpenFile;

/// The answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is made after all.
    Continue,
    /// It comes to this.
    Value(u64),
}

impl Answer {
    /// The one of a response: an error before a value.
    pub(super) fn of(resp: &NotifResp) -> Self {
        if resp.flags & USER_NOTIF_FLAG_CONTINUE != 0 {
            return Self::Continue;
        }
        let value = if resp.error == 0 { resp.val } else { i64::from(resp.error) };
        Self::Value(value.cast_unsigned())
    }
}

/// How far a notification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nobody has seen it.
    New,
    /// A listener has received it.
    Received,
    Answered(Answer),
}

/// A descriptor that the thread is to take: `SECCOMP_IOCTL_NOTIF_ADDFD`.
pub(super) struct Gift {
    pub(super) file: Arc<OpenFile>,
    /// The number that it is to have.
    pub(super) number: Option<i32>,
    pub(super) is_cloexec: bool,
    /// Its number is the answer.
    is_answer: bool,
    /// Who waits for the outcome, and the outcome.
    giver: Arc<WaitWord>,
    outcome: Mutex<Option<Result<i32, Errno>>>,
}

impl Gift {
    /// One that was asked for. Flags and numbers were checked.
    pub(super) fn new(request: &NotifAddFd, file: Arc<OpenFile>, giver: Arc<WaitWord>) -> Arc<Self> {
        let has_number = request.flags & ADDFD_FLAG_SETFD != 0;
        Arc::new(Self {
            file,
            number: has_number.then_some(request.newfd.cast_signed()),
            is_cloexec: request.newfd_flags != 0,
            is_answer: request.flags & ADDFD_FLAG_SEND != 0,
            giver,
            outcome: Mutex::new(Rank::Leaf, None),
        })
    }

    /// What came of it.
    pub(super) fn outcome(&self) -> Option<Result<i32, Errno>> {
        *self.outcome.lock()
    }

    fn finish(&self, outcome: Result<i32, Errno>) {
        *self.outcome.lock() = Some(outcome);
        self.giver.wake();
    }
}

/// A call that waits.
struct Notification {
    id: u64,
    task: Arc<Task>,
    data: Data,
    stage: Stage,
    gifts: VecDeque<Arc<Gift>>,
}

struct State {
    /// There is a listener.
    is_open: bool,
    next_id: u64,
    /// Notifications that nobody has set out to receive.
    requests: u64,
    /// In order of arrival.
    list: Vec<Notification>,
}

impl State {
    fn find(&mut self, id: u64) -> Option<&mut Notification> {
        self.list.iter_mut().find(|notification| notification.id == id)
    }

    /// The one that a listener has received and that waits for its answer. `ENOENT`, `EINPROGRESS`.
    fn received(&mut self, id: u64) -> Result<&mut Notification, Errno> {
        let found = self.find(id).ok_or(Errno::ENOENT)?;
        if found.stage == Stage::Received { Ok(found) } else { Err(Errno::EINPROGRESS) }
    }
}

/// What a thread that waits is to do.
pub(super) enum Turn {
    /// Sleep on. `is_killable`: only its death may end that.
    Sleep { is_killable: bool },
    /// Take a descriptor, then [`Notifier::finish`].
    Take(Arc<Gift>),
    /// Go on.
    Done(Answer),
}

/// Between the threads under a filter and its listener.
pub(super) struct Notifier {
    /// `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`.
    is_killable: bool,
    /// No thread is under the filter any more.
    is_unused: AtomicBool,
    state: Mutex<State>,
    /// Notifications came, were received, will never come.
    pub(super) events: WaitQueue,
}

impl Notifier {
    /// With a listener and without notifications, the first of which gets the number `first_id`.
    pub(super) fn new(is_killable: bool, first_id: u64) -> Arc<Self> {
        let state = State { is_open: true, next_id: first_id, requests: 0, list: Vec::new() };
        Arc::new(Self {
            is_killable,
            is_unused: AtomicBool::new(false),
            state: Mutex::new(Rank::Buffer, state),
            events: WaitQueue::new(),
        })
    }

    /// There is a listener.
    pub(super) fn is_open(&self) -> bool {
        self.state.lock().is_open
    }

    /// No thread is under the filter any more.
    pub(super) fn is_unused(&self) -> bool {
        self.is_unused.load(SeqCst)
    }

    /// The filter has lost its last thread.
    pub(super) fn lose_users(&self) {
        self.is_unused.store(true, SeqCst);
        self.events.notify(Events::HUP);
    }

    /// The listener is gone: who waits gets `ENOSYS`.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.is_open = false;
        for notification in &mut state.list {
            if !matches!(notification.stage, Stage::Answered(_)) {
                notification.stage = Stage::Answered(Answer::Value(Errno::ENOSYS.to_return()));
            }
            notification.task.word().wake();
        }
    }

    /// A thread's call waits from now on; its number. `None`: there is no listener.
    pub(super) fn post(&self, task: &Arc<Task>, data: &Data) -> Option<u64> {
        let mut state = self.state.lock();
        if !state.is_open {
            return None;
        }
        let id = state.next_id;
        state.next_id = id.wrapping_add(1);
        state.requests += 1;
        let gifts = VecDeque::new();
        state.list.push(Notification { id, task: task.clone(), data: *data, stage: Stage::New, gifts });
        drop(state);
        self.events.notify(Events::IN | Events::RDNORM);
        Some(id)
    }

    /// What the thread that waits with this number is to do.
    pub(super) fn turn(&self, id: u64) -> Turn {
        let mut state = self.state.lock();
        let Some(own) = state.find(id) else { return Turn::Done(Answer::Value(Errno::ENOSYS.to_return())) };
        match (own.gifts.front(), own.stage) {
            (Some(gift), _) => Turn::Take(gift.clone()),
            (None, Stage::Answered(answer)) => Turn::Done(answer),
            (None, stage) => Turn::Sleep { is_killable: self.is_killable && stage != Stage::New },
        }
    }

    /// The thread has taken a descriptor, or could not.
    pub(super) fn finish(&self, id: u64, gift: &Arc<Gift>, outcome: Result<i32, Errno>) {
        let mut state = self.state.lock();
        if let Some(own) = state.find(id) {
            let before = own.gifts.len();
            own.gifts.retain(|other| !Arc::ptr_eq(other, gift));
            let is_answer = gift.is_answer && own.gifts.len() < before;
            match outcome {
                Ok(fd) if is_answer => {
                    own.stage = Stage::Answered(Answer::Value(i64::from(fd).cast_unsigned()));
                }
                Err(_) if is_answer => own.stage = Stage::Received,
                _ => {}
            }
        }
        drop(state);
        gift.finish(outcome);
    }

    /// The thread goes on: what it was still to take is refused.
    pub(super) fn leave(&self, id: u64) {
        let mut state = self.state.lock();
        let Some(at) = state.list.iter().position(|notification| notification.id == id) else { return };
        let gone = state.list.remove(at);
        drop(state);
        for gift in gone.gifts {
            gift.finish(Err(Errno::ESRCH));
        }
    }

    /// Sets out to receive. `EAGAIN`: there is nothing.
    pub(super) fn take_request(&self) -> Result<(), Errno> {
        let mut state = self.state.lock();
        if state.requests > 0 && !self.is_unused() {
            state.requests -= 1;
            return Ok(());
        }
        if self.is_unused() { Ok(()) } else { Err(Errno::EAGAIN) }
    }

    /// Receives the oldest that nobody has seen. `ENOENT`: it did not wait.
    pub(super) fn receive(&self) -> Result<(u64, Arc<Task>, Data), Errno> {
        let mut state = self.state.lock();
        let new = state.list.iter_mut().find(|notification| notification.stage == Stage::New).ok_or(Errno::ENOENT)?;
        new.stage = Stage::Received;
        let received = (new.id, new.task.clone(), new.data);
        drop(state);
        if self.is_killable {
            // It may have been interrupted already and is to look whether that still counts.
            received.1.word().wake();
        }
        self.events.notify(Events::OUT | Events::WRNORM);
        Ok(received)
    }

    /// A listener could not be told of what it received: the next one gets it.
    pub(super) fn put_back(&self, id: u64) {
        let mut state = self.state.lock();
        let Some(found) = state.find(id) else { return };
        found.stage = Stage::New;
        found.task.word().wake();
        state.requests += 1;
        drop(state);
        self.events.notify(Events::IN | Events::RDNORM);
    }

    /// Answers. `ENOENT`: it does not wait. `EINPROGRESS`: it was not received, or is answered.
    pub(super) fn answer(&self, id: u64, answer: Answer) -> Result<(), Errno> {
        let mut state = self.state.lock();
        let found = state.received(id)?;
        found.stage = Stage::Answered(answer);
        found.task.word().wake();
        Ok(())
    }

    /// It was received and waits for its answer. `ENOENT`.
    pub(super) fn check(&self, id: u64) -> Result<(), Errno> {
        self.state.lock().received(id).map(drop).map_err(|_| Errno::ENOENT)
    }

    /// Has a thread take a descriptor. `ENOENT`, `EINPROGRESS`; `EBUSY`: it is to take others first.
    pub(super) fn give(&self, id: u64, gift: &Arc<Gift>) -> Result<(), Errno> {
        let mut state = self.state.lock();
        let found = state.received(id)?;
        if gift.is_answer {
            if !found.gifts.is_empty() {
                return Err(Errno::EBUSY);
            }
            // One answer only; the number comes when it is known.
            found.stage = Stage::Answered(Answer::Value(0));
        }
        found.gifts.push_back(gift.clone());
        found.task.word().wake();
        Ok(())
    }

    /// Takes a descriptor back that was not yet taken. What came of it, if that was too late.
    pub(super) fn take_back(&self, id: u64, gift: &Arc<Gift>) -> Option<Result<i32, Errno>> {
        let mut state = self.state.lock();
        if let Some(found) = state.find(id) {
            found.gifts.retain(|other| !Arc::ptr_eq(other, gift));
            found.task.word().wake();
        }
        drop(state);
        gift.outcome()
    }

    /// What a listener could do.
    pub(super) fn readiness(&self) -> Events {
        let state = self.state.lock();
        let has = |stage: Stage| state.list.iter().any(|notification| notification.stage == stage);
        let mut events = Events::empty();
        events.set(Events::IN | Events::RDNORM, has(Stage::New));
        events.set(Events::OUT | Events::WRNORM, has(Stage::Received));
        events.set(Events::HUP, self.is_unused());
        events
    }
}
