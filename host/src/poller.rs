//! Waiting for host descriptors: one thread sleeps in epoll for all of them.
//!
//! The thread is started when the first descriptor is watched. A descriptor is armed only when somebody
//! found it not ready, for one event; so an idle sandbox wakes nobody.

use crate::file;
use abi::Errno;
use abi::poll::Events;
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use sync::{Mutex, Rank, WaitQueue};

/// A host descriptor whose readiness can be waited for.
pub struct Watched {
    stream: file::Stream,
    queue: WaitQueue,
    token: u64,
    /// Events that the host has been asked for and has not told yet.
    armed: Mutex<Events>,
    poller: Option<&'static Poller>,
}

struct Poller {
    epoll: OwnedFd,
    watched: Mutex<HashMap<u64, Weak<Watched>>>,
    next: AtomicU64,
}

/// Events that are told without being asked for.
const ALWAYS: Events = Events::ERR.union(Events::HUP);

/// Events that the host is asked for.
const KNOWN: Events = Events::IN.union(Events::PRI).union(Events::OUT).union(Events::RDHUP);

impl Watched {
    /// Watches an inherited file. Files that are always ready are known by [`Self::can_wait`].
    pub fn new(fd: OwnedFd) -> Result<Arc<Self>, Errno> {
        let stream = file::Stream::new(fd)?;
        let poller = if stream.kind() == file::Kind::Seekable { None } else { Some(poller()?) };
        let token = poller.map_or(0, |poller| poller.next.fetch_add(1, Ordering::Relaxed));
        let unarmed = epoll::EventFlags::ONESHOT;
        let poller = match poller {
            Some(poller) => match epoll::add(&poller.epoll, stream.fd(), epoll::EventData::new_u64(token), unarmed) {
                Ok(()) => Some(poller),
                // /dev/null and its kin: always ready.
                Err(rustix::io::Errno::PERM) => None,
                Err(error) => return Err(file::errno(error)),
            },
            None => None,
        };
        let watched = Arc::new(Self {
            stream,
            queue: WaitQueue::new(),
            token,
            armed: Mutex::new(Rank::Leaf, Events::empty()),
            poller,
        });
        if let Some(poller) = poller {
            poller.watched.lock().insert(token, Arc::downgrade(&watched));
        }
        Ok(watched)
    }

    /// The file.
    pub const fn stream(&self) -> &file::Stream {
        &self.stream
    }

    /// Where changes are told, after [`Self::arm`].
    pub const fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    /// The file is not always ready.
    pub const fn can_wait(&self) -> bool {
        self.poller.is_some()
    }

    /// Tells the queue once when one of `events` is true. Call it when they were found not to be.
    pub fn arm(&self, events: Events) {
        let Some(poller) = self.poller else { return };
        let mut armed = self.armed.lock();
        let wanted = *armed | (events & KNOWN);
        if wanted != *armed || wanted.is_empty() {
            *armed = wanted | ALWAYS;
            poller.modify(self, wanted);
        }
    }

    /// What the file is ready for now; with somebody in the queue, the rest will be told.
    pub fn readiness(&self) -> Events {
        if self.poller.is_none() {
            return Events::IN | Events::OUT | Events::RDNORM | Events::WRNORM;
        }
        let ready = self.stream.readiness();
        if !self.queue.is_empty() {
            let mut missing = (Events::IN | Events::OUT) - ready;
            match self.stream.flags() & 3 {
                0 => missing -= Events::OUT,
                1 => missing -= Events::IN,
                _ => {}
            }
            // A pipe whose other end has gone tells that again and again: nothing more to wait for.
            if !missing.is_empty() && !ready.intersects(ALWAYS) {
                self.arm(missing);
            }
        }
        ready
    }

    /// The host told `events`: the description is disarmed now.
    fn fired(&self, events: Events, poller: &Poller) {
        {
            let mut armed = self.armed.lock();
            let rest = (*armed - events) & KNOWN;
            *armed = Events::empty();
            if !rest.is_empty() && !events.intersects(ALWAYS) {
                *armed = rest | ALWAYS;
                poller.modify(self, rest);
            }
        }
        let mut told = events;
        told.set(Events::RDNORM, events.contains(Events::IN));
        told.set(Events::WRNORM, events.contains(Events::OUT));
        self.queue.notify(told);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(poller) = self.poller {
            // It was added, and the descriptor is still open.
            let _ = epoll::delete(&poller.epoll, self.stream.fd());
            poller.watched.lock().remove(&self.token);
        }
    }
}

impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.fd()
    }
}

impl Poller {
    fn modify(&self, watched: &Watched, events: Events) {
        let flags = epoll::EventFlags::from_bits_truncate((events & KNOWN).bits()) | epoll::EventFlags::ONESHOT;
        let data = epoll::EventData::new_u64(watched.token);
        // It was added, and the descriptor is still open.
        let _ = epoll::modify(&self.epoll, watched.stream.fd(), data, flags);
    }

    fn run(&self) {
        let mut events = Vec::with_capacity(64);
        loop {
            events.clear();
            if epoll::wait(&self.epoll, spare_capacity(&mut events), None).is_err() {
                continue;
            }
            for event in events.drain(..) {
                let told = event.flags;
                let watched = self.watched.lock().get(&event.data.u64()).cloned();
                if let Some(watched) = watched.and_then(|watched| watched.upgrade()) {
                    watched.fired(Events::from_bits_truncate(told.bits()), self);
                }
            }
        }
    }
}

/// The poller, its thread started.
fn poller() -> Result<&'static Poller, Errno> {
    static POLLER: OnceLock<Result<Poller, Errno>> = OnceLock::new();
    static STARTED: OnceLock<Result<(), Errno>> = OnceLock::new();
    let poller = POLLER
        .get_or_init(|| {
            let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(file::errno)?;
            let watched = Mutex::new(Rank::Leaf, HashMap::new());
            Ok(Poller { epoll, watched, next: AtomicU64::new(1) })
        })
        .as_ref()
        .map_err(|&errno| errno)?;
    let start = || {
        let thread = std::thread::Builder::new().name("poller".into()).stack_size(64 << 10);
        let run = move || {
            block_signals();
            poller.run();
        };
        thread.spawn(run).map(drop).map_err(|_| Errno::EAGAIN)
    };
    (*STARTED.get_or_init(start))?;
    Ok(poller)
}

/// Signals of the process are for other threads.
fn block_signals() {
    // SAFETY: a signal set on the stack is filled, then used; no handler is involved.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigfillset(&raw mut set);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use sync::{Deadline, WaitWord, Woken};

    #[test]
    fn a_pipe_wakes_a_waiter_once() {
        let (reader, writer) = rustix::pipe::pipe().expect("pipe");
        let watched = Watched::new(reader).expect("watch");
        let mut buf = [0; 8];
        assert_eq!(watched.stream().read(&mut buf), Err(Errno::EAGAIN));
        let word = Arc::new(WaitWord::new());
        let registration = watched.queue().add(Events::IN, word.clone());
        word.arm();
        watched.arm(Events::IN);
        rustix::io::write(&writer, b"hi").expect("write");
        assert_eq!(word.sleep(Deadline::after(Duration::from_secs(5))), Woken::Event);
        assert_eq!(watched.stream().read(&mut buf), Ok(2));
        word.arm();
        rustix::io::write(&writer, b"hi").expect("write");
        assert_eq!(word.sleep(Deadline::after(Duration::from_millis(30))), Woken::TimedOut, "not armed");
        watched.queue().remove(registration);
        drop(writer);
        assert!(watched.stream().readiness().contains(Events::HUP));
    }

    #[test]
    fn null_is_always_ready() {
        let null = std::fs::File::open("/dev/null").expect("open");
        let watched = Watched::new(null.into()).expect("watch");
        assert!(!watched.can_wait());
        assert_eq!(watched.stream().read(&mut [0; 4]), Ok(0));
    }
}
