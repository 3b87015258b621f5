//! `getsockopt(2)`, `setsockopt(2)`.

use super::{call, file, socket_of};
use crate::arg::Fd;
use abi::Errno;
use abi::socket::{level, so};
use kernel::CurrentTask;
use mm::{UserAddr, UserMemory, UserPtr};

/// Longest value that any option takes.
const VALUE_MAX: usize = 4096;

/// `getsockopt(2)`.
pub(crate) fn getsockopt(
    task: &mut CurrentTask,
    fd: Fd,
    level: i32,
    name: i32,
    value: UserAddr,
    len: UserPtr<i32>,
) -> Result<(), Errno> {
    let file = file(task, fd)?;
    let memory = &**task.mm();
    let room = usize::try_from(len.read(memory)?).map_err(|_| Errno::EINVAL)?;
    let mut bytes = socket_of(&file)?.option(&call(task, &file), level, name)?;
    if level == level::SOL_SOCKET {
        match name {
            so::PEERGROUPS if room < bytes.len() => {
                len.write(memory, &(bytes.len() as i32))?;
                return Err(Errno::ERANGE);
            }
            so::COOKIE if room != bytes.len() => return Err(Errno::EINVAL),
            so::PEERCRED => show_peer(task, &mut bytes),
            so::PEERGROUPS => {
                for gid in bytes.chunks_exact_mut(4) {
                    show(gid, |gid| task.creds().user_ns.guest_gid(gid));
                }
            }
            _ => {}
        }
    }
    bytes.truncate(room);
    memory.write(value, &bytes)?;
    len.write(memory, &(bytes.len() as i32))
}

/// Replaces a number.
fn show(bytes: &mut [u8], how: impl FnOnce(u32) -> u32) {
    if let Some(number) = bytes.first_chunk_mut::<4>() {
        *number = how(u32::from_ne_bytes(*number)).to_ne_bytes();
    }
}

/// Puts process, user and group of a `ucred` as the task's namespaces have them; -1 for nobody stays.
fn show_peer(task: &CurrentTask, bytes: &mut [u8]) {
    let users = &task.creds().user_ns;
    let Some((pid, ids)) = bytes.split_at_mut_checked(4) else { return };
    let Some((uid, gid)) = ids.split_at_mut_checked(4) else { return };
    show(pid, |pid| super::control::pid_shown(task, pid as i32) as u32);
    show(uid, |uid| if uid == u32::MAX { uid } else { users.guest_uid(uid) });
    show(gid, |gid| if gid == u32::MAX { gid } else { users.guest_gid(gid) });
}

/// `setsockopt(2)`.
pub(crate) fn setsockopt(
    task: &mut CurrentTask,
    fd: Fd,
    level: i32,
    name: i32,
    value: UserAddr,
    len: i32,
) -> Result<(), Errno> {
    let file = file(task, fd)?;
    let len = usize::try_from(len).map_err(|_| Errno::EINVAL)?.min(VALUE_MAX);
    let bytes: Vec<u8> = UserPtr::new(value).read_array(&**task.mm(), len)?;
    socket_of(&file)?.set_option(&call(task, &file), level, name, &bytes)
}
