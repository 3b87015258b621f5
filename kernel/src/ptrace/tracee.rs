//! What a tracer does to a tracee.

use crate::ptrace::regs::User;
use crate::ptrace::trace::{Trace, Trap};
use crate::ptrace::{Resume, StopKind};
use crate::signal::Signals;
use crate::task::{CurrentTask, Task};
use abi::Errno;
use abi::bpf::Instruction;
use abi::ptrace::{EVENT_EXEC, Options, event_code};
use abi::signal::{NSIG, SI_USER, SIGKILL, SigInfo, SigSet};
use mm::{Mm, UserAddr, UserMemory};
use platform::Regs;
use platform::Rseq;
use std::sync::Arc;
use std::sync::mpsc::{self, TryRecvError};
use sync::WaitWord;

/// A thread that the calling one traces. Requests that need it stopped are `ESRCH` while it is not.
pub struct Tracee {
    task: Arc<Task>,
    /// What the tracer sleeps on.
    word: Arc<WaitWord>,
}

impl CurrentTask {
    /// The tracee with an id as the caller sees it. `ESRCH`: there is none, or another thread traces it.
    pub fn tracee(&self, id: i32) -> Result<Tracee, Errno> {
        let tree = self.kernel().tree();
        let task = tree.task(&self.task().pid_namespace(), id).ok_or(Errno::ESRCH)?;
        let tracer = tree.tracer_of(&task).ok_or(Errno::ESRCH)?;
        if tracer.serial != self.task().serial() {
            return Err(Errno::ESRCH);
        }
        Ok(Tracee { task, word: self.task().word().clone() })
    }
}

impl Tracee {
    /// Looks at and changes a tracee that is stopped.
    fn with<T>(&self, f: impl FnOnce(&mut Trace, &mut Trap) -> Result<T, Errno>) -> Result<T, Errno> {
        let mut signals = self.task.group().signals.lock();
        let thread = signals.threads.get_mut(&self.task.serial()).ok_or(Errno::ESRCH)?;
        let (Some(trace), Some(trap)) = (&mut thread.trace, &mut thread.trap) else { return Err(Errno::ESRCH) };
        if !trap.is_on() || self.task.word().is_killed() || has_unseen_id(&self.task, trace, trap) {
            return Err(Errno::ESRCH);
        }
        f(trace, trap)
    }

    /// It is stopped, and its tracer may ask for more.
    pub fn check_stopped(&self) -> Result<(), Errno> {
        self.with(|_, _| Ok(()))
    }

    /// Its registers.
    pub fn regs(&self) -> Result<Regs, Errno> {
        self.with(|_, trap| Ok(trap.image.regs))
    }

    /// `struct user` of it, to read and write.
    pub fn user<T>(&self, f: impl FnOnce(&mut User<'_>) -> Result<T, Errno>) -> Result<T, Errno> {
        self.with(|_, trap| f(&mut User::new(&mut trap.image)))
    }

    /// Why it stopped, its registers with that.
    pub fn stop(&self) -> Result<(StopKind, Regs), Errno> {
        self.with(|_, trap| Ok((trap.kind(), trap.image.regs)))
    }

    /// Registration of its restartable sequences.
    pub fn rseq(&self) -> Result<Rseq, Errno> {
        self.with(|_, trap| Ok(trap.image.rseq.unwrap_or_default()))
    }

    /// The instructions of one of its seccomp filters, and that it is logged; the oldest filter is number 0. `ENOENT`:
    /// there are not as many. `EINVAL`: it has none.
    pub fn seccomp_filter(&self, index: u64) -> Result<(Vec<Instruction>, bool), Errno> {
        self.check_stopped()?;
        self.task.seccomp_filter(index)
    }

    /// `PTRACE_GETEVENTMSG`.
    pub fn event_message(&self) -> Result<u64, Errno> {
        self.with(|_, trap| Ok(trap.message))
    }

    /// `PTRACE_SETOPTIONS`; they have been checked.
    pub fn set_options(&self, options: Options) -> Result<(), Errno> {
        self.with(|trace, _| {
            trace.options = options;
            Ok(())
        })
    }

    /// The signal that it stopped for. `EINVAL` in a stop of its process.
    pub fn signal_info(&self) -> Result<SigInfo, Errno> {
        self.with(|_, trap| trap.info.ok_or(Errno::EINVAL))
    }

    /// Replaces what is known of the signal that it stopped for. `EINVAL` in a stop of its process.
    pub fn set_signal_info(&self, info: SigInfo) -> Result<(), Errno> {
        self.with(|_, trap| {
            *trap.info.as_mut().ok_or(Errno::EINVAL)? = info;
            Ok(())
        })
    }

    /// What it blocks, or will once the call is over that set its mask aside.
    pub fn signal_mask(&self) -> Result<SigSet, Errno> {
        let saved = self.with(|_, trap| Ok(trap.image.saved_mask))?;
        Ok(saved.unwrap_or_else(|| self.task.signal_mask()))
    }

    /// Sets what it blocks.
    pub fn set_signal_mask(&self, mask: SigSet) -> Result<(), Errno> {
        self.with(|_, trap| {
            trap.image.saved_mask = None;
            Ok(())
        })?;
        self.task.group().signals.lock().set_mask(self.task.serial(), mask);
        Ok(())
    }

    /// Up to `count` of its pending signals, or of its process's with `shared`, from the one with number `from` on.
    pub fn pending_signals(&self, shared: bool, from: u64, count: usize) -> Result<Vec<SigInfo>, Errno> {
        self.check_stopped()?;
        let signals = self.task.group().signals.lock();
        let queue = if shared { Some(&signals.shared) } else { signals.pending_of(self.task.serial()) };
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(queue.map_or_else(Vec::new, |queue| queue.infos().skip(from).take(count).collect()))
    }

    /// Lets it go on with a signal; 0 is none. `EIO` for what is no signal.
    pub fn resume(&self, how: Resume, signal: u64) -> Result<(), Errno> {
        let signal = valid(signal)?;
        self.with(|trace, trap| {
            trace.calls = how.calls();
            self.task.watch_calls(how.calls() != crate::ptrace::trace::Calls::Run);
            trap.over = Some((signal, how));
            Ok(())
        })?;
        self.task.word().wake();
        Ok(())
    }

    /// `PTRACE_DETACH`: it goes on with a signal; 0 is none. `EIO` for what is no signal.
    pub fn detach(&self, signal: u64) -> Result<(), Errno> {
        let signal = valid(signal)?;
        let mut tree = self.task.kernel().tree();
        self.check_stopped()?;
        tree.detach(&self.task, Some(signal));
        Ok(())
    }

    /// `PTRACE_KILL`.
    pub fn kill(&self, info: SigInfo) {
        self.task.send(info);
    }

    /// `PTRACE_INTERRUPT`. `EIO` for one that was not seized.
    pub fn interrupt(&self) -> Result<(), Errno> {
        let mut signals = self.task.group().signals.lock();
        let trace = self.seized(&mut signals)?;
        trace.wants_stop = true;
        drop(signals);
        self.task.rouse();
        Ok(())
    }

    /// `PTRACE_LISTEN`. `EIO` where it did not stop for its process or by `PTRACE_INTERRUPT`, or was not seized.
    pub fn listen(&self) -> Result<(), Errno> {
        self.with(|trace, trap| {
            if !trace.is_seized || !trap.is_event_stop() {
                return Err(Errno::EIO);
            }
            trap.is_listening = true;
            Ok(())
        })?;
        self.task.word().wake();
        Ok(())
    }

    fn seized<'a>(&self, signals: &'a mut Signals) -> Result<&'a mut Trace, Errno> {
        let trace = signals.threads.get_mut(&self.task.serial()).and_then(|thread| thread.trace.as_mut());
        trace.filter(|trace| trace.is_seized).ok_or(Errno::EIO)
    }

    /// Reads its memory, whatever its protection. `EIO` where nothing can be read.
    pub fn read(&self, addr: u64, buf: &mut [u8]) -> Result<usize, Errno> {
        let mm = self.task.mm().ok_or(Errno::EIO)?;
        if mm.is_in_reach() {
            return mm.read_forced(addr, buf).map_err(|_| Errno::EIO);
        }
        self.have_read(buf, move |mm, bytes| mm.read_forced(addr, bytes)).map_err(as_io)
    }

    /// Writes its memory, whatever its protection. `EIO` where nothing can be written.
    pub fn write(&self, addr: u64, bytes: &[u8]) -> Result<usize, Errno> {
        let mm = self.task.mm().ok_or(Errno::EIO)?;
        if mm.is_in_reach() {
            return mm.write_forced(addr, bytes).map_err(|_| Errno::EIO);
        }
        let bytes = bytes.to_vec();
        self.visit(move |task| task.mm().write_forced(addr, &bytes)).map_err(as_io)
    }

    /// Has it read memory that it may read itself. `EFAULT`.
    pub fn read_allowed(&self, addr: UserAddr, buf: &mut [u8]) -> Result<usize, Errno> {
        self.have_read(buf, move |mm, bytes| mm.read_some(addr, bytes))
    }

    /// Has it write memory that it may write itself. `EFAULT`.
    pub fn write_allowed(&self, addr: UserAddr, bytes: &[u8]) -> Result<usize, Errno> {
        let bytes = bytes.to_vec();
        self.visit(move |task| task.mm().write_some(addr, &bytes))
    }

    fn have_read(
        &self,
        buf: &mut [u8],
        read: impl FnOnce(&Mm, &mut [u8]) -> Result<usize, Errno> + Send + 'static,
    ) -> Result<usize, Errno> {
        let len = buf.len();
        let bytes = self.visit(move |task| {
            let mut bytes = vec![0; len];
            let got = read(task.mm(), &mut bytes)?;
            bytes.truncate(got);
            Ok(bytes)
        })?;
        buf[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    /// Has the tracee do something itself while it is stopped. `ESRCH`: it went on before it could.
    pub(crate) fn visit<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut CurrentTask) -> Result<T, Errno> + Send + 'static,
    ) -> Result<T, Errno> {
        let (sender, receiver) = mpsc::channel();
        let mut reply = Reply { sender: Some(sender), word: self.word.clone() };
        self.with(|_, trap| {
            trap.visit = Some(Box::new(move |task| reply.send(f(task))));
            Ok(())
        })?;
        self.task.word().wake();
        loop {
            self.word.arm();
            match receiver.try_recv() {
                Ok(result) => return result,
                Err(TryRecvError::Disconnected) => return Err(Errno::ESRCH),
                Err(TryRecvError::Empty) => {}
            }
            if self.word.sleep_killable(None) == sync::Woken::Interrupted {
                return Err(Errno::ESRCH);
            }
        }
    }

    /// The information of the signal that `PTRACE_KILL` sends.
    pub fn kill_info(&self, tracer: &CurrentTask) -> SigInfo {
        tracer.task().signal_info(SIGKILL, SI_USER, self.task.group())
    }
}

/// It has executed a program and got another id for that, and its tracer has not seen this yet: who asks for that id
/// means the thread that had it before.
fn has_unseen_id(task: &Task, trace: &Trace, trap: &Trap) -> bool {
    trap.code == event_code(EVENT_EXEC) && task.tid_in(trace.tracer.group().pid().namespace()) as u64 != trap.message
}

/// Memory that cannot be reached is an I/O error here.
const fn as_io(errno: Errno) -> Errno {
    match errno {
        Errno::ESRCH => errno,
        _ => Errno::EIO,
    }
}

fn valid(signal: u64) -> Result<i32, Errno> {
    if signal <= u64::from(NSIG) { Ok(signal as i32) } else { Err(Errno::EIO) }
}

/// The way back of a visit; dropped, it tells that there was none.
struct Reply<T> {
    sender: Option<mpsc::Sender<Result<T, Errno>>>,
    word: Arc<WaitWord>,
}

impl<T> Reply<T> {
    fn send(&mut self, value: Result<T, Errno>) {
        if let Some(sender) = self.sender.take() {
            // A tracer that was killed meanwhile does not listen any more.
            let _ = sender.send(value);
        }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        drop(self.sender.take());
        self.word.wake();
    }
}
