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
            so::PEERCRED => show_pid(task, &mut bytes),
            _ => {}
        }
    }
    bytes.truncate(room);
    memory.write(value, &bytes)?;
    len.write(memory, &(bytes.len() as i32))
}

/// Puts the process id, first of a `ucred`, as the task's pid namespace has it.
fn show_pid(task: &CurrentTask, bytes: &mut [u8]) {
    if let Some(pid) = bytes.first_chunk_mut::<4>() {
        *pid = super::control::pid_shown(task, i32::from_ne_bytes(*pid)).to_ne_bytes();
    }
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
