//! `clone(2)`, `clone3(2)`, `fork(2)`, `vfork(2)`.

use abi::Errno;
use abi::fs::FileType;
use abi::mm::PAGE_SIZE;
use abi::sched::{CLONE_ARGS_SIZE_VER0, CLONE_ARGS_SIZE_VER2, CSIGNAL, CloneArgs, CloneFlags};
use abi::signal::{NSIG, SIGCHLD};
use kernel::CurrentTask;
use kernel::process::Clone;
use mm::{UserAddr, UserMemory, UserPtr};
use platform::GUEST_END;
use sync::Fail;
use zerocopy::{FromZeros, IntoBytes};

/// Most ids of `set_tid`: levels of pid namespaces.
const SET_TID_MAX: u64 = 32;
/// Flags that `clone3(2)` knows besides those of `clone(2)`.
const CLONE3_FLAGS: u64 = 0xffff_ffff | CloneFlags::CLEAR_SIGHAND.bits() | CloneFlags::INTO_CGROUP.bits();

const NOTHING: Clone = Clone {
    flags: CloneFlags::empty(),
    exit_signal: 0,
    stack: 0,
    tls: 0,
    parent_tid: UserAddr::NULL,
    child_tid: UserAddr::NULL,
    pidfd: UserAddr::NULL,
    set_tid: Vec::new(),
};

/// `fork(2)`.
pub(crate) fn fork(task: &mut CurrentTask) -> Result<i32, Fail> {
    task.clone_task(&Clone { exit_signal: SIGCHLD, ..NOTHING })
}

/// `vfork(2)`.
pub(crate) fn vfork(task: &mut CurrentTask) -> Result<i32, Fail> {
    task.clone_task(&Clone { flags: CloneFlags::VFORK | CloneFlags::VM, exit_signal: SIGCHLD, ..NOTHING })
}

/// `clone(2)`.
pub(crate) fn clone(
    task: &mut CurrentTask,
    flags: u32,
    stack: u64,
    parent_tid: UserAddr,
    child_tid: UserAddr,
    tls: u64,
) -> Result<i32, Fail> {
    let exit_signal = (u64::from(flags) & CSIGNAL) as u8;
    let flags = CloneFlags::from_bits_retain(u64::from(flags) & !CSIGNAL);
    if flags.contains(CloneFlags::PIDFD | CloneFlags::PARENT_SETTID) {
        // Both would go to the same place.
        return Err(Errno::EINVAL.into());
    }
    let exit_signal = if exit_signal > NSIG { 0 } else { exit_signal };
    let pidfd = parent_tid;
    task.clone_task(&Clone { flags, exit_signal, stack, tls, parent_tid, child_tid, pidfd, set_tid: Vec::new() })
}

/// `clone3(2)`.
pub(crate) fn clone3(task: &mut CurrentTask, args: UserAddr, size: usize) -> Result<i32, Fail> {
    let args = read_args(task, args, size)?;
    check(&args, size)?;
    if args.flags & CloneFlags::INTO_CGROUP.bits() != 0 {
        check_cgroup(task, i32::try_from(args.cgroup).map_err(|_| Errno::EINVAL)?)?;
    }
    let set_tid = UserPtr::<i32>::new(UserAddr(args.set_tid)).read_array(&**task.mm(), args.set_tid_size as usize)?;
    task.clone_task(&Clone {
        flags: CloneFlags::from_bits_retain(args.flags),
        exit_signal: args.exit_signal as u8,
        stack: args.stack.wrapping_add(args.stack_size),
        tls: args.tls,
        parent_tid: UserAddr(args.parent_tid),
        child_tid: UserAddr(args.child_tid),
        pidfd: UserAddr(args.pidfd),
        set_tid,
    })
}

/// The control group that a child is to be in: the only one there is, if the caller may move processes into it. `EBADF` for
/// other files, `EACCES`.
fn check_cgroup(task: &CurrentTask, fd: i32) -> Result<(), Errno> {
    let file = task.fds().get_any(fd)?;
    let place = file.place();
    if place.mount.filesystem().type_name() != "cgroup2" || place.inode()?.kind() != FileType::Directory {
        return Err(Errno::EBADF);
    }
    place.inode()?.lookup(task.caller(), b"cgroup.procs")?.permission(task.caller(), 2)
}

/// The structure, of whatever version: what we do not know must be zero (`E2BIG`).
fn read_args(task: &CurrentTask, addr: UserAddr, size: usize) -> Result<CloneArgs, Errno> {
    if size > PAGE_SIZE as usize {
        return Err(Errno::E2BIG);
    }
    if size < CLONE_ARGS_SIZE_VER0 {
        return Err(Errno::EINVAL);
    }
    let mut bytes = vec![0; size];
    task.mm().read(addr, &mut bytes)?;
    let mut args = CloneArgs::new_zeroed();
    let known = args.as_mut_bytes();
    let len = size.min(known.len());
    known[..len].copy_from_slice(&bytes[..len]);
    if bytes[len..].iter().all(|&byte| byte == 0) { Ok(args) } else { Err(Errno::E2BIG) }
}

fn check(args: &CloneArgs, size: usize) -> Result<(), Errno> {
    let is_thread = args.flags & (CloneFlags::THREAD | CloneFlags::PARENT).bits() != 0;
    let bad_signal = args.exit_signal > u64::from(NSIG) || (is_thread && args.exit_signal != 0);
    let bad_flags = args.flags & !CLONE3_FLAGS != 0
        || args.flags & (CloneFlags::DETACHED.bits() | (CSIGNAL & !CloneFlags::NEWTIME.bits())) != 0;
    let bad_tids = args.set_tid_size > SET_TID_MAX || (args.set_tid == 0) != (args.set_tid_size == 0);
    let bad_stack = if args.stack == 0 {
        args.stack_size != 0
    } else {
        args.stack_size == 0 || args.stack.checked_add(args.stack_size).is_none_or(|end| end > GUEST_END)
    };
    let is_into = args.flags & CloneFlags::INTO_CGROUP.bits() != 0;
    let bad_group = is_into && (size < CLONE_ARGS_SIZE_VER2 || i32::try_from(args.cgroup).is_err());
    if bad_group || bad_signal || bad_flags || bad_tids || bad_stack { Err(Errno::EINVAL) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks() {
        let good = CloneArgs { exit_signal: 17, ..CloneArgs::default() };
        assert!(check(&good, 88).is_ok());
        assert!(check(&CloneArgs { exit_signal: 65, ..good }, 88).is_err());
        assert!(check(&CloneArgs { flags: CloneFlags::THREAD.bits(), ..good }, 88).is_err());
        assert!(check(&CloneArgs { flags: 17, ..good }, 88).is_err());
        assert!(check(&CloneArgs { stack: 0x1000, ..good }, 88).is_err());
        assert!(check(&CloneArgs { stack: 0x1000, stack_size: 0x1000, ..good }, 88).is_ok());
        assert!(check(&CloneArgs { set_tid: 0x1000, ..good }, 88).is_err());
        assert!(check(&CloneArgs { flags: 1 << 40, ..good }, 88).is_err());
        let into = CloneArgs { flags: CloneFlags::INTO_CGROUP.bits(), cgroup: 3, ..good };
        assert!(check(&into, 88).is_ok() && check(&into, 80).is_err());
        assert!(check(&CloneArgs { cgroup: 1 << 31, ..into }, 88).is_err());
    }
}
