//! A guest address space.

use super::hands;
use super::layout::{COPY, COPY_LEN, FAULTED, OP_CMPXCHG, OP_COPY_IN, OP_COPY_OUT, OUTBOX, OUTBOX_LEN, STUB_BASE};
use super::patch::{Noted, Text, TextKey, Texts};
use super::peak::Peak;
use super::process::Process;
use super::rustix_error;
use super::slot::SlotRef;
use abi::Errno;
use abi::mm::Prot;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

/// Most bytes that the stub copies where the sentry could reach them itself.
const BY_HAND_MAX: usize = 16 << 10;

/// End of the addresses that a guest may map.
pub const GUEST_END: u64 = STUB_BASE - abi::mm::PAGE_SIZE;

/// `MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED`.
const ANONYMOUS: u64 = 0x2 | 0x20 | 0x10;
/// `MAP_NORESERVE`.
const NORESERVE: u64 = 0x4000;

/// A guest address space: the host mappings of one stub process.
///
/// What changes it is carried out by the parked context that is bound to the calling host thread (see
/// [`crate::Context::bind`]); it must belong to this space, else `EINVAL`. `ESRCH`: the host process is gone.
/// Addresses and lengths are multiples of the page size below [`GUEST_END`], else `EINVAL`.
#[derive(Debug)]
pub struct Space {
    pub(super) process: Arc<Process>,
    pub(super) texts: Texts,
}

impl Space {
    /// Reads guest memory: as many bytes as come before the first page that the guest may not read;
    /// `EFAULT` when none.
    pub fn read(&self, addr: u64, buf: &mut [u8]) -> Result<usize, Errno> {
        if buf.is_empty() {
            return Ok(0);
        }
        let len = in_guest(addr, buf.len())?;
        if len == buf.len() && hands::read(&self.process, addr, buf) {
            self.texts.hide(addr, buf);
            return Ok(len);
        }
        let n = if self.goes_by_hand(len) {
            self.copy(OP_COPY_IN, addr, len, |slot, at, n| slot.read_bytes(OUTBOX, &mut buf[at..at + n]))?
        } else {
            self.settle()?;
            let local = libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: len };
            let remote = libc::iovec { iov_base: addr as *mut _, iov_len: len };
            // SAFETY: `local` is `buf`, in bounds.
            let n = unsafe { libc::process_vm_readv(self.process.pid, &raw const local, 1, &raw const remote, 1, 0) };
            moved(n)?
        };
        self.texts.hide(addr, &mut buf[..n]);
        Ok(n)
    }

    /// Writes guest memory: as many bytes as go before the first page that the guest may not write;
    /// `EFAULT` when none.
    pub fn write(&self, addr: u64, bytes: &[u8]) -> Result<usize, Errno> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let len = in_guest(addr, bytes.len())?;
        if len == bytes.len() && hands::write_gathered(&self.process, addr, bytes) {
            return Ok(len);
        }
        self.settle()?;
        if self.goes_by_hand(len) {
            return self.copy(OP_COPY_OUT, addr, len, |slot, at, n| slot.write_bytes(OUTBOX, &bytes[at..at + n]));
        }
        let local = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: len };
        let remote = libc::iovec { iov_base: addr as *mut _, iov_len: len };
        // SAFETY: `local` is `bytes`, only read.
        let n = unsafe { libc::process_vm_writev(self.process.pid, &raw const local, 1, &raw const remote, 1, 0) };
        moved(n)
    }

    /// Writes less than a page of zeroes.
    pub fn zero(&self, addr: u64, len: usize) -> Result<(), Errno> {
        let is_in_guest = in_guest(addr, len)? == len;
        if !is_in_guest || !hands::zero_gathered(&self.process, addr, len) {
            self.write(addr, &vec![0; len])?;
        }
        Ok(())
    }

    /// As [`Self::write`], but the bytes may only be there when the calling thread's own application goes on from its
    /// call, which then fails with `EFAULT` should they not go in. For results that nobody else waits for.
    pub fn write_later(&self, addr: u64, bytes: &[u8]) -> Result<usize, Errno> {
        let is_in_guest = in_guest(addr, bytes.len()) == Ok(bytes.len());
        if is_in_guest && hands::write(&self.process, addr, bytes) { Ok(bytes.len()) } else { self.write(addr, bytes) }
    }

    /// The string at `addr` that the present call brought along, without its end.
    pub fn read_string(&self, addr: u64) -> Option<Vec<u8>> {
        // A string in patched text is read where the jumps are hidden.
        hands::read_string(&self.process, addr).filter(|_| !self.texts.holds(addr))
    }

    /// The stub copies: where the host forbids reaching into its memory, and where it is quicker to ask than a host call.
    fn goes_by_hand(&self, len: usize) -> bool {
        !self.process.shared.can_reach || len <= BY_HAND_MAX && hands::are_quick(&self.process)
    }

    /// What this thread has written is in the memory.
    fn settle(&self) -> Result<(), Errno> {
        hands::settle(&self.process)
    }

    /// Lets the bound stub thread copy between guest memory and its copy buffer, which `buffer` empties after
    /// (`OP_COPY_IN`) or fills before (`OP_COPY_OUT`): the way where the host forbids reaching into the process.
    fn copy(
        &self,
        op: u32,
        addr: u64,
        len: usize,
        mut buffer: impl FnMut(&SlotRef<'_>, usize, usize),
    ) -> Result<usize, Errno> {
        let mut done = 0;
        hands::with(&self.process, |slot| {
            while done < len {
                let want = (len - done).min(OUTBOX_LEN as usize);
                if op == OP_COPY_OUT {
                    buffer(slot, done, want);
                }
                slot.args[0].store(addr + done as u64, Relaxed);
                slot.args[1].store(want as u64, Relaxed);
                self.process.command(slot, op)?;
                let copied = want - (slot.result.load(Relaxed) as usize).min(want);
                if op == OP_COPY_IN && copied > 0 {
                    buffer(slot, done, copied);
                }
                done += copied;
                if copied < want {
                    break;
                }
            }
            if done == 0 { Err(Errno::EFAULT) } else { Ok(done) }
        })
    }

    /// Whether other threads than its own reach it, and protections can be overridden.
    pub fn is_in_reach(&self) -> bool {
        self.process.shared.can_reach
    }

    /// Reads whatever the page protections say (ptrace PEEK).
    pub fn read_forced(&self, addr: u64, buf: &mut [u8]) -> Result<usize, Errno> {
        let len = in_guest(addr, buf.len())?;
        let n = self.memory_file()?.read_at(&mut buf[..len], addr).map_err(|_| Errno::EFAULT)?;
        self.texts.hide(addr, &mut buf[..n]);
        Ok(n)
    }

    /// Writes whatever the page protections say; private pages are copied (ptrace POKE).
    pub fn write_forced(&self, addr: u64, bytes: &[u8]) -> Result<usize, Errno> {
        let len = in_guest(addr, bytes.len())?;
        self.memory_file()?.write_at(&bytes[..len], addr).map_err(|_| Errno::EFAULT)
    }

    fn memory_file(&self) -> Result<std::fs::File, Errno> {
        let proc = self.process.shared.reaper.proc();
        let path = format!("{}/mem", self.process.pid);
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC;
        let fd = rustix::fs::openat(proc, path, flags, rustix::fs::Mode::empty()).map_err(|_| Errno::EFAULT)?;
        Ok(fd.into())
    }

    /// Atomic compare-and-exchange of the word at `addr` (a multiple of 4): its old value; `EFAULT`.
    pub fn compare_exchange(&self, addr: u64, old: u32, new: u32) -> Result<u32, Errno> {
        in_guest(addr, 4)?;
        hands::with(&self.process, |slot| {
            slot.args[0].store(addr, Relaxed);
            slot.args[1].store(old.into(), Relaxed);
            slot.args[2].store(new.into(), Relaxed);
            self.process.command(slot, OP_CMPXCHG)?;
            match slot.result.load(Relaxed) {
                FAULTED => Err(Errno::EFAULT),
                value => Ok(value as u32),
            }
        })
    }

    /// The next change here may be made when the application goes on from its present call. The host must have no reason to
    /// refuse it: then the process is killed.
    pub fn put_off(&self) {
        hands::put_off(&self.process);
    }

    /// Maps private zeroed memory, replacing what is there.
    pub fn map_anonymous(&self, addr: u64, len: u64, prot: Prot, noreserve: bool) -> Result<(), Errno> {
        let flags = ANONYMOUS | if noreserve { NORESERVE } else { 0 };
        self.call(libc::SYS_mmap, [addr, len, protection(prot), flags, u64::MAX, 0])
    }

    /// Maps a host file, replacing what is there.
    pub fn map_file(
        &self,
        addr: u64,
        len: u64,
        prot: Prot,
        shared: bool,
        fd: BorrowedFd<'_>,
        offset: u64,
    ) -> Result<(), Errno> {
        range(addr, len)?;
        let flags = 0x10 | if shared { 0x1 } else { 0x2 };
        let mmap = [addr, len, protection(prot), flags, 0, offset];
        hands::with_gathered(&self.process, |slot| self.process.map_fd(slot, fd, &[mmap]).map(|_| ()))
    }

    /// Unmaps.
    pub fn unmap(&self, addr: u64, len: u64) -> Result<(), Errno> {
        self.call(libc::SYS_munmap, [addr, len, 0, 0, 0, 0])
    }

    /// Changes protections.
    pub fn protect(&self, addr: u64, len: u64, prot: Prot) -> Result<(), Errno> {
        self.call(libc::SYS_mprotect, [addr, len, protection(prot), 0, 0, 0])
    }

    /// Moves or resizes a mapping to `new_addr`, which is replaced; `keep_old` leaves the old range mapped
    /// and empty (`MREMAP_DONTUNMAP`).
    pub fn remap(&self, addr: u64, len: u64, new_addr: u64, new_len: u64, keep_old: bool) -> Result<(), Errno> {
        range(new_addr, new_len)?;
        if addr == new_addr && !keep_old {
            return self.call(libc::SYS_mremap, [addr, len, new_len, 0, 0, 0]);
        }
        // MREMAP_MAYMOVE | MREMAP_FIXED, MREMAP_DONTUNMAP.
        self.call(libc::SYS_mremap, [addr, len, new_len, 3 | if keep_old { 4 } else { 0 }, new_addr, 0])
    }

    /// `madvise(2)` with advice that the stub's filter knows; others `EINVAL`.
    pub fn advise(&self, addr: u64, len: u64, advice: u32) -> Result<(), Errno> {
        self.call(libc::SYS_madvise, [addr, len, advice.into(), 0, 0, 0])
    }

    /// From now on advice about memory is heard by the sentry, which knows what must not be given up.
    pub fn keep_memory(&self) {
        self.process.keep_memory();
    }

    /// Which of `pages` pages from `addr` on are resident, a byte each as `mincore(2)` has it. `ENOMEM`: not mapped.
    pub fn residency(&self, addr: u64, pages: u64) -> Result<Vec<u8>, Errno> {
        let len = pages.checked_mul(abi::mm::PAGE_SIZE).filter(|_| pages <= COPY_LEN).ok_or(Errno::EINVAL)?;
        range(addr, len)?;
        hands::with(&self.process, |slot| {
            let vec = slot.stub_addr() + COPY;
            self.process.calls(slot, &[(libc::SYS_mincore, [addr, len, vec, 0, 0, 0])])?;
            let mut resident = vec![0; pages as usize];
            slot.read_bytes(COPY, &mut resident);
            Ok(resident)
        })
    }

    /// A host call of the futex family that does not sleep; addresses are the application's.
    pub fn futex(&self, args: [u64; 6]) -> Result<u32, Errno> {
        hands::with(&self.process, |slot| self.process.calls(slot, &[(libc::SYS_futex, args)]))
            .map(|result| result as u32)
    }

    /// Registers the calling thread's rseq area on the host.
    pub fn rseq(&self, addr: u64, len: u32, flags: u32, signature: u32) -> Result<(), Errno> {
        if addr != 0 {
            in_guest(addr, len as usize)?;
        }
        let args = [addr, len.into(), flags.into(), signature.into(), 0, 0];
        self.make(&[(libc::SYS_rseq, args)])
    }

    /// `membarrier(2)` on the host, for the threads of this space.
    pub fn membarrier(&self, command: u32, flags: u32) -> Result<u64, Errno> {
        // What is registered stays with the host process.
        self.process.mark();
        let args = [command.into(), flags.into(), 0, 0, 0, 0];
        hands::with(&self.process, |slot| self.process.calls(slot, &[(libc::SYS_membarrier, args)]))
            .map(|result| result as u64)
    }

    /// A `syscall` at offset `at` of the text `key` trapped.
    pub fn note_call(&self, key: &TextKey, at: u32) -> Noted {
        if self.process.shared.can_patch() { self.process.shared.texts.note(key, at) } else { Noted::Nothing }
    }

    /// `text` lies at `at`, with its jumps.
    pub fn has_text(&self, text: &Arc<Text>, at: u64) -> bool {
        self.texts.has(text, at)
    }

    /// The patched text of a file, if there is one.
    pub fn patched(&self, key: &TextKey) -> Option<Arc<Text>> {
        self.process.shared.texts.get(key)
    }

    /// Patches a file's text, which lies at `addr`. `can_change`: it may be [spoilt](Text::spoil).
    pub fn patch(&self, key: &TextKey, code: &[u8], addr: u64, can_change: bool) -> Option<Arc<Text>> {
        let shared = &self.process.shared;
        let (executed, entries) = (shared.texts.executed(key), shared.entries.get()?);
        Some(Arc::new(Text::new(code, addr, &executed, entries, can_change)?))
    }

    /// Keeps a patched text for all spaces to map.
    pub fn keep_text(&self, key: &TextKey, text: &Arc<Text>) {
        self.process.shared.texts.put(key, Arc::clone(text));
    }

    /// Maps a patched text with `prot` over the original at `at`, and its trampolines where
    /// [`Text::trampolines_at`] says, which must be free. On failure the original must be mapped anew.
    pub fn map_text(&self, text: &Arc<Text>, at: u64, prot: Prot) -> Result<(), Errno> {
        let mmaps = text.mmaps(at, protection(prot)).ok_or(Errno::ENOMEM)?;
        text.add_user(&self.process);
        // Another thread that wakes from a host call goes on in the trampolines at once.
        let (first, rest) = mmaps.split_at(usize::from(!self.process.is_alone()));
        hands::with_gathered(&self.process, |slot| {
            if !first.is_empty() {
                self.process.map_fd(slot, text.memory(), first)?;
            }
            if !self.texts.add(text, at) {
                return Err(Errno::ENOMEM);
            }
            // Behind a call by trap may be where a jump is going to be.
            let prepare = || self.process.move_saved(|rip| self.texts.resume_at(rip));
            let map = || self.process.map_fd(slot, text.memory(), rest).map(drop);
            self.process.alone(Some(slot.index()), prepare, map).inspect_err(|_| self.texts.retire(at))
        })
    }

    /// Starts and ends of patched texts that overlap a range.
    pub fn patched_texts(&self, start: u64, end: u64) -> Vec<(u64, u64)> {
        self.texts.overlapping(start, end)
    }

    /// The text at `at` is not patched any more: its pages were mapped anew, or are about to go. The trampolines stay.
    pub fn retire_text(&self, at: u64) {
        self.texts.retire(at);
    }

    /// There may be texts whose files have changed.
    pub fn has_spoilt_text(&self) -> bool {
        self.process.spoilt_texts.load(SeqCst) != 0
    }

    /// Retires the texts whose files have changed; `restore` maps the files' own pages in their place.
    pub fn take_out_spoilt(&self, restore: impl Fn(u64, u64) -> Result<(), Errno>) -> Result<(), Errno> {
        let count = self.process.spoilt_texts.load(SeqCst);
        for (start, end) in self.texts.spoilt() {
            restore(start, end)?;
            self.texts.retire(start);
            // Who sits in a call goes on with the file's own bytes behind it.
            self.process.move_saved(|rip| self.texts.place_of(start, rip).address(rip));
        }
        self.process.spoilt_texts.fetch_sub(count, SeqCst);
        Ok(())
    }

    /// Runs `unmap`, which unmaps the trampolines of a retired text at `at`, while nobody is in them; then nothing is
    /// left of it.
    pub fn forget_text(&self, at: u64, unmap: impl FnOnce() -> Result<(), Errno>) -> Result<(), Errno> {
        let own = hands::with(&self.process, |slot| Ok(slot.index()))?;
        let prepare = || self.process.move_saved(|rip| self.texts.place_of(at, rip).address(rip));
        self.process.alone(Some(own), prepare, || {
            unmap()?;
            self.texts.forget(at);
            Ok(())
        })
    }

    /// Takes out all jumps, whoever runs: for a debugger, which shall see nothing of them. Works from any thread.
    pub fn unpatch(&self) -> Result<(), Errno> {
        let jumps = self.texts.originals();
        if jumps.is_empty() {
            return Ok(());
        }
        let memory = self.memory_file()?;
        self.process.alone(
            None,
            || (),
            || {
                for (addr, bytes) in &jumps {
                    memory.write_all_at(bytes, *addr).map_err(|_| Errno::EFAULT)?;
                }
                self.texts.retire_all();
                Ok(())
            },
        )
    }

    /// Bytes resident on the host, and of these the shared ones (files, shared memory). Zero when gone.
    pub fn resident(&self) -> (u64, u64) {
        let proc = self.process.shared.reaper.proc();
        let mut buffer = [0; 256];
        let path = format!("{}/statm", self.process.pid);
        let text = super::times::read_file(proc, &path, &mut buffer).unwrap_or_default();
        let mut pages = text.split(' ').skip(1).map(|field| field.parse().unwrap_or(0u64) * abi::mm::PAGE_SIZE);
        (pages.next().unwrap_or(0), pages.next().unwrap_or(0))
    }

    /// Bytes resident on the host at most, so far (`VmHWM`). Zero when gone.
    pub fn max_resident(&self) -> u64 {
        let mut buffer = [0; 4096];
        let path = format!("{}/status", self.process.pid);
        let text = super::times::read_file(self.process.shared.reaper.proc(), &path, &mut buffer).unwrap_or_default();
        let kib = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        kib.map_or(0, |kib: u64| kib << 10)
    }

    /// As [`Self::max_resident`], to be told when the process is gone.
    pub fn peak(&self) -> Peak {
        self.process.peak.clone()
    }

    /// Opens a file of the host's /proc about the process that holds the memory, whose ranges beyond the
    /// application's are the stub's. What the host does not allow is `EACCES`.
    pub fn proc_file(&self, name: &str, is_written: bool) -> Result<std::fs::File, Errno> {
        let proc = self.process.shared.reaper.proc();
        let path = format!("{}/{name}", self.process.pid);
        let access = if is_written { rustix::fs::OFlags::WRONLY } else { rustix::fs::OFlags::RDONLY };
        let fd = rustix::fs::openat(proc, path, access | rustix::fs::OFlags::CLOEXEC, rustix::fs::Mode::empty());
        fd.map(Into::into).map_err(|_| Errno::EACCES)
    }

    /// Host process id, for looking at the host's /proc.
    pub fn host_pid(&self) -> i32 {
        self.process.pid
    }

    /// Kills the host process: every context in it ends with [`crate::Exit::Dead`].
    pub fn kill(&self) {
        self.process.kill();
    }

    fn call(&self, nr: i64, args: [u64; 6]) -> Result<(), Errno> {
        range(args[0], args[1])?;
        self.make(&[(nr, args)])
    }

    /// Makes host calls in the stub, or puts them aside to be made with others.
    pub(super) fn make(&self, calls: &[hands::HostCall]) -> Result<(), Errno> {
        if hands::make_later(calls) {
            return Ok(());
        }
        hands::with(&self.process, |slot| self.process.calls(slot, calls).map(|_| ()))
    }
}

/// Bytes of `addr..addr + len` that lie in guest addresses; `EFAULT` when the first does not.
fn in_guest(addr: u64, len: usize) -> Result<usize, Errno> {
    let room = GUEST_END.checked_sub(addr).filter(|&room| room > 0).ok_or(Errno::EFAULT)?;
    Ok(len.min(room as usize))
}

/// `EINVAL` for what is no range of pages of the application's.
pub(super) fn range(addr: u64, len: u64) -> Result<(), Errno> {
    let end = addr.checked_add(len).ok_or(Errno::EINVAL)?;
    let is_aligned = addr.is_multiple_of(abi::mm::PAGE_SIZE);
    if is_aligned && len > 0 && end <= GUEST_END { Ok(()) } else { Err(Errno::EINVAL) }
}

const fn protection(prot: Prot) -> u64 {
    (prot.bits() & 7) as u64
}

/// Result of `process_vm_*`. An errno other than `EFAULT` means that the process is going.
fn moved(n: isize) -> Result<usize, Errno> {
    match usize::try_from(n) {
        Ok(0) => Err(Errno::EFAULT),
        Ok(n) => Ok(n),
        Err(_) => match rustix::io::Errno::from_io_error(&std::io::Error::last_os_error()) {
            Some(error @ rustix::io::Errno::NOMEM) => Err(rustix_error(error)),
            _ => Err(Errno::EFAULT),
        },
    }
}
