//! The first stub process, from which all are forked, and the thread that reaps them.

use super::context::Context;
use super::failures;
use super::filter;
use super::frame::{Frame, XState};
use super::layout::{
    COPY, FEATURE_FSGSBASE, FEATURE_RDPID, HOST_END, SLOTS_BASE, SLOTS_LEN, START_SLOTS_FD, START_SOCKET_FD,
};
use super::pace::Cores;
use super::process::{Entries, Process, Shared};
use super::reaper::Reaper;
use super::space::Space;
use super::spare::{Spare, Spares};
use super::vdso::Vdso;
use crate::Config;
use abi::Errno;
use rustix::fs::MemfdFlags;
use rustix::thread::futex;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, OnceLock, Weak};
use sync::{Mutex, Rank};

/// The stub program; built by build.rs.
pub(super) static STUB: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/stub"));

/// `HWCAP2_FSGSBASE`.
const HWCAP2_FSGSBASE: u64 = 2;

/// Makes address spaces. One per sandbox.
#[derive(Debug)]
pub struct Platform {
    zygote: Mutex<Context>,
    ready: Arc<Ready>,
    shared: Arc<Shared>,
}

/// A fresh space that waits for a program, made ahead of the next `execve(2)`.
#[derive(Debug)]
struct Ready {
    fresh: Mutex<Option<Fresh>>,
    /// Counts the spaces taken; the thread that refills sleeps on it.
    taken: AtomicU32,
}

type Fresh = (Arc<Space>, Context);

impl Platform {
    /// Processors that the sandbox may use, by the host's numbers: the host tells these to the application (rseq(2),
    /// the vDSO).
    pub fn cpus(&self) -> Vec<usize> {
        self.shared.cores.numbers().collect()
    }

    /// Starts the platform: the first stub process and the thread that reaps. Call it before the sentry
    /// locks itself down. The calling process must have no other children.
    pub fn start(config: Config) -> io::Result<Arc<Self>> {
        let Spare { slots, memory, ours, theirs } = Spare::new()?;
        let fsgsbase = rustix::param::linux_hwcap().1 as u64 & HWCAP2_FSGSBASE != 0;
        let rdpid = std::arch::x86_64::__cpuid_count(7, 0).ecx & 1 << 22 != 0;
        let features = if fsgsbase { FEATURE_FSGSBASE } else { 0 } | if rdpid { FEATURE_RDPID } else { 0 };
        slots.slot(0).reset(0, features, START_SOCKET_FD as u32);
        let (proc, may_reach) = (config.proc.try_clone()?, config.may_reach);
        let image = image()?;
        let name_changes = failures::changes(image.as_fd())?;
        let reaper = ReaperThread::start(config, image, memory, theirs)?;
        // Meanwhile the stub starts.
        let (cores, xstate, own_vdso) = (Cores::of_host(), XState::of_host(), Vdso::own(proc.as_fd())?);
        let pid = reaper.spawned()?;
        let vdso = OnceLock::new();
        let can_reach = may_reach && can_reach(pid);
        let shared = Arc::new(Shared {
            can_put_off: can_put_off(),
            name_changes,
            reaper: Reaper::new(proc),
            spares: Spares::new(),
            cores,
            features,
            xstate,
            vdso,
            entries: OnceLock::new(),
            texts: super::patch::Cache::new(),
            can_reach,
        });
        let process = Process::new(Arc::clone(&shared), pid, slots, ours, START_SOCKET_FD).map_err(from_errno)?;
        process.take_first_slot(0);
        reaper.reap(&shared);
        Self::greet(&process, own_vdso)?;
        let mut zygote = Context::first(process, 0, pid, Frame::fresh(shared.xstate.len), super::patch::Texts::new());
        zygote.lend_hands(|_| ());
        let ready = Arc::new(Ready { fresh: Mutex::new(Rank::Leaf, None), taken: AtomicU32::new(0) });
        let platform = Arc::new(Self { zygote: Mutex::new(Rank::Platform, zygote), ready, shared });
        let (ready, weak) = (Arc::clone(&platform.ready), Arc::downgrade(&platform));
        std::thread::Builder::new()
            .name("refill".into())
            .stack_size(64 * 1024)
            .spawn(move || ready.refill_for_ever(&weak))?;
        Ok(platform)
    }

    /// The first stub tells where its vDSO lies, and learns what to unmap and its filter.
    fn greet(process: &Process, own_vdso: Vdso) -> io::Result<()> {
        let slot = process.slots.slot(0);
        process.wait(&slot).map_err(|_| io::Error::other("the stub does not start"))?;
        let [call, ids, ask, map_vdso] = &slot.args;
        let vdso = own_vdso.with_image_at(slot.result.load(Relaxed), map_vdso.load(Relaxed) != 0);
        let entries = Entries { call: call.load(Relaxed), ids: ids.load(Relaxed), ask: ask.load(Relaxed) };
        let _ = process.shared.entries.set(entries);
        let (start, end) = (vdso.start, vdso.start + vdso.len());
        let rest = if vdso.len() == 0 { HOST_END } else { start };
        let above = SLOTS_BASE + SLOTS_LEN;
        for (word, value) in slot.args.iter().zip([above, rest - above, end, HOST_END.saturating_sub(end)]) {
            word.store(value, Relaxed);
        }
        let program = filter::program();
        let program_addr = slot.stub_addr() + COPY + 16;
        slot.write_bytes(COPY, &(program.len() as u64).to_ne_bytes());
        slot.write_bytes(COPY + 8, &program_addr.to_ne_bytes());
        for (i, line) in program.iter().enumerate() {
            let [code, k] = [line.code.to_ne_bytes().to_vec(), line.k.to_ne_bytes().to_vec()];
            let bytes = [code, vec![line.jt, line.jf], k].concat();
            slot.write_bytes(COPY + 16 + 8 * i as u64, &bytes);
        }
        let _ = process.shared.vdso.set(vdso);
        slot.post(|wake| wake());
        Ok(())
    }

    /// An empty address space with one thread, parked, its registers zero.
    pub fn new_space(self: &Arc<Self>) -> Result<(Arc<Space>, Context), Errno> {
        let fresh = self.ready.fresh.lock().take();
        let space = fresh.map_or_else(|| self.fork_fresh(), Ok);
        self.ready.taken.fetch_add(1, Relaxed);
        let _ = futex::wake(&self.ready.taken, futex::Flags::PRIVATE, 1);
        space
    }

    /// Makes a space, or takes the one that was just made.
    fn fork_fresh(&self) -> Result<Fresh, Errno> {
        let mut zygote = self.zygote.lock();
        let fresh = self.ready.fresh.lock().take();
        fresh.map_or_else(|| zygote.fork_fresh(), Ok)
    }

    /// Counts changes of names, of who may find them, and of where they are looked for: whoever changes one adds to it
    /// before anybody hears of the change.
    pub fn name_changes(&self) -> &'static AtomicU64 {
        self.shared.name_changes
    }

    /// Bytes of extended state in a guest's signal frame, with the second magic.
    pub fn fpstate_len(&self) -> usize {
        self.shared.xstate.len + 4
    }
}

impl Ready {
    /// Makes a fresh space at once, while the sentry gets ready, and then after each that was taken but the first, until
    /// the platform is gone: a sandbox that never execs again has none to spare.
    fn refill_for_ever(&self, platform: &Weak<Platform>) {
        let mut seen = 0;
        loop {
            if seen != 1 {
                let Some(platform) = platform.upgrade() else { return };
                self.refill(&platform);
            }
            let _ = futex::wait(&self.taken, futex::Flags::PRIVATE, seen, None);
            seen = self.taken.load(Relaxed);
        }
    }

    fn refill(&self, platform: &Platform) {
        let mut zygote = platform.zygote.lock();
        let is_empty = self.fresh.lock().is_none();
        // A host that cannot fork now may later: the next exec asks itself.
        if let (true, Ok(fresh)) = (is_empty, zygote.fork_fresh()) {
            *self.fresh.lock() = Some(fresh);
        }
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.ready.taken.fetch_add(1, Relaxed);
        let _ = futex::wake(&self.ready.taken, futex::Flags::PRIVATE, 1);
    }
}

/// The thread that starts the first stub and reaps. A stub's host parent is this thread: when it ends, so do they
/// (`PR_SET_PDEATHSIG`), hence it lives as long as there are any.
struct ReaperThread {
    spawned: Receiver<io::Result<i32>>,
    shared: SyncSender<Arc<Shared>>,
}

impl ReaperThread {
    fn start(config: Config, image: OwnedFd, memory: OwnedFd, socket: OwnedFd) -> io::Result<Self> {
        let (tell, spawned) = mpsc::sync_channel(1);
        let (shared, given) = mpsc::sync_channel::<Arc<Shared>>(1);
        std::thread::Builder::new().name("reaper".into()).stack_size(64 * 1024).spawn(move || {
            let pid = spawn_stub(&config, &image, &memory, &socket);
            drop((config, image, memory, socket));
            let _ = tell.send(pid);
            if let Ok(shared) = given.recv() {
                drop(given);
                shared.reaper.run(&shared.spares);
            }
        })?;
        Ok(Self { spawned, shared })
    }

    /// The first stub's number.
    fn spawned(&self) -> io::Result<i32> {
        self.spawned.recv().map_err(io::Error::other)?
    }

    /// Lets it reap.
    fn reap(self, shared: &Arc<Shared>) {
        let _ = self.shared.send(Arc::clone(shared));
    }
}

/// The stub program as a file.
fn image() -> io::Result<OwnedFd> {
    let image = rustix::fs::memfd_create("stub", MemfdFlags::CLOEXEC | MemfdFlags::EXEC)
        .or_else(|_| rustix::fs::memfd_create("stub", MemfdFlags::CLOEXEC))?;
    std::fs::File::from(image.try_clone()?).write_all(STUB)?;
    Ok(image)
}

/// Starts the stub program with its slots and its socket as descriptors 0 and 1.
fn spawn_stub(config: &Config, image: &OwnedFd, memory: &OwnedFd, socket: &OwnedFd) -> io::Result<i32> {
    let score = config.oom_score_adj.map(|score| score.to_string());
    let start = Start {
        fds: [memory.as_raw_fd(), socket.as_raw_fd(), image.as_raw_fd()],
        proc: config.proc.as_raw_fd(),
        score: score.as_deref().unwrap_or_default(),
    };
    let mut stack = vec![0u128; 1024];
    // As vfork(2): no page table is copied, and this thread goes on when the child has executed the program.
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the child runs on a stack of its own, makes only async-signal-safe calls on `start`, which outlives it in
    // our memory, then execs or exits.
    let pid = unsafe {
        let top = stack.as_mut_ptr_range().end;
        libc::clone(exec_stub, top.cast(), flags, (&raw const start).cast_mut().cast())
    };
    if pid < 0 { Err(io::Error::last_os_error()) } else { Ok(pid) }
}

/// What the child that becomes the first stub needs.
struct Start<'a> {
    /// Slots, socket, program.
    fds: [i32; 3],
    /// Descriptor of /proc.
    proc: i32,
    /// For `oom_score_adj`, if not empty.
    score: &'a str,
}

/// The child that becomes the first stub. It shares our memory until then.
extern "C" fn exec_stub(start: *mut libc::c_void) -> libc::c_int {
    let argv = [c"nacre-stub".as_ptr(), std::ptr::null()];
    let envp: [*const libc::c_char; 1] = [std::ptr::null()];
    // SAFETY: what `spawn_stub` gave; the calls change this process alone.
    unsafe {
        let start = &*start.cast::<Start<'_>>();
        if !start.score.is_empty() {
            let fd = libc::openat(start.proc, c"self/oom_score_adj".as_ptr(), libc::O_WRONLY);
            libc::write(fd, start.score.as_ptr().cast(), start.score.len());
        }
        // Out of the way of the numbers that they get.
        let high = start.fds.map(|fd| libc::fcntl(fd, libc::F_DUPFD, 10));
        libc::dup2(high[0], START_SLOTS_FD);
        libc::dup2(high[1], START_SOCKET_FD);
        libc::dup3(high[2], 2, libc::O_CLOEXEC);
        libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, 0u32);
        for (resource, limit) in [(libc::RLIMIT_CORE, 0), (libc::RLIMIT_NOFILE, 16)] {
            libc::setrlimit(resource, &libc::rlimit { rlim_cur: limit, rlim_max: limit });
        }
        libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong);
        if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 {
            libc::syscall(libc::SYS_execveat, 2, c"".as_ptr(), argv.as_ptr(), envp.as_ptr(), libc::AT_EMPTY_PATH);
        }
        libc::_exit(127)
    }
}

/// See `Shared::can_put_off`: whether the host gives more memory than it can have, as long as nobody touches it. Where it
/// counts strictly `MAP_NORESERVE` means nothing (`proc_sys_vm(5)`), and `RLIMIT_AS` and `RLIMIT_DATA` count it, too.
fn can_put_off() -> bool {
    use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
    const LEN: usize = 1 << 45;
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: nobody uses the new mapping, and it is unmapped again.
    unsafe {
        mmap_anonymous(std::ptr::null_mut(), LEN, ProtFlags::READ | ProtFlags::WRITE, flags)
            .and_then(|memory| munmap(memory, LEN))
            .is_ok()
    }
}

/// The host lets this process read the memory of its child.
fn can_reach(pid: i32) -> bool {
    let mut byte = 0u8;
    let local = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let remote = libc::iovec { iov_base: super::layout::STUB_BASE as *mut _, iov_len: 1 };
    // SAFETY: `local` is one byte of ours.
    let n = unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
    // The child may not have come to its exec yet: then the address is a bad one, but it was looked at.
    n == 1 || io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT)
}

fn from_errno(errno: Errno) -> io::Error {
    io::Error::from_raw_os_error(errno.0.into())
}
