//! Futexes: `futex(2)`, `futex_waitv(2)`, `set_robust_list(2)`.

use crate::time::{read_deadline, read_duration};
use abi::Errno;
use abi::futex::{
    FUTEX_BITSET_MATCH_ANY, FUTEX_CLOCK_REALTIME, FUTEX_CMP_REQUEUE, FUTEX_CMP_REQUEUE_PI, FUTEX_LOCK_PI,
    FUTEX_LOCK_PI2, FUTEX_PRIVATE_FLAG, FUTEX_REQUEUE, FUTEX_TRYLOCK_PI, FUTEX_UNLOCK_PI, FUTEX_WAIT,
    FUTEX_WAIT_BITSET, FUTEX_WAIT_REQUEUE_PI, FUTEX_WAITV_MAX, FUTEX_WAKE, FUTEX_WAKE_BITSET, FUTEX_WAKE_OP,
    FUTEX2_PRIVATE, FUTEX2_SIZE_MASK, FUTEX2_SIZE_U32, FutexWaitv, RobustListHead,
};
use abi::time::Timespec;
use kernel::futex::{Ended, Identity, Locker, Word};
use kernel::{CurrentTask, RestartBlock};
use mm::{UserAddr, UserPtr};
use std::sync::Arc;
use sync::{Clock, Deadline, Fail, Restart};

/// Calls whose fourth argument is a timeout.
const TIMED: [u32; 5] = [FUTEX_WAIT, FUTEX_LOCK_PI, FUTEX_LOCK_PI2, FUTEX_WAIT_BITSET, FUTEX_WAIT_REQUEUE_PI];
/// Calls whose timeout may be on the real-time clock.
const CHOOSES_CLOCK: [u32; 3] = [FUTEX_WAIT_BITSET, FUTEX_WAIT_REQUEUE_PI, FUTEX_LOCK_PI2];

/// `futex(2)`.
pub(crate) fn futex(
    task: &mut CurrentTask,
    addr: UserAddr,
    op: u32,
    value: u32,
    timeout: u64,
    addr2: UserAddr,
    value3: u32,
) -> Result<u32, Fail> {
    let command = op & !(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
    let shared = op & FUTEX_PRIVATE_FLAG == 0;
    let clock =
        if op & FUTEX_CLOCK_REALTIME != 0 || command == FUTEX_LOCK_PI { Clock::Realtime } else { Clock::Monotonic };
    let deadline = if TIMED.contains(&command) && timeout != 0 {
        read_timeout(task, UserPtr::new(UserAddr(timeout)), command == FUTEX_WAIT, clock)?
    } else {
        None
    };
    if op & FUTEX_CLOCK_REALTIME != 0 && !CHOOSES_CLOCK.contains(&command) {
        return Err(Errno::ENOSYS.into());
    }
    let (word, second) = (Word { addr, shared }, Word { addr: addr2, shared });
    let value2 = timeout as u32;
    let kernel = task.kernel().clone();
    let (table, mm) = (kernel.futexes(), task.mm().clone());
    match command {
        FUTEX_WAIT => wait(task, word, value, FUTEX_BITSET_MATCH_ANY, deadline),
        FUTEX_WAIT_BITSET => wait(task, word, value, value3, deadline),
        FUTEX_WAKE | FUTEX_WAKE_BITSET => {
            host_futex(task, [addr.0, op.into(), value.into(), 0, 0, value3.into()], &[addr])
        }
        FUTEX_REQUEUE | FUTEX_CMP_REQUEUE | FUTEX_WAKE_OP => {
            let args = [addr.0, op.into(), value.into(), timeout, addr2.0, value3.into()];
            host_futex(task, args, &[addr, addr2])
        }
        FUTEX_LOCK_PI | FUTEX_LOCK_PI2 | FUTEX_TRYLOCK_PI => {
            let only_try = command == FUTEX_TRYLOCK_PI;
            let ended = with_locker(task, |locker| table.lock_pi(&*mm, locker, word, deadline, only_try))?;
            end_pi(ended)
        }
        FUTEX_UNLOCK_PI => Ok(table.unlock_pi(&*mm, &task.task().futex_identity(), word).map(|()| 0)?),
        FUTEX_WAIT_REQUEUE_PI => {
            if value3 != FUTEX_BITSET_MATCH_ANY && value3 == 0 {
                return Err(Errno::EINVAL.into());
            }
            let ended = with_locker(task, |locker| table.wait_requeue_pi(&*mm, locker, word, value, second, deadline))?;
            end_pi(ended)
        }
        FUTEX_CMP_REQUEUE_PI => {
            check_counts(value, value2)?;
            if value != 1 {
                return Err(Errno::EINVAL.into());
            }
            loop {
                let moved = with_locker(task, |locker| table.requeue_pi(&*mm, locker, word, second, value2, value3))?;
                if let Some(count) = moved {
                    break Ok(count);
                }
                check_signals(task)?;
            }
        }
        _ => Err(Errno::ENOSYS.into()),
    }
}

/// The timeout of a wait: relative, or a point on `clock`.
fn read_timeout(
    task: &CurrentTask,
    timeout: UserPtr<Timespec>,
    is_relative: bool,
    clock: Clock,
) -> Result<Option<Deadline>, Errno> {
    if is_relative {
        return Ok(Deadline::after(read_duration(task, timeout)?));
    }
    read_deadline(task, timeout, clock)
}

/// Negative counts are refused.
const fn check_counts(wake: u32, requeue: u32) -> Result<(), Errno> {
    if (wake as i32) < 0 || (requeue as i32) < 0 { Err(Errno::EINVAL) } else { Ok(()) }
}

/// A call that loses races again and again looks at its signals in between.
fn check_signals(task: &CurrentTask) -> Result<(), Fail> {
    if task.task().word().is_interrupted() { Err(Fail::Interrupted(Restart::Always)) } else { Ok(()) }
}

fn with_locker<R>(task: &CurrentTask, f: impl FnOnce(Locker<'_>) -> R) -> R {
    let identity = task.task().futex_identity();
    let namespace = task.task().pid_namespace();
    let find = |tid: u32| -> Option<Arc<Identity>> {
        let found = task.kernel().tree().task(&namespace, tid as i32)?;
        found.is_live().then(|| found.futex_identity())
    };
    f(Locker { identity: &identity, sleeper: task.task().word(), find: &find })
}

const fn end_pi(ended: Ended) -> Result<u32, Fail> {
    match ended {
        Ended::Woken => Ok(0),
        Ended::TimedOut => Err(Fail::Errno(Errno::ETIMEDOUT)),
        Ended::Interrupted => Err(Fail::Interrupted(Restart::Always)),
    }
}

/// A call that the host makes at once on the caller's own memory.
fn host_futex(task: &CurrentTask, args: [u64; 6], words: &[UserAddr]) -> Result<u32, Fail> {
    if words.iter().any(|word| word.0 >= platform::GUEST_END) {
        return Err(Errno::EFAULT.into());
    }
    Ok(task.mm().space().futex(args)?)
}

fn wait(task: &mut CurrentTask, word: Word, value: u32, bitset: u32, deadline: Option<Deadline>) -> Result<u32, Fail> {
    if word.addr.0 >= platform::GUEST_END {
        return Err(Errno::EFAULT.into());
    }
    let mut op = FUTEX_WAIT_BITSET;
    if !word.shared {
        op |= FUTEX_PRIVATE_FLAG;
    }
    let deadline = deadline.map(on_host);
    if deadline.is_some_and(|deadline| deadline.clock == Clock::Realtime) {
        op |= FUTEX_CLOCK_REALTIME;
    }
    let args = [word.addr.0, op.into(), value.into(), 0, 0, bitset.into()];
    let block = deadline.map(|deadline| {
        let args = [word.addr.0, word.shared.into(), value.into(), bitset.into(), 0, 0];
        RestartBlock { resume, deadline: Some(deadline), args }
    });
    task.sleep_on_host(abi::nr::FUTEX, args, deadline.map(|deadline| (3, deadline)), block)
}

/// A point in time on a clock that the host's futexes know.
fn on_host(deadline: Deadline) -> Deadline {
    match deadline.clock {
        Clock::Monotonic | Clock::Realtime => deadline,
        Clock::Boottime => Deadline::after(deadline.left()).unwrap_or(deadline),
    }
}

/// Goes on with a wait that a signal without a handler interrupted.
fn resume(task: &mut CurrentTask, block: &RestartBlock) -> Result<u64, Fail> {
    let [addr, shared, value, bitset, ..] = block.args;
    let word = Word { addr: UserAddr(addr), shared: shared != 0 };
    wait(task, word, value as u32, bitset as u32, block.deadline).map(u64::from)
}

/// A word of the newer calls: only 32 bits are known, as in Linux. `EINVAL`.
fn new_word(addr: u64, flags: u32) -> Result<Word, Errno> {
    if flags & !(FUTEX2_SIZE_MASK | FUTEX2_PRIVATE) != 0 || flags & FUTEX2_SIZE_MASK != FUTEX2_SIZE_U32 {
        return Err(Errno::EINVAL);
    }
    Ok(Word { addr: UserAddr(addr), shared: flags & FUTEX2_PRIVATE == 0 })
}

/// The clock of the newer calls; `EINVAL`.
const fn new_clock(clock: i32) -> Result<Clock, Errno> {
    match clock {
        abi::clock::CLOCK_REALTIME => Ok(Clock::Realtime),
        abi::clock::CLOCK_MONOTONIC => Ok(Clock::Monotonic),
        _ => Err(Errno::EINVAL),
    }
}

/// `futex_waitv(2)`: the index of the word whose wake came.
pub(crate) fn futex_waitv(
    task: &mut CurrentTask,
    waiters: UserPtr<FutexWaitv>,
    count: u32,
    flags: u32,
    timeout: UserPtr<Timespec>,
    clock: i32,
) -> Result<u32, Fail> {
    if flags != 0 || count == 0 || count > FUTEX_WAITV_MAX || waiters.is_null() {
        return Err(Errno::EINVAL.into());
    }
    let deadline = match timeout.optional() {
        Some(timeout) => {
            let clock = new_clock(clock)?;
            read_deadline(task, timeout, clock)?
        }
        None => None,
    };
    if waiters.addr().0 >= platform::GUEST_END {
        return Err(Errno::EFAULT.into());
    }
    let deadline = deadline.map(on_host);
    let clock = if deadline.is_some_and(|deadline| deadline.clock == Clock::Realtime) {
        abi::clock::CLOCK_REALTIME
    } else {
        abi::clock::CLOCK_MONOTONIC
    };
    let args = [waiters.addr().0, count.into(), 0, 0, clock as u64, 0];
    task.sleep_on_host(abi::nr::FUTEX_WAITV, args, deadline.map(|deadline| (3, deadline)), None)
}

/// A mask or value of the newer calls must fit its word.
fn new_value(value: u64) -> Result<u32, Errno> {
    u32::try_from(value).map_err(|_| Errno::EINVAL)
}

/// `futex_wake`, number 454.
pub(crate) fn futex_wake(task: &mut CurrentTask, addr: u64, mask: u64, count: i32, flags: u32) -> Result<u32, Fail> {
    let word = new_word(addr, flags)?;
    let mask = new_value(mask)?;
    if mask == 0 {
        return Err(Errno::EINVAL.into());
    }
    match u32::try_from(count) {
        Ok(0) => Ok(0),
        Ok(count) => {
            let op = FUTEX_WAKE_BITSET | if word.shared { 0 } else { FUTEX_PRIVATE_FLAG };
            host_futex(task, [word.addr.0, op.into(), count.into(), 0, 0, mask.into()], &[word.addr])
        }
        Err(_) => Err(Errno::EINVAL.into()),
    }
}

/// `futex_wait`, number 455.
pub(crate) fn futex_wait(
    task: &mut CurrentTask,
    addr: u64,
    value: u64,
    mask: u64,
    flags: u32,
    timeout: UserPtr<Timespec>,
    clock: i32,
) -> Result<u32, Fail> {
    let word = new_word(addr, flags)?;
    let (value, mask) = (new_value(value)?, new_value(mask)?);
    let deadline = match timeout.optional() {
        Some(timeout) => {
            let clock = new_clock(clock)?;
            read_deadline(task, timeout, clock)?
        }
        None => None,
    };
    wait(task, word, value, mask, deadline)
}

/// `futex_requeue`, number 456. Both words are private, or both are not.
pub(crate) fn futex_requeue(
    task: &mut CurrentTask,
    waiters: UserPtr<FutexWaitv>,
    flags: u32,
    wake: u32,
    requeue: u32,
) -> Result<u32, Fail> {
    if flags != 0 || waiters.is_null() {
        return Err(Errno::EINVAL.into());
    }
    let pair = waiters.read_array(&**task.mm(), 2)?;
    let &[from, to] = pair.as_slice() else { return Err(Errno::EINVAL.into()) };
    if from.reserved != 0 || to.reserved != 0 {
        return Err(Errno::EINVAL.into());
    }
    check_counts(wake, requeue)?;
    let (from_word, to_word) = (new_word(from.uaddr, from.flags)?, new_word(to.uaddr, to.flags)?);
    if from_word.shared != to_word.shared {
        return Err(Errno::EINVAL.into());
    }
    let op = FUTEX_CMP_REQUEUE | if from_word.shared { 0 } else { FUTEX_PRIVATE_FLAG };
    let value = new_value(from.val)?;
    let args = [from_word.addr.0, op.into(), wake.into(), requeue.into(), to_word.addr.0, value.into()];
    host_futex(task, args, &[from_word.addr, to_word.addr])
}

/// `set_robust_list(2)`.
pub(crate) fn set_robust_list(task: &mut CurrentTask, head: UserAddr, len: usize) -> Result<(), Errno> {
    if len != size_of::<RobustListHead>() {
        return Err(Errno::EINVAL);
    }
    task.context().set_robust_list(head.0);
    Ok(())
}

/// `get_robust_list(2)`: of another thread when the caller may look into it.
pub(crate) fn get_robust_list(
    task: &mut CurrentTask,
    pid: i32,
    head: UserPtr<u64>,
    len: UserPtr<u64>,
) -> Result<(), Errno> {
    let head_addr = if pid == 0 {
        task.context().robust_list()
    } else {
        let other = task.kernel().tree().task(&task.task().pid_namespace(), pid).ok_or(Errno::ESRCH)?;
        if !task.may_look_into(&other) {
            return Err(Errno::EPERM);
        }
        other.robust_list()
    };
    len.give(&**task.mm(), &(size_of::<RobustListHead>() as u64))?;
    head.give(&**task.mm(), &head_addr)
}
