//! How a sentry thread waits for its stub thread: where it runs, and whether it spins.
//!
//! Waking an idle core costs far more than a switch on the same core. So a sentry thread is in one of two states:
//! - *near*: allowed on the stub's core alone. Each side lets the other run and sleeps only when it is back too soon: a
//!   call costs two switches there and no wake-up. Where others want the core too, `sched_yield(2)` may let those run
//!   for long: then both sides sleep at once, and giving way is tried more and more rarely.
//! - *apart*: allowed on all other cores; both sides spin for a while, and a call costs two cache misses.
//!
//! A run of calls in quick succession brings it apart; a spin that was for nothing, or a call that took long, brings
//! it near. To change sides costs as much as some calls: who did not stay apart for long must show a longer run the
//! next time. Only as many threads are apart as there are cores to spare: each has a seat, and loses it to the next
//! one when it has made no call for a while, because it computes or sleeps.

use super::layout::GIVE_WAY;
use super::ticks;
use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_getcpu, sched_setaffinity};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use sync::{Awake, count_in};

/// Ticks that both sides spin when apart: some 20 µs.
const SPIN: u64 = 50_000;
/// Ticks that the sentry thread spins when it has just come apart and wakes the stub: some 80 µs.
const FIRST_SPIN: u64 = 200_000;
/// Calls in quick succession that bring a thread apart: each so soon that a spin would have met it. What counts is
/// how long the application ran, not how long it took to wake it.
const QUICK_CALLS: u32 = 4;
/// As many are asked at most of a thread that was never apart for long.
const MAX_QUICK_CALLS: u32 = 1024;
/// Calls for which a thread must be apart to have gained by it.
const STAY: u32 = 64;
/// Ticks without a call after which a seat is anybody's: some 80 µs.
const STALE: u64 = 200_000;
/// Ticks of others' on the way to the stub and back from which on giving way does not pay: some 0.8 ms. Others that
/// take turns come back sooner, who computes keeps the core for its slice.
const LATE: u64 = 2_000_000;
/// Most calls between two tries to give way.
const MAX_ASLEEP: u32 = 1 << 16;

/// The cores of the sandbox.
#[derive(Debug)]
pub(super) struct Cores {
    allowed: CpuSet,
    count: u32,
    /// For each thread that may be apart: when its last call came, in ticks; 0 when nobody is.
    seats: Vec<AtomicU64>,
    /// For each core, by number: threads that are near on it and awake, or whose stubs are.
    near: Vec<Arc<Awake>>,
}

impl Cores {
    /// The cores that the calling thread may use.
    pub(super) fn of_host() -> Self {
        let allowed = sched_getaffinity(None).unwrap_or_default();
        let count = allowed.count();
        let seats = (1..count).map(|_| AtomicU64::new(0)).collect();
        let cores = (0..CpuSet::MAX_CPU).rev().find(|&cpu| allowed.is_set(cpu)).map_or(0, |last| last + 1);
        Self { allowed, count, seats, near: (0..cores).map(|_| Arc::default()).collect() }
    }

    /// The host would wake a stub thread on an idle core: by `wake` it goes on here, on `cpu`.
    pub(super) fn wake_here(&self, tid: i32, cpu: usize, wake: &dyn Fn()) {
        let tid = Pid::from_raw(tid);
        let mut here = CpuSet::new();
        here.set(cpu);
        let _ = sched_setaffinity(tid, &here);
        wake();
        let _ = sched_setaffinity(tid, &self.allowed);
    }

    /// Threads that are near on a core and awake; on one that is not the sandbox's, which a stub may name, more than any.
    fn awake_on(&self, cpu: usize) -> u32 {
        self.near.get(cpu).filter(|_| self.allowed.is_set(cpu)).map_or(u32::MAX, |near| near.count())
    }

    /// Takes a seat that is free or stale.
    fn sit_down(&self, now: u64) -> Option<Seat> {
        self.seats.iter().enumerate().find_map(|(index, seat)| {
            let since = seat.load(Relaxed);
            let is_stale = since == 0 || now.wrapping_sub(since) > STALE;
            let is_taken = is_stale && seat.compare_exchange(since, now, Relaxed, Relaxed).is_ok();
            is_taken.then_some(Seat { index, since: now })
        })
    }

    /// The holder of a seat made a call; false when the seat has been taken from it.
    fn stay(&self, seat: &mut Seat, now: u64) -> bool {
        let stays = self.seats[seat.index].compare_exchange(seat.since, now, Relaxed, Relaxed).is_ok();
        seat.since = now;
        stays
    }

    /// Gives a seat back, if it is still the holder's.
    fn stand_up(&self, seat: &Seat) {
        let _ = self.seats[seat.index].compare_exchange(seat.since, 0, Relaxed, Relaxed);
    }

    /// Their numbers, which are the host's.
    pub(super) fn numbers(&self) -> impl Iterator<Item = usize> {
        (0..CpuSet::MAX_CPU).filter(|&cpu| self.allowed.is_set(cpu))
    }

    /// Confines a host thread to processors of the sandbox; false: these are all.
    pub(super) fn confine(&self, tid: i32, words: &[u64]) -> bool {
        let mut set = CpuSet::new();
        for cpu in self.numbers().filter(|cpu| words.get(cpu / 64).is_some_and(|word| word >> (cpu % 64) & 1 != 0)) {
            set.set(cpu);
        }
        // A thread that is gone needs no place; an empty set is refused by the host.
        let _ = sched_setaffinity(Pid::from_raw(tid), &set);
        set != self.allowed
    }
}

/// The right to be apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seat {
    index: usize,
    /// What its holder wrote last.
    since: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Wherever the host puts it.
    Anywhere,
    Near(usize),
    Apart(usize, Seat),
}

/// The pace of one sentry thread.
#[derive(Debug)]
pub(super) struct Pace {
    place: Place,
    /// Quick calls so far; when apart, calls there.
    calls: u32,
    /// Quick calls that bring it apart.
    needed: u32,
    /// When the stub last gave the turn.
    turn: u64,
    /// When it last got it.
    given: u64,
    /// Calls until giving way is tried, and how many were asked for last.
    asleep: u32,
    asleep_for: u32,
    /// The stub was where the thread is near, or went there by itself since.
    is_met: bool,
}

impl Pace {
    pub(super) const fn new() -> Self {
        Self {
            place: Place::Anywhere,
            calls: 0,
            needed: QUICK_CALLS,
            turn: 0,
            given: 0,
            asleep: 0,
            asleep_for: 0,
            is_met: true,
        }
    }

    /// The stub is about to get the turn: what it shall do before it sleeps the next time (`Slot::spin`).
    pub(super) fn before(&mut self, cores: &Cores, cpu: usize) -> u32 {
        self.given = ticks();
        if let Place::Apart(..) = self.place
            && self.given.wrapping_sub(self.turn) > SPIN
        {
            // The call took longer than a stub spins: one that did sleeps by now, and its core may have idled.
            self.go_near(cores, cpu);
        }
        if self.place == Place::Anywhere && cores.count > 1 {
            self.meet(cores, cpu);
        }
        match self.place {
            Place::Apart(..) => SPIN as u32,
            Place::Near(_) if self.asleep == 0 => GIVE_WAY,
            _ => 0,
        }
    }

    /// The stub thread runs on another core and spins while it waits.
    pub(super) const fn is_apart(&self) -> bool {
        matches!(self.place, Place::Apart(..))
    }

    /// The first time both go to the core of one of them, if it is free: the stub thread, which sleeps on `cpu`, comes
    /// cheaper.
    fn meet(&mut self, cores: &Cores, cpu: usize) {
        let own = sched_getcpu();
        if let Some(core) = [own, cpu].into_iter().find(|&core| cores.awake_on(core) == 0) {
            self.go_near(cores, core);
            self.is_met = false;
        }
    }

    /// The core that a sleeping stub thread is to be brought to, which is the caller's: both have it for themselves.
    pub(super) fn bring(&mut self, cores: &Cores, cpu: usize) -> Option<usize> {
        let is_met = std::mem::replace(&mut self.is_met, true);
        match self.place {
            Place::Near(near) if cores.count > 1 && (near == cpu || !is_met) && cores.awake_on(near) == 1 => Some(near),
            _ => None,
        }
    }

    /// What the sentry thread shall do before it sleeps.
    pub(super) const fn patience(&self) -> Patience {
        match self.place {
            Place::Apart(..) if self.calls == 0 => Patience::Spin(FIRST_SPIN),
            Place::Apart(..) => Patience::Spin(SPIN),
            Place::Near(_) if self.asleep == 0 => Patience::GiveWay,
            _ => Patience::None,
        }
    }

    /// Patience was for nothing: the thread is about to sleep.
    pub(super) fn sleeps(&mut self, cores: &Cores, cpu: usize) {
        if self.place != Place::Near(cpu) {
            self.go_near(cores, cpu);
        }
    }

    /// The stub gave the turn, from `cpu`; without spinning, it had it for `ran` ticks.
    pub(super) fn after(&mut self, cores: &Cores, cpu: usize, ran: u64) {
        let now = ticks();
        self.turn = now;
        if let Place::Apart(from, mut seat) = self.place {
            let stays = cores.stay(&mut seat, now);
            self.place = Place::Apart(from, seat);
            self.calls = self.calls.saturating_add(1);
            if !stays {
                self.go_near(cores, cpu);
            } else if from != cpu {
                self.go_apart(cores, cpu, seat);
            }
            return;
        }
        self.see_to_giving_way(now, ran);
        self.calls = if ran < SPIN { self.calls + 1 } else { 0 };
        if self.calls >= self.needed
            && let Some(seat) = cores.sit_down(now)
        {
            self.go_apart(cores, cpu, seat);
        }
    }

    /// Did the way to the stub and back, beside the `ran` ticks that it had, take so long that others ran?
    fn see_to_giving_way(&mut self, now: u64, ran: u64) {
        if self.asleep > 0 {
            self.asleep -= 1;
        } else if now.wrapping_sub(self.given).saturating_sub(ran) > LATE {
            self.asleep_for = (self.asleep_for * 2).clamp(64, MAX_ASLEEP);
            self.asleep = self.asleep_for;
        } else {
            self.asleep_for -= self.asleep_for.min(1);
        }
    }

    /// The thread leaves its context: it may run anywhere again.
    pub(super) fn end(&mut self, cores: &Cores) {
        self.leave(cores);
        if self.place != Place::Anywhere && cores.count > 1 {
            let _ = sched_setaffinity(None, &cores.allowed);
        }
        self.place = Place::Anywhere;
        count_in(None);
    }

    fn leave(&mut self, cores: &Cores) {
        if let Place::Apart(_, seat) = self.place {
            cores.stand_up(&seat);
            self.needed = if self.calls < STAY { (self.needed * 4).min(MAX_QUICK_CALLS) } else { QUICK_CALLS };
        }
    }

    fn go_near(&mut self, cores: &Cores, cpu: usize) {
        self.leave(cores);
        self.place = Place::Near(cpu);
        self.calls = 0;
        count_in(cores.near.get(cpu));
        if cores.count > 1 && cpu < CpuSet::MAX_CPU && cores.allowed.is_set(cpu) {
            let mut near = CpuSet::new();
            near.set(cpu);
            let _ = sched_setaffinity(None, &near);
        }
    }

    /// To the cores other than `cpu`, which takes its time.
    fn go_apart(&mut self, cores: &Cores, cpu: usize, seat: Seat) {
        self.calls = 0;
        let mut others = cores.allowed;
        if cpu < CpuSet::MAX_CPU {
            others.unset(cpu);
        }
        if sched_setaffinity(None, &others).is_ok() {
            self.place = Place::Apart(cpu, seat);
            count_in(None);
            self.turn = ticks();
        } else {
            cores.stand_up(&seat);
            self.place = Place::Anywhere;
        }
    }
}

/// What is done before sleeping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    None,
    /// Let others run once.
    GiveWay,
    /// Look for so many ticks.
    Spin(u64),
}
