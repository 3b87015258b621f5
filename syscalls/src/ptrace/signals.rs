//! Signals of a tracee.

use abi::Errno;
use abi::ptrace::{PEEKSIGINFO_SHARED, PeekSigInfo};
use abi::signal::{SigInfo, SigSet};
use kernel::ptrace::Tracee;
use mm::{UserAddr, UserMemory, UserPtr};

/// Most signals looked at in one go.
const PEEK_MAX: usize = 1024;

/// `PTRACE_GETSIGINFO`.
pub(super) fn get_info(memory: &dyn UserMemory, tracee: &Tracee, to: u64) -> Result<(), Errno> {
    UserPtr::new(UserAddr(to)).write(memory, &tracee.signal_info()?)
}

/// `PTRACE_SETSIGINFO`.
pub(super) fn set_info(memory: &dyn UserMemory, tracee: &Tracee, from: u64) -> Result<(), Errno> {
    tracee.set_signal_info(UserPtr::<SigInfo>::new(UserAddr(from)).read(memory)?)
}

/// `PTRACE_PEEKSIGINFO`: how many there were.
pub(super) fn peek(memory: &dyn UserMemory, tracee: &Tracee, args: u64, to: u64) -> Result<u64, Errno> {
    let args = UserPtr::<PeekSigInfo>::new(UserAddr(args)).read(memory)?;
    let count = usize::try_from(args.count).map_err(|_| Errno::EINVAL)?;
    if args.flags & !PEEKSIGINFO_SHARED != 0 {
        return Err(Errno::EINVAL);
    }
    let is_shared = args.flags & PEEKSIGINFO_SHARED != 0;
    let infos = tracee.pending_signals(is_shared, args.offset, count.min(PEEK_MAX))?;
    let to = UserPtr::<SigInfo>::new(UserAddr(to));
    for (index, info) in infos.iter().enumerate() {
        match to.at(index).and_then(|to| to.write(memory, info)) {
            Err(errno) if index == 0 => return Err(errno),
            Err(_) => return Ok(index as u64),
            Ok(()) => {}
        }
    }
    Ok(infos.len() as u64)
}

fn check_len(len: u64) -> Result<(), Errno> {
    if len == size_of::<SigSet>() as u64 { Ok(()) } else { Err(Errno::EINVAL) }
}

/// `PTRACE_GETSIGMASK`.
pub(super) fn get_mask(memory: &dyn UserMemory, tracee: &Tracee, len: u64, to: u64) -> Result<(), Errno> {
    check_len(len)?;
    UserPtr::new(UserAddr(to)).write(memory, &tracee.signal_mask()?)
}

/// `PTRACE_SETSIGMASK`.
pub(super) fn set_mask(memory: &dyn UserMemory, tracee: &Tracee, len: u64, from: u64) -> Result<(), Errno> {
    check_len(len)?;
    tracee.set_signal_mask(UserPtr::<SigSet>::new(UserAddr(from)).read(memory)?)
}
