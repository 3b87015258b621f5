//! POSIX message queues: `mq_open(3)` and its kin, as the kernel takes them.

use super::namespace;
use crate::time::read_deadline;
use abi::Errno;
use abi::clock::{SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD, Sigevent};
use abi::fs::OpenFlags;
use abi::ipc::MqAttr;
use abi::poll::Events;
use abi::resource::Resource;
use abi::signal::NSIG;
use abi::time::Timespec;
use kernel::CurrentTask;
use kernel::ipc::{Mqueue, MqueueAttributes, MqueueFile, Notification, Told};
use mm::{UserAddr, UserMemory, UserPtr, UserStr};
use std::sync::Arc;
use sync::{Clock, Deadline, Fail};
use vfs::{Capability, Credentials, OpenFile};

/// Longest name.
const NAME_MAX: usize = 255;
/// Highest priority plus one: `MQ_PRIO_MAX`.
const PRIO_MAX: u32 = 32_768;

/// A name, without the slash that the C library takes off.
fn read_name(task: &CurrentTask, name: UserStr) -> Result<Vec<u8>, Errno> {
    let name = name.read_path(&**task.mm())?;
    if name.is_empty() || name == b"." || name == b".." {
        return Err(if name.is_empty() { Errno::ENOENT } else { Errno::EACCES });
    }
    if name.contains(&b'/') {
        return Err(Errno::EACCES);
    }
    if name.len() > NAME_MAX { Err(Errno::ENAMETOOLONG) } else { Ok(name) }
}

/// `mq_open(3)`.
pub(crate) fn mq_open(
    task: &mut CurrentTask,
    name: UserStr,
    flags: OpenFlags,
    mode: u32,
    attr: UserPtr<MqAttr>,
) -> Result<i32, Errno> {
    let attr = match attr.optional() {
        Some(attr) => Some(attr.read(&**task.mm())?),
        None => None,
    };
    let name = read_name(task, name)?;
    let queues = namespace(task).mqueues.clone();
    let queue = match queues.find(&name) {
        Some(_) if flags.contains(OpenFlags::CREAT | OpenFlags::EXCL) => return Err(Errno::EEXIST),
        Some(queue) => {
            check_access(task, &queue, flags)?;
            queue
        }
        None if !flags.contains(OpenFlags::CREAT) => return Err(Errno::ENOENT),
        None => {
            let creds = task.creds();
            let is_privileged = creds.has_in_root(Capability::SysResource);
            let attributes = match &attr {
                Some(attr) => MqueueAttributes::new(attr, is_privileged)?,
                None => MqueueAttributes::DEFAULT,
            };
            let owner = (creds.fsuid, creds.fsgid, mode & 0o777 & !task.fs().umask());
            let limit = task.group().limit(Resource::Msgqueue as u32);
            queues.create(&name, attributes, owner, limit, is_privileged)?
        }
    };
    let status = OpenFlags::from_bits_retain(flags.bits() & (OpenFlags::ACCMODE | OpenFlags::NONBLOCK).bits());
    let file = OpenFile::anonymous(Box::new(MqueueFile::new(queue)), status);
    task.fds().insert(task.caller(), file, true)
}

/// Permission bits against the access mode: `EACCES`, and `EINVAL` for no mode.
fn check_access(task: &CurrentTask, queue: &Mqueue, flags: OpenFlags) -> Result<(), Errno> {
    let want = match flags.bits() & 3 {
        0 => 4,
        1 => 2,
        2 => 6,
        _ => return Err(Errno::EINVAL),
    };
    let (uid, gid, mode) = queue.owner;
    let creds = task.creds();
    let bits = if creds.fsuid == uid {
        mode >> 6
    } else if creds.is_in_group(gid) {
        mode >> 3
    } else {
        mode
    };
    let is_allowed = want & !bits == 0 || has_over(creds, (uid, gid), Capability::DacOverride);
    if is_allowed { Ok(()) } else { Err(Errno::EACCES) }
}

/// The capability counts for what belongs to these ids.
fn has_over(creds: &Credentials, (uid, gid): (u32, u32), capability: Capability) -> bool {
    creds.has(capability) && creds.user_ns.kernel_ids_are_known(uid, gid)
}

/// `mq_unlink(3)`.
pub(crate) fn mq_unlink(task: &mut CurrentTask, name: UserStr) -> Result<(), Errno> {
    let name = read_name(task, name)?;
    let queues = namespace(task).mqueues.clone();
    let queue = queues.find(&name).ok_or(Errno::ENOENT)?;
    let creds = task.creds();
    // The directory of queues has the sticky bit.
    if queue.owner.0 != creds.fsuid && !has_over(creds, (queue.owner.0, queue.owner.1), Capability::Fowner) {
        return Err(Errno::EPERM);
    }
    queues.unlink(&name)
}

/// The queue of a descriptor: `EBADF`.
fn find(task: &CurrentTask, fd: i32) -> Result<(Arc<OpenFile>, Arc<Mqueue>), Errno> {
    let file = task.fds().get(fd)?;
    let queue = file.downcast::<MqueueFile>().ok_or(Errno::EBADF)?.queue.clone();
    Ok((file, queue))
}

/// The point in time at which a call gives up.
fn read_timeout(task: &CurrentTask, timeout: UserPtr<Timespec>) -> Result<Option<Deadline>, Errno> {
    match timeout.optional() {
        Some(timeout) => read_deadline(task, timeout, Clock::Realtime),
        None => Ok(None),
    }
}

fn block<T>(
    task: &CurrentTask,
    file: &OpenFile,
    queue: &Mqueue,
    events: Events,
    deadline: Option<Deadline>,
    mut attempt: impl FnMut() -> Result<T, Errno>,
) -> Result<T, Fail> {
    if file.flags().contains(OpenFlags::NONBLOCK) {
        return attempt().map_err(Fail::Errno);
    }
    let done = task.caller().block(&queue.changes, events, deadline, || match attempt() {
        Err(Errno::EAGAIN) => None,
        other => Some(other),
    });
    match done {
        Ok(result) => result.map_err(Fail::Errno),
        Err(Fail::Errno(Errno::EAGAIN)) => Err(Errno::ETIMEDOUT.into()),
        Err(fail) => Err(fail),
    }
}

/// `mq_timedsend(3)`.
pub(crate) fn mq_timedsend(
    task: &mut CurrentTask,
    fd: i32,
    text: UserAddr,
    len: u64,
    priority: u32,
    timeout: UserPtr<Timespec>,
) -> Result<(), Fail> {
    let deadline = read_timeout(task, timeout)?;
    if priority >= PRIO_MAX {
        return Err(Errno::EINVAL.into());
    }
    let (file, queue) = find(task, fd)?;
    if !file.is_writable() {
        return Err(Errno::EBADF.into());
    }
    if len > queue.attributes.max_size {
        return Err(Errno::EMSGSIZE.into());
    }
    let mut text = UserPtr::<u8>::new(text).read_array(&**task.mm(), len as usize)?;
    block(task, &file, &queue, Events::OUT, deadline, || queue.send(priority, &mut text, task.caller()))
}

/// `mq_timedreceive(3)`: bytes of text.
pub(crate) fn mq_timedreceive(
    task: &mut CurrentTask,
    fd: i32,
    text: UserAddr,
    len: u64,
    priority: UserPtr<u32>,
    timeout: UserPtr<Timespec>,
) -> Result<usize, Fail> {
    let deadline = read_timeout(task, timeout)?;
    let (file, queue) = find(task, fd)?;
    if !file.is_readable() {
        return Err(Errno::EBADF.into());
    }
    if len < queue.attributes.max_size {
        return Err(Errno::EMSGSIZE.into());
    }
    let received = match queue.receive() {
        Err(Errno::EAGAIN) if !file.flags().contains(OpenFlags::NONBLOCK) => {
            queue.count_receiver(true);
            let received = block(task, &file, &queue, Events::IN, deadline, || queue.receive());
            queue.count_receiver(false);
            received?
        }
        other => other?,
    };
    let (received_priority, received) = received;
    if let Some(priority) = priority.optional() {
        priority.give(&**task.mm(), &received_priority)?;
    }
    task.mm().give(text, &received)?;
    Ok(received.len())
}

/// `mq_notify(3)`.
pub(crate) fn mq_notify(task: &mut CurrentTask, fd: i32, event: UserPtr<Sigevent>) -> Result<(), Errno> {
    let event = match event.optional() {
        Some(event) => Some(event.read(&**task.mm())?),
        None => None,
    };
    let how = match event {
        None => None,
        Some(event) => Some(match event.notify {
            SIGEV_NONE => Told::Nothing,
            SIGEV_SIGNAL => {
                let signal = u8::try_from(event.signo).ok().filter(|&signal| signal <= NSIG);
                Told::Signal(signal.ok_or(Errno::EINVAL)?, event.value)
            }
            SIGEV_THREAD => {
                let cookie = UserPtr::new(UserAddr(event.value)).read(&**task.mm())?;
                let file = task.fds().get(event.signo)?;
                let socket = file.downcast::<net::Socket>().ok_or(Errno::ENOTSOCK)?;
                if !socket.takes_messages() {
                    return Err(Errno::EINVAL);
                }
                Told::Message(file, cookie)
            }
            _ => return Err(Errno::EINVAL),
        }),
    };
    let (_, queue) = find(task, fd)?;
    match how {
        None => {
            queue.cancel_notify(task.group().pid().root());
            Ok(())
        }
        Some(how) => {
            let pid = task.group().pid().root();
            queue.notify(Notification { group: Arc::downgrade(task.group()), pid, how })
        }
    }
}

/// `mq_getattr(3)`, `mq_setattr(3)`.
pub(crate) fn mq_getsetattr(
    task: &mut CurrentTask,
    fd: i32,
    new: UserPtr<MqAttr>,
    old: UserPtr<MqAttr>,
) -> Result<(), Errno> {
    let new = match new.optional() {
        Some(new) => Some(new.read(&**task.mm())?),
        None => None,
    };
    let nonblock = i64::from(OpenFlags::NONBLOCK.bits());
    if new.is_some_and(|new| new.flags & !nonblock != 0) {
        return Err(Errno::EINVAL);
    }
    let (file, queue) = find(task, fd)?;
    let was = MqAttr {
        flags: i64::from(file.flags().bits()) & nonblock,
        maxmsg: queue.attributes.max_messages as i64,
        msgsize: queue.attributes.max_size as i64,
        curmsgs: queue.count() as i64,
        reserved: [0; 4],
    };
    if let Some(new) = new {
        file.change_flags(OpenFlags::NONBLOCK, new.flags & nonblock != 0)?;
    }
    match old.optional() {
        Some(old) => old.give(&**task.mm(), &was),
        None => Ok(()),
    }
}
