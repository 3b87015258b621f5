//! `seccomp(2)`, and its older part in `prctl(2)`.

use abi::Errno;
use abi::bpf::{Instruction, MAX_INSTRUCTIONS, Program as Place};
use abi::seccomp::{
    FilterFlags, GET_ACTION_AVAIL, GET_NOTIF_SIZES, MODE_FILTER, MODE_STRICT, NotifSizes, SET_MODE_FILTER,
    SET_MODE_STRICT,
};
use bpf::Program;
use kernel::CurrentTask;
use kernel::seccomp::LoggedActions;
use mm::{UserAddr, UserPtr};

/// `seccomp(2)`.
pub(crate) fn seccomp(task: &mut CurrentTask, operation: u32, flags: u32, args: UserAddr) -> Result<i32, Errno> {
    match operation {
        SET_MODE_STRICT if flags == 0 && args.is_null() => task.set_strict_mode().map(|()| 0),
        SET_MODE_FILTER => set_mode_filter(task, FilterFlags::from_bits_retain(flags), args),
        GET_ACTION_AVAIL if flags == 0 => {
            let action = UserPtr::<u32>::new(args).read(&**task.mm())?;
            if LoggedActions::exists(action) { Ok(0) } else { Err(Errno::EOPNOTSUPP) }
        }
        GET_NOTIF_SIZES if flags == 0 => UserPtr::new(args).write(&**task.mm(), &NotifSizes::HERE).map(|()| 0),
        _ => Err(Errno::EINVAL),
    }
}

/// `PR_SET_SECCOMP`.
pub(crate) fn set_mode(task: &mut CurrentTask, mode: u64, filter: UserAddr) -> Result<u64, Errno> {
    match u8::try_from(mode) {
        Ok(MODE_STRICT) => task.set_strict_mode().map(|()| 0),
        Ok(MODE_FILTER) => set_mode_filter(task, FilterFlags::empty(), filter).map(|_| 0),
        _ => Err(Errno::EINVAL),
    }
}

/// `PR_GET_SECCOMP`.
pub(crate) fn mode(task: &CurrentTask) -> u64 {
    task.task().seccomp_status().0.into()
}

fn set_mode_filter(task: &mut CurrentTask, flags: FilterFlags, at: UserAddr) -> Result<i32, Errno> {
    let has = |wanted: FilterFlags| flags.contains(wanted);
    if !(flags - FilterFlags::all()).is_empty()
        || (has(FilterFlags::TSYNC | FilterFlags::NEW_LISTENER) && !has(FilterFlags::TSYNC_ESRCH))
        || (has(FilterFlags::WAIT_KILLABLE_RECV) && !has(FilterFlags::NEW_LISTENER))
    {
        return Err(Errno::EINVAL);
    }
    let program = read(task, at)?;
    task.add_filter(program, flags)
}

/// Reads and checks a program, in the order of Linux. `EFAULT`, `EINVAL`, `EACCES`.
fn read(task: &CurrentTask, at: UserAddr) -> Result<Program, Errno> {
    let memory = &**task.mm();
    let place = UserPtr::<Place>::new(at).read(memory)?;
    let len = usize::from(place.len);
    if len == 0 || len > MAX_INSTRUCTIONS {
        return Err(Errno::EINVAL);
    }
    task.check_may_filter()?;
    if place.filter == 0 {
        return Err(Errno::EINVAL);
    }
    Program::new(&UserPtr::<Instruction>::new(UserAddr(place.filter)).read_array(memory, len)?)
}
