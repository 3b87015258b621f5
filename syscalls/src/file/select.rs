//! `select(2)`.

use super::poll::{deadline, deadline_timespec, read_mask, write_left};
use abi::Errno;
use abi::poll::Events;
use abi::time::{Timespec, Timeval};
use kernel::CurrentTask;
use mm::{UserAddr, UserMemory, UserPtr};
use std::time::Duration;
use sync::{Deadline, Fail};
use vfs::Polled;

const READ: Events = Events::IN.union(Events::RDNORM).union(Events::RDBAND);
const WRITE: Events = Events::OUT.union(Events::WRNORM).union(Events::WRBAND);
const READ_READY: Events = READ.union(Events::HUP).union(Events::ERR);
const WRITE_READY: Events = WRITE.union(Events::ERR);

/// The three sets: read, write, exceptional.
type Sets = [UserAddr; 3];

/// A set as bytes, a whole number of 8-byte words; empty for a null pointer.
fn read_set(task: &CurrentTask, set: UserAddr, count: usize) -> Result<Vec<u8>, Errno> {
    if set.is_null() {
        return Ok(Vec::new());
    }
    UserPtr::<u8>::new(set).read_array(&**task.mm(), count.div_ceil(64) * 8)
}

fn is_set(set: &[u8], fd: usize) -> bool {
    set.get(fd / 8).is_some_and(|byte| byte & 1 << (fd % 8) != 0)
}

fn run(
    task: &CurrentTask,
    count: i32,
    sets: Sets,
    (deadline, only_look): (Option<Deadline>, bool),
) -> Result<usize, Fail> {
    let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?.min(task.fds().size());
    let [read, write, except] =
        [read_set(task, sets[0], count)?, read_set(task, sets[1], count)?, read_set(task, sets[2], count)?];
    let mut fds = Vec::new();
    let mut items = Vec::new();
    for fd in 0..count {
        let mut want = Events::empty();
        want |= if is_set(&read, fd) { READ } else { Events::empty() };
        want |= if is_set(&write, fd) { WRITE } else { Events::empty() };
        want |= if is_set(&except, fd) { Events::PRI } else { Events::empty() };
        if !want.is_empty() {
            let file = task.fds().get(fd as i32)?;
            fds.push(fd);
            items.push(Polled { file: Some(file), want, got: Events::empty() });
        }
    }
    vfs::poll(task.caller(), &mut items, deadline, only_look)?;
    let mut found = 0;
    let asked = [(read, READ, READ_READY), (write, WRITE, WRITE_READY), (except, Events::PRI, Events::PRI)];
    for ((old, want, ready), addr) in asked.into_iter().zip(sets) {
        let mut new = vec![0u8; old.len()];
        for (&fd, item) in fds.iter().zip(&items) {
            if item.want.contains(want) && is_set(&old, fd) && item.got.intersects(ready) {
                if let Some(byte) = new.get_mut(fd / 8) {
                    *byte |= 1 << (fd % 8);
                }
                found += 1;
            }
        }
        task.mm().give(addr, &new)?;
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
    if let (Some(timeout), Some(deadline)) = (timeout.optional(), limit.0) {
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
