//! Shared memory segments: `shmget(2)`, `shmop(2)`, `shmctl(2)`.

use super::{Object, Perm, Registry, now};
use abi::Errno;
use abi::ipc::{SHM_DEST, SHM_LOCKED, ShmidDs};
use abi::mm::PAGE_SIZE;
use mm::{Backing, HostRange};
use rustix::fs::MemfdFlags;
use std::any::Any;
use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use sync::{Mutex, Rank};

/// Most segments.
pub(super) const SHMMNI: usize = 4096;
/// Most bytes of a segment.
pub(super) const SHMMAX: u64 = u64::MAX - (1 << 24);
/// Most pages of a namespace.
pub(super) const SHMALL: u64 = SHMMAX;
/// Device number of the mount that segments belong to.
const DEVICE: u64 = 4;

#[derive(Default)]
struct State {
    times: [i64; 3],
    pids: [i32; 2],
    read_only: Weak<Attach>,
    writable: Weak<Attach>,
}

/// A segment: a memory file of the host.
pub struct Segment {
    id: i32,
    size: u64,
    fd: Arc<OwnedFd>,
    inode: u64,
    perm: Mutex<Perm>,
    state: Mutex<State>,
    registry: Weak<Registry<Self>>,
}

/// Totals of a namespace: `SHM_INFO`.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "plain counts")]
pub struct ShmStat {
    pub segments: i32,
    pub pages: u64,
}

impl Object for Segment {
    fn perm(&self) -> &Mutex<Perm> {
        &self.perm
    }
}

fn errno(error: rustix::io::Errno) -> Errno {
    Errno(error.raw_os_error() as u16)
}

impl Segment {
    /// A segment of `size` bytes, made by process `pid` (its own view). `ENOMEM` and other host errors.
    pub fn new(registry: &Arc<Registry<Self>>, id: i32, perm: Perm, size: u64, pid: i32) -> Result<Self, Errno> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let pages = size.checked_next_multiple_of(PAGE_SIZE).ok_or(Errno::ENOMEM)?;
        let fd = rustix::fs::memfd_create("sysv", MemfdFlags::CLOEXEC).map_err(errno)?;
        // Too large for any file is too large for any memory.
        rustix::fs::ftruncate(&fd, pages).map_err(|_| Errno::ENOMEM)?;
        Ok(Self {
            id,
            size,
            fd: Arc::new(fd),
            inode: NEXT.fetch_add(1, Relaxed),
            perm: Mutex::new(Rank::Leaf, perm),
            state: Mutex::new(Rank::Buffer, State { times: [0, 0, now()], pids: [pid, 0], ..State::default() }),
            registry: Arc::downgrade(registry),
        })
    }

    /// Bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Pages.
    pub const fn pages(&self) -> u64 {
        self.size.div_ceil(PAGE_SIZE)
    }

    /// Bytes that are resident: what the memory file has blocks for.
    pub fn resident(&self) -> u64 {
        rustix::fs::fstat(&self.fd).map_or(0, |stat| stat.st_blocks.unsigned_abs() * 512)
    }

    /// What an attach maps: one object for all attaches alike, so its users are counted by it.
    pub fn attach(self: &Arc<Self>, is_writable: bool, pid: i32) -> Arc<Attach> {
        let mut state = self.state.lock();
        let known = if is_writable { &mut state.writable } else { &mut state.read_only };
        let attach = known.upgrade().unwrap_or_else(|| {
            let attach = Arc::new(Attach { segment: self.clone(), is_writable });
            *known = Arc::downgrade(&attach);
            attach
        });
        state.times[0] = now();
        state.pids[1] = pid;
        attach
    }

    /// Process `pid` detached it.
    pub fn note_detach(&self, pid: i32) {
        let mut state = self.state.lock();
        state.times[1] = now();
        state.pids[1] = pid;
    }

    /// Mappings of it, in all processes.
    pub fn attaches(&self) -> u64 {
        let state = self.state.lock();
        (state.read_only.strong_count() + state.writable.strong_count()) as u64
    }

    /// `IPC_RMID`: it goes with its last attach.
    pub fn remove(&self) {
        let mut perm = self.perm.lock();
        perm.mode |= SHM_DEST;
        perm.key = 0;
        drop(perm);
        if let Some(registry) = self.registry.upgrade() {
            registry.forget_key(self.id);
        }
        self.collect();
    }

    /// Takes it out of its table when it is to go and nobody uses it.
    fn collect(&self) {
        if self.perm.lock().mode & SHM_DEST != 0
            && self.attaches() == 0
            && let Some(registry) = self.registry.upgrade()
        {
            let gone = registry.remove(self.id);
            drop(gone);
        }
    }

    /// `SHM_LOCK` and `SHM_UNLOCK`: shown only.
    pub fn set_locked(&self, locked: bool) {
        let mut perm = self.perm.lock();
        perm.mode = if locked { perm.mode | SHM_LOCKED } else { perm.mode & !SHM_LOCKED };
    }

    /// `IPC_SET`: who may and what was checked.
    pub fn set_perm(&self, uid: u32, gid: u32, mode: u32) {
        self.perm.lock().change(uid, gid, mode);
        self.state.lock().times[2] = now();
    }

    /// `IPC_STAT`.
    pub fn stat(&self) -> ShmidDs {
        let perm = self.perm.lock().to_abi(self.id);
        let nattch = self.attaches();
        let state = self.state.lock();
        ShmidDs {
            perm,
            segsz: self.size,
            atime: state.times[0],
            dtime: state.times[1],
            ctime: state.times[2],
            cpid: state.pids[0],
            lpid: state.pids[1],
            nattch,
            unused: [0; 2],
        }
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Segment({})", self.id)
    }
}

/// A segment as mappings hold it. Every mapping is one reference.
#[derive(Debug)]
pub struct Attach {
    segment: Arc<Segment>,
    is_writable: bool,
}

impl Attach {
    /// The segment.
    pub const fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }
}

impl Drop for Attach {
    fn drop(&mut self) {
        self.segment.state.lock().times[1] = now();
        self.segment.collect();
    }
}

impl Backing for Attach {
    fn host_range(&self, offset: u64) -> Result<HostRange, Errno> {
        Ok(HostRange { fd: self.segment.fd.clone(), offset })
    }

    fn name(&self) -> Vec<u8> {
        let key = self.segment.perm.lock().key;
        let deleted = if key == 0 { " (deleted)" } else { "" };
        format!("/SYSV{key:08x}{deleted}").into_bytes()
    }

    fn device(&self) -> u64 {
        DEVICE
    }

    fn inode(&self) -> u64 {
        self.segment.inode
    }

    fn is_writable(&self) -> bool {
        self.is_writable
    }

    fn is_removed(&self) -> bool {
        let is_used_otherwise = {
            let state = self.segment.state.lock();
            let other = if self.is_writable { &state.read_only } else { &state.writable };
            other.strong_count() != 0
        };
        !is_used_otherwise && self.segment.perm.lock().mode & SHM_DEST != 0
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}
