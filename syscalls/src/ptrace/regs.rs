//! Registers of a tracee.

use abi::Errno;
use abi::ptrace::{NT_PRFPREG, NT_PRSTATUS, NT_X86_XSTATE, UserRegs};
use kernel::ptrace::Tracee;
use mm::{UserAddr, UserMemory, UserPtr};
use std::mem::offset_of;
use zerocopy::IntoBytes;

/// Bytes of the general registers.
const REGS_LEN: usize = size_of::<UserRegs>();
/// Bytes that FXSAVE writes.
const FXSAVE_LEN: usize = 512;
/// Bytes of a word: sets of registers are counted in them.
const WORD: usize = 8;
/// `ARCH_*` of `arch_prctl(2)`.
const ARCH_SET_GS: u64 = 0x1001;
const ARCH_SET_FS: u64 = 0x1002;
const ARCH_GET_FS: u64 = 0x1003;
const ARCH_GET_GS: u64 = 0x1004;

/// `PTRACE_GETREGS`.
pub(super) fn get(memory: &dyn UserMemory, tracee: &Tracee, to: UserAddr) -> Result<(), Errno> {
    memory.write(to, tracee.regs()?.as_bytes())
}

/// `PTRACE_SETREGS`.
pub(super) fn set(memory: &dyn UserMemory, tracee: &Tracee, from: UserAddr) -> Result<(), Errno> {
    let mut bytes = [0; REGS_LEN];
    memory.read(from, &mut bytes)?;
    set_words(tracee, &bytes)
}

/// Word by word: those before one that is refused are set.
fn set_words(tracee: &Tracee, bytes: &[u8]) -> Result<(), Errno> {
    tracee.user(|user| {
        for (word, offset) in bytes.chunks_exact(WORD).zip((0..).step_by(WORD)) {
            user.write(offset, word.try_into().map_or(0, u64::from_ne_bytes))?;
        }
        Ok(())
    })
}

/// `PTRACE_SETFPREGS`.
pub(super) fn set_fp(memory: &dyn UserMemory, tracee: &Tracee, from: UserAddr) -> Result<(), Errno> {
    let mut bytes = [0; FXSAVE_LEN];
    memory.read(from, &mut bytes)?;
    tracee.set_fp_regs(&bytes)
}

/// `PTRACE_GETREGSET`, `PTRACE_SETREGSET`: the bytes that `iovec` names, as far as there are registers; it is told
/// how many there were.
pub(super) fn set_of(
    memory: &dyn UserMemory,
    tracee: &Tracee,
    is_write: bool,
    kind: u64,
    iovec: UserPtr<[u64; 2]>,
) -> Result<(), Errno> {
    let [base, len] = iovec.read(memory)?;
    if !matches!(kind, NT_PRSTATUS | NT_PRFPREG | NT_X86_XSTATE) || !len.is_multiple_of(WORD as u64) {
        return Err(Errno::EINVAL);
    }
    let whole = match kind {
        NT_PRSTATUS => tracee.regs()?.as_bytes().to_vec(),
        NT_PRFPREG => tracee.fp_regs()?,
        _ => tracee.xstate()?,
    };
    let len = whole.len().min(usize::try_from(len).unwrap_or(usize::MAX));
    if is_write {
        let mut bytes = vec![0; len];
        memory.read(UserAddr(base), &mut bytes)?;
        match kind {
            NT_PRSTATUS => set_words(tracee, &bytes)?,
            NT_PRFPREG => tracee.set_fp_regs(&bytes)?,
            _ => tracee.set_xstate(bytes)?,
        }
    } else {
        memory.write(UserAddr(base), &whole[..len])?;
    }
    iovec.write(memory, &[base, len as u64])
}

/// `PTRACE_ARCH_PRCTL`: as `arch_prctl(2)` of the tracee. `EINVAL`, `EPERM`.
pub(super) fn arch_prctl(memory: &dyn UserMemory, tracee: &Tracee, code: u64, addr: u64) -> Result<(), Errno> {
    let (fs, gs) = (offset_of!(UserRegs, fs_base) as u64, offset_of!(UserRegs, gs_base) as u64);
    let to = UserPtr::<u64>::new(UserAddr(addr));
    match code {
        ARCH_SET_GS => tracee.user(|user| user.write(gs, addr)).map_err(not_allowed),
        ARCH_SET_FS => tracee.user(|user| user.write(fs, addr)).map_err(not_allowed),
        ARCH_GET_FS => to.write(memory, &tracee.user(|user| user.read(fs))?),
        ARCH_GET_GS => to.write(memory, &tracee.user(|user| user.read(gs))?),
        _ => Err(Errno::EINVAL),
    }
}

const fn not_allowed(errno: Errno) -> Errno {
    match errno {
        Errno::EIO => Errno::EPERM,
        other => other,
    }
}
