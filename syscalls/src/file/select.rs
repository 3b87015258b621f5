//! `select(2)`.

use super::poll::{deadline, deadline_timespec, keeps_timeouts, read_mask, write_left};
use abi::Errno;
use abi::poll::Events;
use abi::time::{Timespec, Timeval};
use kernel::CurrentTask;
use mm::{UserAddr, UserMemory, UserPtr};
use std::time::Duration;
use sync::{Deadline, Fail};
use vfs::Polled;
use zerocopy::IntoBytes;

const READ: Events = Events::IN.union(Events::RDNORM).union(Events::RDBAND);
const WRITE: Events = Events::OUT.union(Events::WRNORM).union(Events::WRBAND);
const READ_READY: Events = READ.union(Events::HUP).union(Events::ERR);
const WRITE_READY: Events = WRITE.union(Events::ERR);

/// The three sets: read, write, exceptional.
type Sets = [UserAddr; 3];

/// The first `count` members of a set as words; empty for a null pointer.
fn read_set(task: &CurrentTask, set: UserAddr, count: usize) -> Result<Vec<u64>, Errno> {
    if set.is_null() {
        return Ok(Vec::new());
    }
    let mut words = UserPtr::<u64>::new(set).read_array(&**task.mm(), count.div_ceil(64))?;
    if let Some(last) = words.last_mut()
        && !count.is_multiple_of(64)
    {
        *last &= bit(count) - 1;
    }
    Ok(words)
}

const fn bit(fd: usize) -> u64 {
    1 << (fd % 64)
}

fn is_set(set: &[u64], fd: usize) -> bool {
    set.get(fd / 64).is_some_and(|word| word & bit(fd) != 0)
}

/// The descriptors that are in one of the sets.
fn members(sets: &[Vec<u64>; 3]) -> impl Iterator<Item = usize> {
    let words = sets.iter().map(Vec::len).max().unwrap_or(0);
    let word = |index: usize| sets.iter().filter_map(|set| set.get(index)).fold(0, |all, word| all | word);
    (0..words).flat_map(move |index| {
        let mut left = word(index);
        std::iter::from_fn(move || {
            let fd = index * 64 + left.trailing_zeros() as usize;
            left &= left.checked_sub(1)?;
            Some(fd)
        })
    })
}

/// What each set asks for, and what counts as an answer.
const KINDS: [(Events, Events); 3] = [(READ, READ_READY), (WRITE, WRITE_READY), (Events::PRI, Events::PRI)];

fn run(
    task: &CurrentTask,
    count: i32,
    addrs: Sets,
    (deadline, only_look): (Option<Deadline>, bool),
) -> Result<usize, Fail> {
    let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?.min(task.fds().size());
    let mut sets =
        [read_set(task, addrs[0], count)?, read_set(task, addrs[1], count)?, read_set(task, addrs[2], count)?];
    let mut fds = Vec::new();
    let mut items = Vec::new();
    for fd in members(&sets) {
        let asked = sets.iter().zip(KINDS).filter(|(set, _)| is_set(set, fd)).map(|(_, (want, _))| want);
        let want = asked.fold(Events::empty(), Events::union);
        fds.push(fd);
        items.push(Polled::new(task.fds().get(fd as i32)?, want));
    }
    vfs::poll(task.caller(), &mut items, deadline, only_look)?;
    let mut found = 0;
    for ((set, (_, ready)), addr) in sets.iter_mut().zip(KINDS).zip(addrs) {
        for (&fd, item) in fds.iter().zip(&items) {
            if let Some(word) = set.get_mut(fd / 64)
                && *word & bit(fd) != 0
            {
                if item.got.intersects(ready) {
                    found += 1;
                } else {
                    *word &= !bit(fd);
                }
            }
        }
        task.mm().give(addr, set.as_slice().as_bytes())?;
    }
    Ok(found)
}

/// `select(2)`: what is left of the timeout is written back.
pub(crate) fn select(
    task: &mut CurrentTask,
    count: i32,
    read: UserAddr,
    write: UserAddr,
    except: UserAddr,
    timeout: UserPtr<Timeval>,
) -> Result<usize, Fail> {
    let limit = match timeout.optional() {
        None => (None, false),
        Some(timeout) => {
            let time = timeout.read(&**task.mm())?;
            let sec = u64::try_from(time.sec).map_err(|_| Errno::EINVAL)?;
            let usec = u64::try_from(time.usec).map_err(|_| Errno::EINVAL)?;
            deadline(Duration::from_secs(sec).saturating_add(Duration::from_micros(usec)))
        }
    };
    let result = run(task, count, [read, write, except], limit);
    if let (Some(timeout), Some(deadline)) = (timeout.optional(), limit.0)
        && !keeps_timeouts(task)
    {
        let left = deadline.left();
        let left = Timeval { sec: left.as_secs() as i64, usec: i64::from(left.subsec_micros()) };
        // A bad address does not matter any more.
        let _ = timeout.give(&**task.mm(), &left);
    }
    result
}

/// `pselect6(2)`: the mask comes as a pointer to its address and size.
pub(crate) fn pselect6(
    task: &mut CurrentTask,
    count: i32,
    read: UserAddr,
    write: UserAddr,
    except: UserAddr,
    timeout: UserPtr<Timespec>,
    mask: UserPtr<[u64; 2]>,
) -> Result<usize, Fail> {
    let mask = match mask.optional() {
        None => None,
        Some(mask) => {
            let [addr, size] = mask.read(&**task.mm())?;
            read_mask(task, UserAddr(addr), size as usize)?
        }
    };
    let limit = deadline_timespec(task, timeout)?;
    let result = task.with_signal_mask(mask, |task| run(task, count, [read, write, except], limit));
    write_left(task, timeout, limit.0);
    result
}
