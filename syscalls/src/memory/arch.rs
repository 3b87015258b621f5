//! `arch_prctl(2)`.

use abi::Errno;
use kernel::CurrentTask;
use mm::{UserAddr, UserPtr};

const SET_GS: u32 = 0x1001;
const SET_FS: u32 = 0x1002;
const GET_FS: u32 = 0x1003;
const GET_GS: u32 = 0x1004;
const GET_CPUID: u32 = 0x1011;
const SET_CPUID: u32 = 0x1012;

/// `arch_prctl(2)`.
pub(crate) fn arch_prctl(task: &mut CurrentTask, code: u32, addr: u64) -> Result<u64, Errno> {
    let result = UserPtr::<u64>::new(UserAddr(addr));
    match code {
        SET_GS | SET_FS if addr >= platform::GUEST_END => Err(Errno::EPERM),
        SET_FS => {
            task.regs_mut().fs_base = addr;
            Ok(0)
        }
        SET_GS => {
            task.regs_mut().gs_base = addr;
            Ok(0)
        }
        GET_FS => result.give(&**task.mm(), &task.regs().fs_base).map(|()| 0),
        GET_GS => result.give(&**task.mm(), &task.regs().gs_base).map(|()| 0),
        // CPUID is always allowed; faulting on it is not offered.
        GET_CPUID => Ok(1),
        SET_CPUID => Err(Errno::ENODEV),
        _ => Err(Errno::EINVAL),
    }
}
