//! `process_vm_readv(2)`, `process_vm_writev(2)`.

use crate::file::ranges;
use abi::Errno;
use kernel::CurrentTask;
use kernel::ptrace::Tracee;
use mm::{Mm, Sink as _, Source as _, UserAddr, UserMemory as _, UserSink, UserSlice, UserSource};
use std::sync::Arc;

/// Bytes moved at a time.
const CHUNK: usize = 64 * 1024;

/// `process_vm_readv(2)`.
pub(crate) fn process_vm_readv(
    task: &mut CurrentTask,
    pid: i32,
    local: UserAddr,
    local_count: u64,
    remote: UserAddr,
    remote_count: u64,
    flags: u64,
) -> Result<usize, Errno> {
    let (other, local, remote) = prepare(task, pid, (local, local_count), (remote, remote_count), flags)?;
    let mm = Arc::clone(task.mm());
    let mut sink = UserSink::new(&*mm, local);
    let mut moved = 0;
    let mut buf = vec![0; CHUNK];
    for range in remote {
        let mut done = 0;
        while done < range.len && sink.room() > 0 {
            let want = (range.len - done).min(CHUNK).min(sink.room());
            let step = other
                .read_some(range.addr.offset(done as u64)?, &mut buf[..want])
                .and_then(|got| sink.put(&buf[..got]).map(|put| (got, put)));
            match step {
                Ok((got, put)) => {
                    done += put;
                    moved += put;
                    if put < got || got < want {
                        return Ok(moved);
                    }
                }
                Err(_) if moved > 0 => return Ok(moved),
                Err(errno) => return Err(errno),
            }
        }
    }
    Ok(moved)
}

/// `process_vm_writev(2)`.
pub(crate) fn process_vm_writev(
    task: &mut CurrentTask,
    pid: i32,
    local: UserAddr,
    local_count: u64,
    remote: UserAddr,
    remote_count: u64,
    flags: u64,
) -> Result<usize, Errno> {
    let (other, local, remote) = prepare(task, pid, (local, local_count), (remote, remote_count), flags)?;
    let mm = Arc::clone(task.mm());
    let mut source = UserSource::new(&*mm, local);
    let mut moved = 0;
    let mut buf = vec![0; CHUNK];
    for range in remote {
        let mut done = 0;
        while done < range.len && source.left() > 0 {
            let want = (range.len - done).min(CHUNK).min(source.left());
            let step = source.take(&mut buf[..want]).and_then(|taken| {
                let addr = range.addr.offset(done as u64)?;
                other.write_some(addr, &buf[..taken]).map(|put| (taken, put))
            });
            match step {
                Ok((taken, put)) => {
                    done += put;
                    moved += put;
                    if put < taken || taken < want {
                        return Ok(moved);
                    }
                }
                Err(_) if moved > 0 => return Ok(moved),
                Err(errno) => return Err(errno),
            }
        }
    }
    Ok(moved)
}

/// Memory of another process: as the host lets us reach it, or through a tracee that is stopped.
enum Other {
    Mm(Arc<Mm>),
    Tracee(Tracee),
}

impl Other {
    fn read_some(&self, addr: UserAddr, buf: &mut [u8]) -> Result<usize, Errno> {
        match self {
            Self::Mm(mm) => mm.read_some(addr, buf),
            Self::Tracee(tracee) => tracee.read_allowed(addr, buf),
        }
    }

    fn write_some(&self, addr: UserAddr, bytes: &[u8]) -> Result<usize, Errno> {
        match self {
            Self::Mm(mm) => mm.write_some(addr, bytes),
            Self::Tracee(tracee) => tracee.write_allowed(addr, bytes),
        }
    }
}

type Prepared = (Other, Vec<UserSlice>, Vec<UserSlice>);

/// The checks common to both, in `process_vm_rw`'s order.
fn prepare(
    task: &CurrentTask,
    pid: i32,
    local: (UserAddr, u64),
    remote: (UserAddr, u64),
    flags: u64,
) -> Result<Prepared, Errno> {
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let local = ranges(task, local.0, local.1)?;
    let remote = ranges(task, remote.0, remote.1)?;
    let other = task.kernel().tree().task(&task.task().pid_namespace(), pid).ok_or(Errno::ESRCH)?;
    if !task.may_access(&other) {
        return Err(Errno::EPERM);
    }
    let mm = other.mm().ok_or(Errno::ESRCH)?;
    let is_near = mm.is_in_reach() || Arc::ptr_eq(&mm, task.mm());
    let other = if is_near { Other::Mm(mm) } else { Other::Tracee(task.tracee(pid).map_err(|_| Errno::EPERM)?) };
    Ok((other, local, remote))
}
