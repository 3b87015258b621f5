//! `prctl(2)`.

use crate::{cred, seccomp};
use abi::Errno;
use abi::mm::PAGE_SIZE;
use abi::prctl as pr;
use abi::process::TASK_COMM_LEN;
use abi::signal::NSIG;
use kernel::{CurrentTask, ThreadGroup};
use mm::{UserAddr, UserMemory, UserPtr, UserStr};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use vfs::Capability;
use zerocopy::IntoBytes;

/// Longest name of a mapping with its zero byte.
const ANON_NAME_MAX: usize = 80;

/// `prctl(2)`. Operations that do not exist here are `EINVAL`, as of a Linux without them.
pub(crate) fn prctl(task: &mut CurrentTask, option: i32, a: u64, b: u64, c: u64, d: u64) -> Result<u64, Errno> {
    let unused = |rest: &[u64]| if rest.iter().all(|&arg| arg == 0) { Ok(()) } else { Err(Errno::EINVAL) };
    let memory = task.mm().clone();
    let attributes =
        |f: &mut dyn FnMut(&mut kernel::Attributes)| task.task().with_attributes(|attributes| f(attributes));
    match option {
        pr::PR_SET_PDEATHSIG => {
            let signal = u8::try_from(a).ok().filter(|&signal| signal <= NSIG).ok_or(Errno::EINVAL)?;
            attributes(&mut |attributes| attributes.parent_death_signal = signal);
            Ok(0)
        }
        pr::PR_GET_PDEATHSIG => {
            let signal = i32::from(task.task().attributes().parent_death_signal);
            UserPtr::new(UserAddr(a)).write(&*memory, &signal).map(|()| 0)
        }
        pr::PR_GET_DUMPABLE => Ok(task.group().is_dumpable.load(SeqCst).into()),
        pr::PR_SET_DUMPABLE if a <= 1 => {
            task.group().is_dumpable.store(a == 1, SeqCst);
            Ok(0)
        }
        pr::PR_GET_KEEPCAPS => Ok(u64::from(task.creds().securebits & abi::cred::SECBIT_KEEP_CAPS != 0)),
        pr::PR_SET_KEEPCAPS => cred::set_keep_caps(task, a),
        pr::PR_GET_TIMING => Ok(0),
        pr::PR_SET_TIMING if a == 0 => Ok(0),
        pr::PR_SET_NAME => set_name(task, UserAddr(a)),
        pr::PR_GET_NAME => {
            let comm = task.task().attributes().comm;
            memory.write(UserAddr(a), &comm).map(|()| 0)
        }
        pr::PR_GET_SECCOMP => Ok(seccomp::mode(task)),
        pr::PR_SET_SECCOMP => seccomp::set_mode(task, a, UserAddr(b)),
        pr::PR_CAPBSET_READ => cred::bounding_read(task, a),
        pr::PR_CAPBSET_DROP => cred::bounding_drop(task, a),
        pr::PR_GET_TSC => UserPtr::new(UserAddr(a)).write(&*memory, &1i32).map(|()| 0),
        pr::PR_SET_TSC if a == 1 => Ok(0),
        pr::PR_GET_SECUREBITS => Ok(task.creds().securebits.into()),
        pr::PR_SET_SECUREBITS => cred::set_securebits(task, a),
        pr::PR_SET_TIMERSLACK => {
            attributes(&mut |attributes| {
                let (current, default) = &mut attributes.sched.timer_slack;
                *current = if (a as i64) <= 0 { *default } else { a };
            });
            Ok(0)
        }
        pr::PR_GET_TIMERSLACK => Ok(task.task().attributes().sched.timer_slack.0),
        pr::PR_MCE_KILL => mce_kill(a, b, &[c, d]),
        pr::PR_MCE_KILL_GET => unused(&[a, b, c, d]).map(|()| 2),
        pr::PR_SET_MM => set_mm(task, a, b, &[c, d]),
        pr::PR_SET_CHILD_SUBREAPER => {
            task.group().set_subreaper(a != 0);
            Ok(0)
        }
        pr::PR_GET_CHILD_SUBREAPER => {
            let is_set = i32::from(task.group().is_subreaper());
            UserPtr::new(UserAddr(a)).write(&*memory, &is_set).map(|()| 0)
        }
        pr::PR_SET_PTRACER => task.set_ptracer(a).map(|()| 0),
        pr::PR_SET_NO_NEW_PRIVS => {
            if a != 1 {
                return Err(Errno::EINVAL);
            }
            unused(&[b, c, d])?;
            attributes(&mut |attributes| attributes.no_new_privs = true);
            Ok(0)
        }
        pr::PR_GET_NO_NEW_PRIVS => unused(&[a, b, c, d]).map(|()| task.task().attributes().no_new_privs.into()),
        pr::PR_GET_TID_ADDRESS => UserPtr::new(UserAddr(a)).write(&*memory, &task.clear_child_tid.0).map(|()| 0),
        pr::PR_SET_THP_DISABLE => {
            unused(&[b, c, d])?;
            thp(task.group()).store(a != 0, SeqCst);
            Ok(0)
        }
        pr::PR_GET_THP_DISABLE => unused(&[a, b, c, d]).map(|()| thp(task.group()).load(SeqCst).into()),
        pr::PR_CAP_AMBIENT => cred::ambient(task, a, b, [c, d]),
        // The host's mitigations hold, whatever the program asks: nothing can be chosen per thread.
        pr::PR_GET_SPECULATION_CTRL => {
            unused(&[b, c, d])?;
            if a <= 2 { Ok(0) } else { Err(Errno::ENODEV) }
        }
        pr::PR_SET_SPECULATION_CTRL => {
            unused(&[c, d])?;
            Err(if a <= 2 { Errno::ENXIO } else { Errno::ENODEV })
        }
        pr::PR_SET_IO_FLUSHER | pr::PR_GET_IO_FLUSHER if !task.creds().has_in_root(Capability::SysResource) => {
            Err(Errno::EPERM)
        }
        pr::PR_GET_MDWE => unused(&[a, b, c, d]).map(|()| 0),
        pr::PR_GET_AUXV => {
            unused(&[c, d])?;
            get_auxv(task, UserAddr(a), b)
        }
        pr::PR_SET_VMA if a == pr::PR_SET_VMA_ANON_NAME => name_mapping(task, UserAddr(b), c, UserAddr(d)),
        _ => Err(Errno::EINVAL),
    }
}

/// Whether huge pages are switched off.
fn thp(group: &ThreadGroup) -> &std::sync::atomic::AtomicBool {
    &group.is_thp_disabled
}

fn set_name(task: &CurrentTask, name: UserAddr) -> Result<u64, Errno> {
    let max = TASK_COMM_LEN - 1;
    let mut bytes = vec![0; max];
    let name = if let Some(name) = UserStr(name).read(&**task.mm(), max)? {
        name
    } else {
        task.mm().read(name, &mut bytes)?;
        bytes
    };
    task.task().with_attributes(|attributes| attributes.set_comm(&name));
    Ok(0)
}

/// `PR_MCE_KILL`.
fn mce_kill(operation: u64, value: u64, rest: &[u64]) -> Result<u64, Errno> {
    let is_valid = rest.iter().all(|&arg| arg == 0) && (operation == 0 && value == 0 || operation == 1 && value <= 2);
    if is_valid { Ok(0) } else { Err(Errno::EINVAL) }
}

/// `PR_SET_MM`: the fields of /proc/PID/stat.
fn set_mm(task: &CurrentTask, field: u64, value: u64, rest: &[u64]) -> Result<u64, Errno> {
    if rest[1] != 0 || (rest[0] != 0 && field < 12) {
        return Err(Errno::EINVAL);
    }
    if !task.creds().has_in_root(Capability::SysResource) {
        return Err(Errno::EPERM);
    }
    if !(PAGE_SIZE * 16..platform::GUEST_END).contains(&value) {
        return Err(Errno::EINVAL);
    }
    let mut known = true;
    task.mm().change_layout(|layout| match field {
        1 => layout.start_code = value,
        2 => layout.end_code = value,
        3 => layout.start_data = value,
        4 => layout.end_data = value,
        5 => layout.start_stack = value,
        8 => layout.arg_start = value,
        9 => layout.arg_end = value,
        10 => layout.env_start = value,
        11 => layout.env_end = value,
        _ => known = false,
    });
    if known { Ok(0) } else { Err(Errno::EINVAL) }
}

/// `PR_GET_AUXV`: bytes of the auxiliary vector, of which up to `len` are stored.
fn get_auxv(task: &CurrentTask, to: UserAddr, len: u64) -> Result<u64, Errno> {
    let auxv = task.mm().layout().auxv;
    let bytes = auxv.as_slice().as_bytes();
    let len = (len as usize).min(bytes.len());
    task.mm().give(to, &bytes[..len])?;
    Ok(bytes.len() as u64)
}

/// `PR_SET_VMA_ANON_NAME`.
fn name_mapping(task: &CurrentTask, addr: UserAddr, len: u64, name: UserAddr) -> Result<u64, Errno> {
    let name: Option<Arc<[u8]>> = if name.is_null() {
        None
    } else {
        let name = UserStr(name).read(&**task.mm(), ANON_NAME_MAX)?.ok_or(Errno::EINVAL)?;
        let is_plain = |&byte: &u8| (b' '..=b'~').contains(&byte) && !b"\\`$[]".contains(&byte);
        if !name.iter().all(is_plain) {
            return Err(Errno::EINVAL);
        }
        Some(Arc::from(name))
    };
    task.mm().set_name(addr, len, name).map(|()| 0)
}
