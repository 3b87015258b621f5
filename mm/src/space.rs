//! A guest's address space with its mappings.

use crate::addr::UserAddr;
use crate::backing::Backing;
use crate::mapping::{Mapping, Source, Tree};
use crate::memory::{self, UserMemory};
use crate::patch::Hidden;
use abi::Errno;
use abi::mm::{PAGE_SIZE, Prot};
use platform::{Context, Fault, GUEST_END, Space};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use sync::{Mutex, Rank};

/// Lowest address that can be mapped: `vm.mmap_min_addr`.
pub const MIN_ADDR: u64 = 0x1_0000;
/// Most mappings of an address space: `vm.max_map_count`.
pub const MAX_MAPPINGS: usize = 65_530;
/// Pages that stay free below a stack: `stack_guard_gap`.
const STACK_GUARD: u64 = 256 * PAGE_SIZE;
/// Bytes by which a stack grows at a time: one exit serves several faults.
const STACK_STEP: u64 = 64 * 1024;

/// What a first process dumps: private and shared anonymous memory, ELF headers, private huge pages.
const DUMP_FILTER: u32 = 0x33;

/// What a task's memory is: the tree of mappings over a platform space. Shared by tasks with `CLONE_VM`.
pub struct Mm {
    id: u64,
    space: Arc<Space>,
    pub(crate) state: Mutex<State>,
    /// Where `execve(2)` put things; `prctl(PR_SET_MM)` may change it.
    layout: Mutex<Layout>,
    exe: Option<Arc<dyn Backing>>,
    /// Soft `RLIMIT_STACK` that the stack grows to.
    stack_limit: AtomicU64,
    /// Most bytes mapped so far.
    peak: AtomicU64,
    /// Which mappings go into a core dump.
    dump_filter: AtomicU32,
}

/// The tree and the break.
#[derive(Clone, Default)]
pub(crate) struct State {
    pub(crate) tree: Tree,
    /// Start of the heap, not a multiple of the page size.
    pub(crate) brk_start: u64,
    /// The break.
    pub(crate) brk: u64,
    /// Mappings without an address are placed below.
    pub(crate) mmap_base: u64,
    /// Bytes of locked mappings.
    pub(crate) locked: u64,
    /// `mlockall(MCL_FUTURE)`.
    pub(crate) lock_future: bool,
    /// No text is patched any more.
    pub(crate) shows_text: bool,
    /// Calls by trap from text that is patched elsewhere.
    pub(crate) late_calls: u32,
    /// Addresses of trampolines.
    pub(crate) hidden: Vec<Hidden>,
}

/// Where `execve(2)` put things: what /proc/PID/{stat,cmdline,environ,auxv} show.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names of proc_pid_stat(5)")]
pub struct Layout {
    pub start_code: u64,
    pub end_code: u64,
    pub start_data: u64,
    pub end_data: u64,
    pub start_brk: u64,
    pub start_stack: u64,
    pub arg_start: u64,
    pub arg_end: u64,
    pub env_start: u64,
    pub env_end: u64,
    pub vdso: u64,
    /// The auxiliary vector: pairs of words, the last pair zero.
    pub auxv: Vec<u64>,
}

/// Sizes in bytes: what /proc/PID/{statm,status} show.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// All mappings.
    pub size: u64,
    /// The largest that `size` has been.
    pub peak: u64,
    /// Resident, as the host counts; the stub's own few pages included.
    pub resident: u64,
    /// Resident pages of files and shared memory.
    pub shared: u64,
    /// Executable mappings of the program.
    pub text: u64,
    /// Private writable mappings.
    pub data: u64,
    /// The stack.
    pub stack: u64,
    /// Locked mappings.
    pub locked: u64,
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Relaxed)
}

impl Mm {
    pub(crate) fn new(
        space: Arc<Space>,
        state: State,
        layout: Layout,
        exe: Option<Arc<dyn Backing>>,
        stack_limit: u64,
    ) -> Arc<Self> {
        let peak = AtomicU64::new(state.tree.total);
        Arc::new(Self {
            id: next_id(),
            space,
            state: Mutex::new(Rank::Mappings, state),
            layout: Mutex::new(Rank::Leaf, layout),
            exe,
            stack_limit: AtomicU64::new(stack_limit),
            peak,
            dump_filter: AtomicU32::new(DUMP_FILTER),
        })
    }

    /// Copies the address space for a forked child: its memory and its first context, parked. `context` is the
    /// calling task's own.
    pub fn fork(&self, context: &mut Context) -> Result<(Arc<Self>, Context), Errno> {
        let state = self.state.lock();
        let (space, child) = context.fork()?;
        let mut copy = State { locked: 0, lock_future: false, shows_text: false, late_calls: 0, ..state.clone() };
        let gone: Vec<_> = copy.tree.iter().filter(|m| m.dont_fork).map(|m| (m.start, m.end)).collect();
        for (start, end) in gone {
            copy.tree.remove(start, end);
        }
        copy.tree.change(0, GUEST_END, |mapping| mapping.is_locked = false);
        drop(state);
        let limit = self.stack_limit.load(Relaxed);
        let copy = Self::new(space, copy, self.layout(), self.exe.clone(), limit);
        copy.set_dump_filter(self.dump_filter());
        Ok((copy, child))
    }

    /// A number that no other address space of the sandbox has had.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// The platform's side.
    pub const fn space(&self) -> &Arc<Space> {
        &self.space
    }

    /// The file that was executed.
    pub fn exe(&self) -> Option<Arc<dyn Backing>> {
        self.exe.clone()
    }

    /// Where `execve(2)` put things.
    pub fn layout(&self) -> Layout {
        self.layout.lock().clone()
    }

    /// Changes what [`Self::layout`] says: `prctl(PR_SET_MM)`.
    pub fn change_layout(&self, change: impl FnOnce(&mut Layout)) {
        change(&mut self.layout.lock());
    }

    /// The mappings, in order of addresses.
    pub fn mappings(&self) -> Vec<Mapping> {
        self.state.lock().tree.iter().cloned().collect()
    }

    /// The name that /proc/PID/maps shows for a mapping; empty for none.
    pub fn mapping_name(&self, mapping: &Mapping) -> Vec<u8> {
        match &mapping.source {
            Source::File(backing, _) => backing.name(),
            Source::Special(name) => name.as_bytes().to_vec(),
            Source::Anonymous => {
                if let Some(name) = &mapping.name {
                    return [b"[anon:", &**name, b"]"].concat();
                }
                let (brk_start, brk) = self.brk_range();
                let stack = self.layout.lock().start_stack;
                if mapping.start < brk && mapping.end > brk_start {
                    b"[heap]".to_vec()
                } else if mapping.start <= stack && stack < mapping.end {
                    b"[stack]".to_vec()
                } else {
                    Vec::new()
                }
            }
        }
    }

    /// Start of the heap and the break.
    pub fn brk_range(&self) -> (u64, u64) {
        let state = self.state.lock();
        (state.brk_start, state.brk)
    }

    /// Sizes.
    pub fn usage(&self) -> Usage {
        let layout = self.layout();
        let state = self.state.lock();
        let mut usage =
            Usage { size: state.tree.total, data: state.tree.data, locked: state.locked, ..Usage::default() };
        for mapping in state.tree.iter() {
            if mapping.grows_down {
                usage.stack += mapping.len();
            } else if mapping.start < layout.end_code && layout.start_code < mapping.end {
                usage.text += mapping.len();
            }
        }
        drop(state);
        usage.peak = self.peak.fetch_max(usage.size, Relaxed).max(usage.size);
        (usage.resident, usage.shared) = self.space.resident();
        usage
    }

    pub(crate) fn note_peak(&self, total: u64) {
        self.peak.fetch_max(total, Relaxed);
    }

    /// Sets how far the stack may grow: the soft `RLIMIT_STACK`.
    pub fn set_stack_limit(&self, limit: u64) {
        self.stack_limit.store(limit, Relaxed);
    }

    /// Which mappings go into a core dump: the bits of /proc/PID/coredump_filter, core(5).
    pub fn dump_filter(&self) -> u32 {
        self.dump_filter.load(Relaxed)
    }

    /// Sets [`Self::dump_filter`]; children and executed programs take it over.
    pub fn set_dump_filter(&self, filter: u32) {
        self.dump_filter.store(filter, Relaxed);
    }

    /// Application code raised a fault: true when it was repaired (the stack grew) and the code can run on.
    pub fn handle_fault(&self, fault: &Fault) -> bool {
        // SIGSEGV, page fault, nothing mapped there.
        fault.signal == 11 && fault.code == 1 && self.grow_stack(fault.addr)
    }

    /// Grows the stack down to `addr` where the rules allow it (mm/mmap.c, `expand_downwards`).
    fn grow_stack(&self, addr: u64) -> bool {
        let page = addr & !(PAGE_SIZE - 1);
        let mut state = self.state.lock();
        let Some(stack) = state.tree.find_from(page).filter(|m| m.grows_down && m.start > page) else {
            // Another thread may have grown it meanwhile.
            return state.tree.find(page).is_some_and(|m| m.grows_down);
        };
        let stack = stack.clone();
        let below = state.tree.find_below(stack.start).map_or(MIN_ADDR, |m| m.end + STACK_GUARD);
        if state.is_hidden(page, stack.start) {
            return false;
        }
        let lowest = below.max(stack.end.saturating_sub(self.stack_limit.load(Relaxed)));
        if page < lowest {
            return false;
        }
        let start = (page & !(STACK_STEP - 1)).max(lowest.next_multiple_of(PAGE_SIZE)).min(page);
        if self.space.map_anonymous(start, stack.start - start, stack.prot, true).is_err() {
            return false;
        }
        state.tree.insert(Mapping { start, end: stack.start, ..stack });
        self.note_peak(state.tree.total);
        true
    }

    /// Identity of the futex word at `addr` (`futex(2)`): with `shared`, a word of a shared mapping is known by
    /// the object behind it; every other word by the address space. `EFAULT`: nothing is mapped there.
    pub fn futex_key(&self, addr: UserAddr, shared: bool) -> Result<FutexKey, Errno> {
        let private = FutexKey { object: [self.id, 0], offset: addr.0, shared: false };
        if !shared {
            return Ok(private);
        }
        let state = self.state.lock();
        let mapping = state.tree.find(addr.0).ok_or(Errno::EFAULT)?;
        Ok(match &mapping.source {
            Source::File(backing, offset) if mapping.is_shared => FutexKey {
                object: [backing.device(), backing.inode()],
                offset: offset + (addr.0 - mapping.start),
                shared: true,
            },
            _ => private,
        })
    }

    /// Atomic compare-and-exchange of the word at `addr`: its old value. Only on the calling task's own memory.
    pub fn compare_exchange(&self, addr: UserAddr, old: u32, new: u32) -> Result<u32, Errno> {
        match self.space.compare_exchange(addr.0, old, new) {
            Err(Errno::EFAULT) if self.grow_stack(addr.0) => self.space.compare_exchange(addr.0, old, new),
            result => result,
        }
    }

    /// Private memory that may be written lies all through the range: a write there does not fail.
    fn takes(&self, addr: UserAddr, len: usize) -> bool {
        let state = self.state.lock();
        state.tree.find(addr.0).is_some_and(|mapping| {
            !mapping.is_shared && mapping.prot.contains(Prot::WRITE) && len as u64 <= mapping.end - addr.0
        })
    }

    /// The mapping at `addr` may be read (or written, with `write`).
    pub fn is_accessible(&self, addr: UserAddr, write: bool) -> bool {
        let want = if write { Prot::WRITE } else { Prot::READ };
        self.state.lock().tree.find(addr.0).is_some_and(|mapping| mapping.prot.contains(want))
    }
}

impl UserMemory for Mm {
    fn read_some(&self, addr: UserAddr, buf: &mut [u8]) -> Result<usize, Errno> {
        match self.space.read(addr.0, buf) {
            Err(Errno::EFAULT) if self.grow_stack(addr.0) => self.space.read(addr.0, buf),
            result => result,
        }
    }

    fn write_some(&self, addr: UserAddr, bytes: &[u8]) -> Result<usize, Errno> {
        match self.space.write(addr.0, bytes) {
            Err(Errno::EFAULT) if self.grow_stack(addr.0) => self.space.write(addr.0, bytes),
            result => result,
        }
    }

    fn give_some(&self, addr: UserAddr, bytes: &[u8]) -> Result<usize, Errno> {
        if self.takes(addr, bytes.len()) { self.space.write_later(addr.0, bytes) } else { self.write_some(addr, bytes) }
    }

    fn read_string(&self, addr: UserAddr, max: usize) -> Result<Option<Vec<u8>>, Errno> {
        match self.space.read_string(addr.0) {
            Some(string) if string.len() < max => Ok(Some(string)),
            _ => memory::read_string(self, addr, max),
        }
    }
}

/// Identity of a futex word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FutexKey {
    /// Address space, or device and inode of the mapped object.
    pub object: [u64; 2],
    /// Address, or offset in the object.
    pub offset: u64,
    /// The word is known by the object behind it.
    pub shared: bool,
}
