//! `ptrace(2)`.

mod regs;
mod seccomp;
mod signals;

use abi::Errno;
use abi::ptrace::{self as abi_ptrace, AUDIT_ARCH_X86_64, Options, RseqConfiguration, SyscallInfo};
use kernel::CurrentTask;
use kernel::ptrace::{Attach, Resume, StopKind, Tracee};
use mm::{UserAddr, UserMemory, UserPtr};
use sync::Fail;
use zerocopy::IntoBytes;

/// Bytes of a word.
const WORD: usize = 8;
/// Errors in `rax`: the last 4095 values.
const MAX_ERRNO: u64 = 4095;

/// `ptrace(2)` as the system call is: what is peeked goes to memory at `data`.
pub(crate) fn ptrace(task: &mut CurrentTask, request: u64, pid: i32, addr: u64, data: u64) -> Result<u64, Fail> {
    match request {
        abi_ptrace::TRACEME => task.trace_me()?,
        abi_ptrace::ATTACH => attach(task, pid, Attach::Stop)?,
        abi_ptrace::SEIZE => {
            find(task, pid)?;
            let options = Options::from_bits_retain(data);
            // Unknown options are another error here than where they are set later.
            if addr != 0 || !Options::all().contains(options) {
                return Err(Errno::EIO.into());
            }
            task.check_trace_options(options)?;
            attach(task, pid, Attach::Seize(options))?;
        }
        abi_ptrace::INTERRUPT => task.tracee(pid)?.interrupt()?,
        abi_ptrace::KILL => {
            let tracee = task.tracee(pid)?;
            tracee.kill(tracee.kill_info(task));
        }
        _ => {
            let tracee = task.tracee(pid)?;
            tracee.check_stopped()?;
            return Ok(on_stopped(task, &tracee, request, addr, data)?);
        }
    }
    Ok(0)
}

fn find(task: &CurrentTask, pid: i32) -> Result<std::sync::Arc<kernel::Task>, Errno> {
    task.kernel().tree().task(&task.task().pid_namespace(), pid).ok_or(Errno::ESRCH)
}

fn attach(task: &CurrentTask, pid: i32, how: Attach) -> Result<(), Errno> {
    task.attach(&find(task, pid)?, how)
}

/// Requests that need the tracee stopped.
fn on_stopped(task: &CurrentTask, tracee: &Tracee, request: u64, addr: u64, data: u64) -> Result<u64, Errno> {
    let memory = &**task.mm();
    let to = UserPtr::<u64>::new(UserAddr(data));
    match request {
        abi_ptrace::PEEKTEXT | abi_ptrace::PEEKDATA => {
            let mut word = [0; WORD];
            if tracee.read(addr, &mut word)? != WORD {
                return Err(Errno::EIO);
            }
            to.write(memory, &u64::from_ne_bytes(word))?;
        }
        abi_ptrace::POKETEXT | abi_ptrace::POKEDATA => {
            if tracee.write(addr, &data.to_ne_bytes())? != WORD {
                return Err(Errno::EIO);
            }
        }
        abi_ptrace::PEEKUSER => to.write(memory, &tracee.user(|user| user.read(addr))?)?,
        abi_ptrace::POKEUSER => tracee.user(|user| user.write(addr, data))?,
        abi_ptrace::GETREGS => regs::get(memory, tracee, UserAddr(data))?,
        abi_ptrace::SETREGS => regs::set(memory, tracee, UserAddr(data))?,
        abi_ptrace::GETFPREGS => memory.write(UserAddr(data), &tracee.fp_regs()?)?,
        abi_ptrace::SETFPREGS => regs::set_fp(memory, tracee, UserAddr(data))?,
        abi_ptrace::GETREGSET | abi_ptrace::SETREGSET => {
            regs::set_of(memory, tracee, request == abi_ptrace::SETREGSET, addr, UserPtr::new(UserAddr(data)))?;
        }
        abi_ptrace::ARCH_PRCTL => regs::arch_prctl(memory, tracee, data, addr)?,
        abi_ptrace::SETOPTIONS | abi_ptrace::OLDSETOPTIONS => {
            let options = Options::from_bits_retain(data);
            task.check_trace_options(options)?;
            tracee.set_options(options)?;
        }
        abi_ptrace::GETEVENTMSG => to.write(memory, &tracee.event_message()?)?,
        abi_ptrace::GETSIGINFO => signals::get_info(memory, tracee, data)?,
        abi_ptrace::SETSIGINFO => signals::set_info(memory, tracee, data)?,
        abi_ptrace::PEEKSIGINFO => return signals::peek(memory, tracee, addr, data),
        abi_ptrace::GETSIGMASK => signals::get_mask(memory, tracee, addr, data)?,
        abi_ptrace::SETSIGMASK => signals::set_mask(memory, tracee, addr, data)?,
        abi_ptrace::LISTEN => tracee.listen()?,
        abi_ptrace::DETACH => tracee.detach(data)?,
        abi_ptrace::GET_SYSCALL_INFO => {
            let (info, len) = syscall_info(tracee)?;
            return copy_out(memory, data, &info.as_bytes()[..len], addr);
        }
        abi_ptrace::GET_RSEQ_CONFIGURATION => {
            let rseq = tracee.rseq()?;
            let configuration = RseqConfiguration {
                pointer: rseq.area,
                size: rseq.len,
                signature: rseq.signature,
                ..RseqConfiguration::default()
            };
            return copy_out(memory, data, configuration.as_bytes(), addr);
        }
        abi_ptrace::SECCOMP_GET_FILTER => return seccomp::filter(task, tracee, addr, data),
        abi_ptrace::SECCOMP_GET_METADATA => return seccomp::metadata(task, tracee, addr, UserPtr::new(UserAddr(data))),
        _ => tracee.resume(resume_of(request).ok_or(Errno::EIO)?, data)?,
    }
    Ok(0)
}

const fn resume_of(request: u64) -> Option<Resume> {
    Some(match request {
        abi_ptrace::CONT => Resume::Cont,
        abi_ptrace::SYSCALL => Resume::Syscall,
        abi_ptrace::SINGLESTEP => Resume::Step,
        abi_ptrace::SINGLEBLOCK => Resume::Block,
        abi_ptrace::SYSEMU => Resume::Emulate,
        abi_ptrace::SYSEMU_SINGLESTEP => Resume::EmulateStep,
        _ => return None,
    })
}

/// Stores as much as there is room for; the length of the whole.
fn copy_out(memory: &dyn UserMemory, to: u64, bytes: &[u8], room: u64) -> Result<u64, Errno> {
    let len = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
    memory.write(UserAddr(to), &bytes[..len])?;
    Ok(bytes.len() as u64)
}

/// `PTRACE_GET_SYSCALL_INFO`: the structure, and how much of it counts.
fn syscall_info(tracee: &Tracee) -> Result<(SyscallInfo, usize), Errno> {
    let (kind, regs) = tracee.stop()?;
    let mut info =
        SyscallInfo { op: 0, pad: [0; 3], arch: AUDIT_ARCH_X86_64, ip: regs.rip, sp: regs.rsp, words: [0; 8] };
    let call = [regs.orig_rax, regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9];
    let head = size_of::<SyscallInfo>() - size_of_val(&info.words);
    let len = match kind {
        StopKind::Entry => {
            info.op = abi_ptrace::SYSCALL_INFO_ENTRY;
            info.words[..7].copy_from_slice(&call);
            head + 7 * WORD
        }
        StopKind::Exit => {
            let is_error = regs.rax >= MAX_ERRNO.wrapping_neg();
            info.op = abi_ptrace::SYSCALL_INFO_EXIT;
            info.words[0] = regs.rax;
            info.words[1] = is_error.into();
            head + WORD + 1
        }
        StopKind::Seccomp(data) => {
            info.op = abi_ptrace::SYSCALL_INFO_SECCOMP;
            info.words[..7].copy_from_slice(&call);
            info.words[7] = data;
            head + 7 * WORD + 4
        }
        StopKind::Other => {
            info.op = abi_ptrace::SYSCALL_INFO_NONE;
            head
        }
    };
    Ok((info, len))
}
