//! Semaphore sets: `semget(2)`, `semop(2)`, `semctl(2)`.

use super::{Object, Perm, UndoList, now};
use abi::Errno;
use abi::ipc::{IPC_NOWAIT, SEM_UNDO, Sembuf, SemidDs};
use abi::poll::Events;
use std::collections::HashMap;
use std::sync::Arc;
use sync::{Mutex, Rank, WaitQueue};

/// Most sets.
pub(super) const SEMMNI: usize = 32_000;
/// Most semaphores of a set.
pub(super) const SEMMSL: u64 = 32_000;
/// Most semaphores of a namespace. (Linux has no real bound; this one is of the sentry's memory.)
pub(super) const SEMMNS: u64 = 4 << 20;
/// Most operations of one call.
pub(super) const SEMOPM: u64 = 500;
/// Highest value, also of an adjustment.
pub const SEMVMX: i32 = 32_767;

#[derive(Clone, Copy, Debug, Default)]
struct Sem {
    value: u16,
    pid: i32,
}

#[derive(Debug, Default)]
struct State {
    sems: Vec<Sem>,
    otime: i64,
    ctime: i64,
    is_removed: bool,
    /// Adjustments by undo list.
    undo: HashMap<u64, Vec<i16>>,
    /// What each blocked caller waits for: a semaphore, and whether for zero.
    waiting: Vec<(u16, bool)>,
}

/// A semaphore set.
#[derive(Debug)]
pub struct SemSet {
    perm: Mutex<Perm>,
    /// Does not change.
    len: usize,
    state: Mutex<State>,
    /// Some value changed, or the set is gone.
    pub changes: WaitQueue,
}

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// All operations are done.
    Done,
    /// It has to wait for this semaphore, to be zero or else to be greater.
    Wait(u16, bool),
}

impl Object for SemSet {
    fn perm(&self) -> &Mutex<Perm> {
        &self.perm
    }
}

impl SemSet {
    /// A set of zeros.
    pub fn new(perm: Perm, count: usize) -> Self {
        let state = State { sems: vec![Sem::default(); count], ctime: now(), ..State::default() };
        let perm = Mutex::new(Rank::Leaf, perm);
        Self { perm, len: count, state: Mutex::new(Rank::Buffer, state), changes: WaitQueue::new() }
    }

    /// How many semaphores.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Without semaphores: never, but asked for beside [`Self::len`].
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tries all operations at once: all of them or none. `EAGAIN` for one with `IPC_NOWAIT` that would wait,
    /// `EFBIG`, `ERANGE`, `EIDRM`.
    pub fn attempt(self: &Arc<Self>, ops: &[Sembuf], pid: i32, undo: Option<&Arc<UndoList>>) -> Result<Tried, Errno> {
        let mut state = self.state.lock();
        if state.is_removed {
            return Err(Errno::EIDRM);
        }
        if ops.iter().any(|op| usize::from(op.num) >= state.sems.len()) {
            return Err(Errno::EFBIG);
        }
        let tried = state.apply(ops, undo.map(|undo| undo.id()))?;
        if tried != Tried::Done {
            return Ok(tried);
        }
        for op in ops {
            state.sems[usize::from(op.num)].pid = pid;
        }
        state.otime = now();
        drop(state);
        if let Some(undo) = undo.filter(|_| ops.iter().any(|op| op.flags & SEM_UNDO != 0)) {
            undo.note(self);
        }
        if ops.iter().any(|op| op.op != 0) {
            self.changes.notify(Events::IN);
        }
        Ok(Tried::Done)
    }

    /// Counts a blocked caller among those who wait; given back by [`Self::end_wait`].
    pub fn begin_wait(&self, num: u16, for_zero: bool) {
        self.state.lock().waiting.push((num, for_zero));
    }

    /// The caller no longer waits.
    pub fn end_wait(&self, num: u16, for_zero: bool) {
        let mut state = self.state.lock();
        if let Some(index) = state.waiting.iter().position(|&waits| waits == (num, for_zero)) {
            state.waiting.swap_remove(index);
        }
    }

    /// `GETNCNT` (`for_zero` false) and `GETZCNT`.
    pub fn waiters(&self, num: usize, for_zero: bool) -> Result<u64, Errno> {
        let state = self.state.lock();
        state.at(num)?;
        Ok(state.waiting.iter().filter(|&&(at, zero)| usize::from(at) == num && zero == for_zero).count() as u64)
    }

    /// `GETVAL`.
    pub fn value(&self, num: usize) -> Result<u64, Errno> {
        Ok(self.state.lock().at(num)?.value.into())
    }

    /// `GETPID`.
    pub fn last_pid(&self, num: usize) -> Result<u64, Errno> {
        Ok(self.state.lock().at(num)?.pid as u64)
    }

    /// `GETALL`.
    pub fn values(&self) -> Vec<u16> {
        self.state.lock().sems.iter().map(|sem| sem.value).collect()
    }

    /// `SETVAL`. `ERANGE`, `EINVAL`, `EIDRM`.
    pub fn set_value(&self, num: usize, value: i32, pid: i32) -> Result<(), Errno> {
        let value = u16::try_from(value).ok().filter(|&v| i32::from(v) <= SEMVMX).ok_or(Errno::ERANGE)?;
        let mut state = self.state.lock();
        if state.is_removed {
            return Err(Errno::EIDRM);
        }
        state.at(num)?;
        state.sems[num] = Sem { value, pid };
        for adjustments in state.undo.values_mut() {
            adjustments[num] = 0;
        }
        state.ctime = now();
        drop(state);
        self.changes.notify(Events::IN);
        Ok(())
    }

    /// `SETALL`; as many values as semaphores. `ERANGE`, `EIDRM`.
    pub fn set_values(&self, values: &[u16], pid: i32) -> Result<(), Errno> {
        if values.iter().any(|&value| i32::from(value) > SEMVMX) {
            return Err(Errno::ERANGE);
        }
        let mut state = self.state.lock();
        if state.is_removed {
            return Err(Errno::EIDRM);
        }
        for (sem, &value) in state.sems.iter_mut().zip(values) {
            *sem = Sem { value, pid };
        }
        state.undo.clear();
        state.ctime = now();
        drop(state);
        self.changes.notify(Events::IN);
        Ok(())
    }

    /// `IPC_SET`: who may and what was checked.
    pub fn set_perm(&self, uid: u32, gid: u32, mode: u32) {
        self.perm.lock().change(uid, gid, mode);
        self.state.lock().ctime = now();
    }

    /// The set was taken out of its table: those who wait get `EIDRM`.
    pub fn end(&self) {
        self.state.lock().is_removed = true;
        self.changes.notify(Events::IN | Events::HUP);
    }

    /// `IPC_STAT`.
    pub fn stat(&self, id: i32) -> SemidDs {
        let perm = self.perm.lock().to_abi(id);
        let state = self.state.lock();
        SemidDs { perm, otime: state.otime, ctime: state.ctime, nsems: state.sems.len() as u64, ..SemidDs::default() }
    }

    /// Takes back what the processes of an undo list did.
    pub(super) fn undo(&self, list: u64, pid: i32) {
        let mut state = self.state.lock();
        let Some(adjustments) = state.undo.remove(&list) else { return };
        for (sem, adjustment) in state.sems.iter_mut().zip(adjustments).filter(|(_, adjustment)| *adjustment != 0) {
            let value = (i32::from(sem.value) + i32::from(adjustment)).clamp(0, SEMVMX);
            *sem = Sem { value: value as u16, pid };
        }
        state.otime = now();
        drop(state);
        self.changes.notify(Events::IN);
    }
}

impl State {
    fn at(&self, num: usize) -> Result<&Sem, Errno> {
        self.sems.get(num).ok_or(Errno::EINVAL)
    }

    /// All operations or none. Numbers were checked.
    fn apply(&mut self, ops: &[Sembuf], list: Option<u64>) -> Result<Tried, Errno> {
        for (done, op) in ops.iter().enumerate() {
            if let Err(blocked) = self.apply_one(*op, list) {
                for op in ops[..done].iter().rev() {
                    self.revert_one(*op, list);
                }
                return match blocked {
                    Blocked::Wait if i32::from(op.flags) & IPC_NOWAIT != 0 => Err(Errno::EAGAIN),
                    Blocked::Wait => Ok(Tried::Wait(op.num, op.op == 0)),
                    Blocked::Range => Err(Errno::ERANGE),
                };
            }
        }
        Ok(Tried::Done)
    }

    fn adjustment(&mut self, op: Sembuf, list: Option<u64>) -> Option<&mut i16> {
        let list = list.filter(|_| op.flags & SEM_UNDO != 0 && op.op != 0)?;
        let count = self.sems.len();
        self.undo.entry(list).or_insert_with(|| vec![0; count]).get_mut(usize::from(op.num))
    }

    fn apply_one(&mut self, op: Sembuf, list: Option<u64>) -> Result<(), Blocked> {
        let num = usize::from(op.num);
        let value = i32::from(self.sems[num].value);
        if op.op == 0 {
            return if value == 0 { Ok(()) } else { Err(Blocked::Wait) };
        }
        let new = value + i32::from(op.op);
        if new < 0 {
            return Err(Blocked::Wait);
        }
        if new > SEMVMX {
            return Err(Blocked::Range);
        }
        if let Some(adjustment) = self.adjustment(op, list) {
            *adjustment = adjustment.checked_sub(op.op).ok_or(Blocked::Range)?;
        }
        self.sems[num].value = new as u16;
        Ok(())
    }

    fn revert_one(&mut self, op: Sembuf, list: Option<u64>) {
        let sem = &mut self.sems[usize::from(op.num)];
        sem.value = (i32::from(sem.value) - i32::from(op.op)) as u16;
        if let Some(adjustment) = self.adjustment(op, list) {
            *adjustment += op.op;
        }
    }
}

/// Why an operation is not possible now.
enum Blocked {
    Wait,
    Range,
}
