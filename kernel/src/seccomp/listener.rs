//! The descriptor that answers calls of others: `seccomp_unotify(2)`.

use super::notifier::{Answer, Gift, Notifier};
use crate::task::Task;
use abi::Errno;
use abi::fs::OpenFlags;
use abi::mm::PAGE_SIZE;
use abi::poll::Events;
use abi::seccomp::{
    ADDFD_FLAG_SEND, ADDFD_FLAG_SETFD, IOCTL_NOTIF_ADDFD, IOCTL_NOTIF_ID_VALID, IOCTL_NOTIF_ID_VALID_WRONG_DIR,
    IOCTL_NOTIF_RECV, IOCTL_NOTIF_SEND, IOCTL_NOTIF_SET_FLAGS, Notif, NotifAddFd, NotifResp,
    USER_NOTIF_FD_SYNC_WAKE_UP, USER_NOTIF_FLAG_CONTINUE,
};
use mm::{UserAddr, UserMemory, UserPtr};
use std::sync::Arc;
use sync::{Fail, Restart, WaitQueue, Woken};
use vfs::{File, Io};
use zerocopy::FromBytes;

/// Direction and size of an ioctl command; those of `ADDFD` may differ.
const DIRECTION_AND_SIZE: u32 = 0xffff_0000;
/// Size of the first `struct seccomp_notif_addfd` there was.
const ADDFD_LEAST: usize = 24;

/// The listener of a filter.
pub(super) struct Listener(Arc<Notifier>);

impl Listener {
    /// That of a filter.
    pub(super) const fn new(notifier: Arc<Notifier>) -> Self {
        Self(notifier)
    }

    fn receive(&self, io: &Io<'_>, to: UserPtr<Notif>, memory: &dyn UserMemory) -> Result<u64, Fail> {
        if to.read(memory)? != Notif::default() {
            return Err(Errno::EINVAL.into());
        }
        let reader = Task::of(io.caller).ok_or(Errno::EINVAL)?;
        // It waits whatever the status flags are, as on Linux.
        io.caller.retry(&self.0.events, Events::IN | Events::HUP, false, || self.0.take_request())?;
        let (id, task, data) = self.0.receive()?;
        let pid = task.tid_in(&reader.pid_namespace()).cast_unsigned();
        let written = to.write(memory, &Notif { id, pid, flags: 0, data });
        if written.is_err() {
            self.0.put_back(id);
        }
        Ok(written.map(|()| 0)?)
    }

    fn send(&self, from: UserPtr<NotifResp>, memory: &dyn UserMemory) -> Result<u64, Errno> {
        let resp = from.read(memory)?;
        let continues = resp.flags & USER_NOTIF_FLAG_CONTINUE != 0;
        if resp.flags & !USER_NOTIF_FLAG_CONTINUE != 0 || (continues && (resp.error != 0 || resp.val != 0)) {
            return Err(Errno::EINVAL);
        }
        self.0.answer(resp.id, Answer::of(&resp)).map(|()| 0)
    }

    fn give(&self, io: &Io<'_>, from: UserAddr, size: usize, memory: &dyn UserMemory) -> Result<u64, Fail> {
        let request = read_request(from, size, memory)?;
        let cloexec = OpenFlags::CLOEXEC.bits();
        let flags = ADDFD_FLAG_SETFD | ADDFD_FLAG_SEND;
        let has_number = request.flags & ADDFD_FLAG_SETFD != 0;
        if request.newfd_flags & !cloexec != 0 || request.flags & !flags != 0 || (request.newfd != 0 && !has_number) {
            return Err(Errno::EINVAL.into());
        }
        let fds = Task::of(io.caller).and_then(Task::fds).ok_or(Errno::EBADF)?;
        let file = fds.get(request.srcfd.cast_signed())?;
        let gift = Gift::new(&request, file, io.caller.word.clone());
        self.0.give(request.id, &gift)?;
        let word = &io.caller.word;
        let outcome = loop {
            word.arm();
            if let Some(outcome) = gift.outcome() {
                break outcome;
            }
            if word.sleep(None) == Woken::Interrupted {
                break self.0.take_back(request.id, &gift).ok_or(Fail::Interrupted(Restart::Sa))?;
            }
        };
        Ok(i64::from(outcome?).cast_unsigned())
    }
}

/// A request of any size: what it lacks is 0, what is more must be. `EINVAL`, `E2BIG`.
fn read_request(from: UserAddr, size: usize, memory: &dyn UserMemory) -> Result<NotifAddFd, Errno> {
    const KNOWN: usize = size_of::<NotifAddFd>();
    if !(ADDFD_LEAST..PAGE_SIZE as usize).contains(&size) {
        return Err(Errno::EINVAL);
    }
    let mut bytes = vec![0; size.max(KNOWN)];
    memory.read(from, &mut bytes[..size])?;
    let (known, more) = bytes.split_at(KNOWN);
    if more.iter().any(|&byte| byte != 0) {
        return Err(Errno::E2BIG);
    }
    NotifAddFd::read_from_bytes(known).map_err(|_| Errno::EINVAL)
}

impl File for Listener {
    fn ioctl(&self, io: &Io<'_>, command: u32, arg: u64, memory: &dyn UserMemory) -> Result<u64, Fail> {
        let at = UserAddr(arg);
        match command {
            IOCTL_NOTIF_RECV => self.receive(io, UserPtr::new(at), memory),
            IOCTL_NOTIF_SEND => Ok(self.send(UserPtr::new(at), memory)?),
            IOCTL_NOTIF_ID_VALID | IOCTL_NOTIF_ID_VALID_WRONG_DIR => {
                let id = UserPtr::<u64>::new(at).read(memory)?;
                Ok(self.0.check(id).map(|()| 0)?)
            }
            // A hint to the scheduler: here the two take turns anyway.
            IOCTL_NOTIF_SET_FLAGS if arg & !USER_NOTIF_FD_SYNC_WAKE_UP == 0 => Ok(0),
            _ if (command ^ IOCTL_NOTIF_ADDFD) & !DIRECTION_AND_SIZE == 0 => {
                self.give(io, at, (command >> 16 & 0x3fff) as usize, memory)
            }
            _ => Err(Errno::EINVAL.into()),
        }
    }

    fn readiness(&self) -> Events {
        self.0.readiness()
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.0.events)
    }

    fn anonymous_name(&self) -> Option<String> {
        Some("anon_inode:seccomp notify".to_owned())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.close();
    }
}
