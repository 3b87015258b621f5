//! The thread that waits for all timers of the sandbox.

use abi::Errno;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;
use sync::{Clock, Deadline, Mutex, Rank};

/// Something that wants to know when a point in time has come.
pub trait Expire: Send + Sync {
    /// A deadline that a [`Timer`] of it was armed for has passed. It may have been armed anew meanwhile: what
    /// counts is the target's own state and the clock. Runs on the timer thread, no lock held; must not block.
    fn expire(&self);

    /// The real-time clock was set.
    fn clock_was_set(&self) {}
}

/// Clocks with a queue, in the order of their index.
const CLOCKS: [Clock; 3] = [Clock::Monotonic, Clock::Realtime, Clock::Boottime];

/// A point in time that nobody lives to see.
const NEVER: Duration = Duration::from_secs(1 << 33);

fn errno(error: rustix::io::Errno) -> Errno {
    Errno(error.raw_os_error() as u16)
}

/// Timers of one clock.
struct Queue {
    by_time: BTreeMap<(Duration, u64), Weak<dyn Expire>>,
    fd: Arc<OwnedFd>,
    /// What the host's timer is set to.
    set_to: Option<Duration>,
    /// The host's timer only tells when the clock is set.
    is_held: bool,
}

impl Queue {
    /// Sets the host's timer if the first deadline is before what it is set to.
    fn program(&mut self) {
        let Some(&(first, _)) = self.by_time.keys().next().filter(|_| !self.is_held) else { return };
        if self.set_to.is_some_and(|set_to| set_to <= first) {
            return;
        }
        self.set(first.max(Duration::from_nanos(1)));
        self.set_to = Some(first);
    }

    fn set(&self, at: Duration) {
        let deadline = Deadline { clock: Clock::Monotonic, at }.to_timespec();
        let value = Timespec { tv_sec: deadline.sec, tv_nsec: deadline.nsec };
        let spec = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        // It can fail only by ECANCELED: the clock was set, which the next read reports; the timer is set all the same.
        let _ = rustix::time::timerfd_settime(&self.fd, flags, &spec);
    }

    fn hold(&mut self, is_held: bool) {
        if self.is_held != is_held {
            self.is_held = is_held;
            self.set_to = None;
            self.set(NEVER);
            self.program();
        }
    }
}

/// What the thread and those who arm share.
struct Running {
    queues: [Queue; 3],
    poll: Arc<OwnedFd>,
}

impl Running {
    fn new(is_held: bool) -> Result<Self, Errno> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(errno)?;
        let queue = |index: usize, clock| -> Result<Queue, Errno> {
            let fd = rustix::time::timerfd_create(clock, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK);
            let fd = Arc::new(fd.map_err(errno)?);
            epoll::add(&poll, &fd, EventData::new_u64(index as u64), EventFlags::IN).map_err(errno)?;
            Ok(Queue { by_time: BTreeMap::new(), fd, set_to: None, is_held })
        };
        let queues = [
            queue(0, TimerfdClockId::Monotonic)?,
            queue(1, TimerfdClockId::Realtime)?,
            queue(2, TimerfdClockId::Boottime)?,
        ];
        Ok(Self { queues, poll: Arc::new(poll) })
    }
}

#[derive(Default)]
struct State {
    next_id: u64,
    is_held: bool,
    /// Started with the first timer.
    running: Option<Running>,
}

/// All timers of the sandbox: one host thread that sleeps until the first of them. It is started with the first
/// timer and does nothing while none is armed.
pub struct Service {
    state: Mutex<State>,
}

impl Service {
    /// A service without timers.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(Rank::Timers, State::default()) })
    }

    /// Starts the thread unless it runs. `EAGAIN`, `EMFILE`, ...: the host cannot.
    pub fn start(self: &Arc<Self>) -> Result<(), Errno> {
        let mut state = self.state.lock();
        if state.running.is_none() {
            let running = Running::new(state.is_held)?;
            let (service, poll) = (Arc::downgrade(self), running.poll.clone());
            let thread = thread::Builder::new().name("timers".to_owned());
            thread.spawn(move || run(&service, &poll)).map_err(|_| Errno::EAGAIN)?;
            state.running = Some(running);
        }
        Ok(())
    }

    /// A timer, not armed. Call [`Self::start`] first.
    pub fn timer(self: &Arc<Self>, target: Weak<dyn Expire>) -> Timer {
        let mut state = self.state.lock();
        state.next_id += 1;
        Timer { service: self.clone(), id: state.next_id, target, armed: None }
    }

    /// While it is held no timer expires; those that are due meanwhile do so at the end.
    pub fn hold(&self, is_held: bool) {
        let mut state = self.state.lock();
        state.is_held = is_held;
        state.running.iter_mut().flat_map(|running| &mut running.queues).for_each(|queue| queue.hold(is_held));
    }

    /// Takes what is due on a clock out of its queue.
    fn take_due(&self, index: usize) -> Vec<Weak<dyn Expire>> {
        let mut due = Vec::new();
        let mut state = self.state.lock();
        let Some(queue) = state.running.as_mut().and_then(|running| running.queues.get_mut(index)) else { return due };
        let now = sync::now(CLOCKS[index]);
        while let Some(entry) = queue.by_time.first_entry() {
            if queue.is_held || entry.key().0 > now {
                break;
            }
            due.push(entry.remove());
        }
        queue.set_to = None;
        queue.program();
        due
    }

    fn all(&self, index: usize) -> Vec<Weak<dyn Expire>> {
        let state = self.state.lock();
        let queue = state.running.as_ref().and_then(|running| running.queues.get(index));
        queue.into_iter().flat_map(|queue| queue.by_time.values().cloned()).collect()
    }

    fn fd(&self, index: usize) -> Option<Arc<OwnedFd>> {
        Some(self.state.lock().running.as_ref()?.queues.get(index)?.fd.clone())
    }

    /// The host says that something happened on a clock.
    fn attend(&self, index: usize) {
        let Some(fd) = self.fd(index) else { return };
        let mut count = [0; 8];
        if rustix::io::read(&*fd, &mut count) == Err(rustix::io::Errno::CANCELED) {
            for target in self.all(index) {
                if let Some(target) = target.upgrade() {
                    target.clock_was_set();
                }
            }
        }
        for target in self.take_due(index) {
            if let Some(target) = target.upgrade() {
                target.expire();
            }
        }
    }
}

/// The thread. It ends with the service, at its next event.
fn run(service: &Weak<Service>, poll: &OwnedFd) {
    let mut events: [std::mem::MaybeUninit<epoll::Event>; 4] = [std::mem::MaybeUninit::uninit(); 4];
    loop {
        let indices: Vec<usize> = match epoll::wait(poll, &mut events, None) {
            Ok((ready, _)) => ready.iter().map(|event| event.data.u64() as usize).collect(),
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return,
        };
        let Some(service) = service.upgrade() else { return };
        for index in indices {
            service.attend(index);
        }
    }
}

/// A timer: at most one deadline. Kept by its target, inside the target's own lock.
pub struct Timer {
    service: Arc<Service>,
    id: u64,
    target: Weak<dyn Expire>,
    armed: Option<Deadline>,
}

impl Timer {
    /// Sets the deadline; `None` for none.
    pub fn arm(&mut self, deadline: Option<Deadline>) {
        if self.armed.is_none() && deadline.is_none() {
            return;
        }
        let mut state = self.service.state.lock();
        let Some(running) = &mut state.running else { return };
        if let Some(old) = self.armed.take() {
            running.queues[index(old.clock)].by_time.remove(&(old.at, self.id));
        }
        if let Some(new) = deadline {
            let queue = &mut running.queues[index(new.clock)];
            queue.by_time.insert((new.at, self.id), self.target.clone());
            queue.program();
        }
        self.armed = deadline;
    }
}

const fn index(clock: Clock) -> usize {
    match clock {
        Clock::Monotonic => 0,
        Clock::Realtime => 1,
        Clock::Boottime => 2,
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.arm(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Instant;

    struct Target {
        name: u32,
        tell: mpsc::Sender<(u32, Instant)>,
    }

    impl Expire for Target {
        fn expire(&self) {
            self.tell.send((self.name, Instant::now())).expect("the test listens");
        }
    }

    fn after(clock: Clock, millis: u64) -> Option<Deadline> {
        Some(Deadline { clock, at: sync::now(clock) + Duration::from_millis(millis) })
    }

    #[test]
    fn on_every_clock_and_never_early() {
        let service = Service::new();
        assert!(service.state.lock().running.is_none());
        let (tell, told) = mpsc::channel();
        let targets: Vec<Arc<dyn Expire>> =
            (0..4).map(|name| Arc::new(Target { name, tell: tell.clone() }) as Arc<dyn Expire>).collect();
        service.start().expect("the host has timers");
        let mut timers: Vec<_> = targets.iter().map(|target| service.timer(Arc::downgrade(target))).collect();
        let start = Instant::now();
        timers[0].arm(after(Clock::Monotonic, 60));
        timers[1].arm(after(Clock::Realtime, 40));
        timers[2].arm(after(Clock::Boottime, 20));
        timers[3].arm(after(Clock::Monotonic, 1000));
        timers[3].arm(None);
        let mut names = Vec::new();
        for _ in 0..3 {
            let (who, when) = told.recv_timeout(Duration::from_secs(5)).expect("it expires");
            assert!(when - start >= Duration::from_millis([60, 40, 20][who as usize]));
            names.push(who);
        }
        names.sort_unstable();
        assert_eq!(names, [0, 1, 2]);
        // Earlier than what the host's timer is set to, and a deadline long past.
        timers[0].arm(after(Clock::Monotonic, 5000));
        timers[1].arm(Some(Deadline { clock: Clock::Monotonic, at: Duration::ZERO }));
        assert_eq!(told.recv_timeout(Duration::from_secs(5)).expect("it expires").0, 1);
        drop(timers);
        assert!(told.recv_timeout(Duration::from_millis(1100)).is_err());
    }

    #[test]
    fn what_is_due_while_held_expires_at_the_end() {
        let service = Service::new();
        let (tell, told) = mpsc::channel();
        let target: Arc<dyn Expire> = Arc::new(Target { name: 0, tell });
        service.start().expect("the host has timers");
        let (mut one, mut other) = (service.timer(Arc::downgrade(&target)), service.timer(Arc::downgrade(&target)));
        one.arm(after(Clock::Monotonic, 20));
        service.hold(true);
        other.arm(after(Clock::Realtime, 20));
        assert!(told.recv_timeout(Duration::from_millis(100)).is_err());
        service.hold(false);
        assert!(told.recv_timeout(Duration::from_secs(5)).is_ok());
        assert!(told.recv_timeout(Duration::from_secs(5)).is_ok());
    }
}
