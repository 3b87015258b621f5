//! Who gets the signals of a file: `F_SETOWN` and its like of `fcntl(2)`, `FIOSETOWN`.

use abi::Errno;
use abi::dnotify::DirEvents;
use abi::fs::{FOwnerEx, FileType, OpenFlags};
use kernel::CurrentTask;
use mm::{UserAddr, UserPtr};
use std::sync::Arc;
use vfs::{OpenFile, SignalOwner};

pub(super) const F_SETOWN: u32 = 8;
pub(super) const F_GETOWN: u32 = 9;
pub(super) const F_SETSIG: u32 = 10;
pub(super) const F_GETSIG: u32 = 11;
pub(super) const F_SETOWN_EX: u32 = 15;
pub(super) const F_GETOWN_EX: u32 = 16;

const NSIG: u64 = 64;
const OWNER_THREAD: i32 = 0;
const OWNER_PROCESS: i32 = 1;
const OWNER_GROUP: i32 = 2;

/// The commands of `fcntl(2)` about signals.
pub(super) fn control(task: &CurrentTask, file: &OpenFile, command: u32, arg: u64) -> Result<u64, Errno> {
    match command {
        F_SETOWN => set_owner(task, file, arg as i32).map(|()| 0),
        F_GETOWN => Ok(i64::from(owner(task, file)) as u64),
        F_SETOWN_EX => {
            let owner = UserPtr::<FOwnerEx>::new(UserAddr(arg)).read(&**task.mm())?;
            if !(OWNER_THREAD..=OWNER_GROUP).contains(&owner.kind) {
                return Err(Errno::EINVAL);
            }
            set(task, file, owner.kind, owner.pid).map(|()| 0)
        }
        F_GETOWN_EX => {
            let SignalOwner { kind, id, .. } = file.owner();
            let owner = FOwnerEx { kind, pid: task.kernel().tree().id_in(&task.task().pid_namespace(), id) };
            UserPtr::new(UserAddr(arg)).give(&**task.mm(), &owner).map(|()| 0)
        }
        F_SETSIG if arg > NSIG => Err(Errno::EINVAL),
        F_SETSIG => {
            file.set_owner(SignalOwner { signal: arg as i32, ..file.owner() });
            Ok(0)
        }
        F_GETSIG => Ok(file.owner().signal as u64),
        _ => Err(Errno::EINVAL),
    }
}

/// `F_SETOWN`: a process, or below zero a process group. `ESRCH`.
pub(super) fn set_owner(task: &CurrentTask, file: &OpenFile, id: i32) -> Result<(), Errno> {
    let kind = if id < 0 { OWNER_GROUP } else { OWNER_PROCESS };
    set(task, file, kind, id.checked_abs().ok_or(Errno::EINVAL)?)
}

/// `F_GETOWN`.
pub(super) fn owner(task: &CurrentTask, file: &OpenFile) -> i32 {
    let SignalOwner { kind, id, .. } = file.owner();
    let id = task.kernel().tree().id_in(&task.task().pid_namespace(), id);
    if kind == OWNER_GROUP { -id } else { id }
}

fn set(task: &CurrentTask, file: &OpenFile, kind: i32, id: i32) -> Result<(), Errno> {
    let namespace = task.task().pid_namespace();
    let id = if id == 0 { 0 } else { task.kernel().tree().root_id(&namespace, id).ok_or(Errno::ESRCH)? };
    let creds = task.creds();
    file.set_owner(SignalOwner { kind, id, signal: file.owner().signal, uids: (creds.uid, creds.euid) });
    Ok(())
}

/// `F_NOTIFY`: the owner, by default the caller, hears of what happens in a directory. `ENOTDIR`.
pub(super) fn notify(task: &CurrentTask, fd: i32, file: &OpenFile, mask: u64) -> Result<(), Errno> {
    let mask = DirEvents::from_bits_retain(mask as u32);
    if (mask - DirEvents::MULTISHOT).is_empty() {
        file.end_directory_watch();
        return Ok(());
    }
    if file.kind() != Some(FileType::Directory) {
        return Err(Errno::ENOTDIR);
    }
    if file.owner().id == 0 {
        set(task, file, OWNER_PROCESS, task.group().pid().within(&task.task().pid_namespace()))?;
    }
    task.kernel().watch_directory(file, fd, mask)
}

/// Sets status flags, `O_ASYNC` with what it does.
pub(super) fn set_flags(task: &CurrentTask, fd: i32, file: &Arc<OpenFile>, flags: OpenFlags) -> Result<(), Errno> {
    let on = flags.contains(OpenFlags::ASYNC);
    if on != file.flags().contains(OpenFlags::ASYNC) {
        task.kernel().watch_file(file, fd, on)?;
    }
    file.set_flags(flags)
}
