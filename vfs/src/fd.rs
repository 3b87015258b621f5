//! Descriptor tables.

use crate::caller::Caller;
use crate::open_file::OpenFile;
use abi::Errno;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use sync::{Rank, RwLock};

/// Highest number of descriptors of one process: /proc/sys/fs/nr_open.
pub const NR_OPEN: u64 = 1 << 20;
/// `RLIMIT_NOFILE`.
const RLIMIT_NOFILE: u32 = 7;

#[derive(Clone)]
enum Slot {
    Free,
    /// Taken, but the file is not there yet.
    Reserved {
        cloexec: bool,
    },
    Open {
        file: Arc<OpenFile>,
        cloexec: bool,
    },
}

#[derive(Clone, Default)]
struct Slots {
    list: Vec<Slot>,
    /// Every slot below is taken.
    lowest: usize,
}

/// A descriptor table; shared with `CLONE_FILES`.
pub struct FdTable {
    slots: RwLock<Slots>,
    /// Owner of POSIX locks taken through the table.
    id: u64,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Slots {
    /// The lowest free number from `min` on, below `limit`; `EMFILE`.
    fn free(&mut self, min: usize, limit: u64) -> Result<usize, Errno> {
        let start = min.max(self.lowest);
        let found = self.list.iter().skip(start).position(|slot| matches!(slot, Slot::Free));
        let index = found.map_or(start.max(self.list.len()), |i| start + i);
        if index as u64 >= limit.min(NR_OPEN) {
            return Err(Errno::EMFILE);
        }
        if self.list.len() <= index {
            let more = index + 1 - self.list.len();
            self.list.try_reserve(more).map_err(|_| Errno::ENOMEM)?;
            self.list.resize(index + 1, Slot::Free);
        }
        if min <= self.lowest {
            self.lowest = index + 1;
        }
        Ok(index)
    }

    /// Empties a slot; what was open there.
    fn take(&mut self, index: usize) -> Option<Arc<OpenFile>> {
        let slot = self.list.get_mut(index)?;
        if !matches!(slot, Slot::Open { .. }) {
            return None;
        }
        let Slot::Open { file, .. } = std::mem::replace(slot, Slot::Free) else { return None };
        self.lowest = self.lowest.min(index);
        Some(file)
    }
}

/// A number that is taken for a file which is still being opened. Given back unless installed.
pub struct Reserved<'a> {
    table: &'a FdTable,
    fd: usize,
}

impl Reserved<'_> {
    /// The number.
    pub const fn fd(&self) -> i32 {
        self.fd as i32
    }

    /// Puts the file there.
    pub fn install(self, file: Arc<OpenFile>) -> i32 {
        let mut slots = self.table.slots.write();
        if let Some(slot) = slots.list.get_mut(self.fd)
            && let Slot::Reserved { cloexec } = *slot
        {
            *slot = Slot::Open { file, cloexec };
        }
        drop(slots);
        let fd = self.fd as i32;
        std::mem::forget(self);
        fd
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let mut slots = self.table.slots.write();
        if let Some(slot @ Slot::Reserved { .. }) = slots.list.get_mut(self.fd) {
            *slot = Slot::Free;
            slots.lowest = slots.lowest.min(self.fd);
        }
    }
}

impl FdTable {
    /// An empty table.
    pub fn new() -> Arc<Self> {
        Self::with(Slots::default())
    }

    fn with(slots: Slots) -> Arc<Self> {
        Arc::new(Self { slots: RwLock::new(Rank::FdTable, slots), id: NEXT_ID.fetch_add(1, Relaxed) })
    }

    /// Owner of POSIX locks taken through the table.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// A copy for a child without `CLONE_FILES` and for `unshare(CLONE_FILES)`.
    pub fn fork(&self) -> Arc<Self> {
        let mut slots = self.slots.read().clone();
        for (index, slot) in slots.list.iter_mut().enumerate() {
            if matches!(slot, Slot::Reserved { .. }) {
                *slot = Slot::Free;
                slots.lowest = slots.lowest.min(index);
            }
        }
        Self::with(slots)
    }

    /// The open file; `EBADF`, also for an `O_PATH` descriptor: for calls that do something to the file.
    pub fn get(&self, fd: i32) -> Result<Arc<OpenFile>, Errno> {
        let file = self.get_any(fd)?;
        if file.is_path() { Err(Errno::EBADF) } else { Ok(file) }
    }

    /// The open file, an `O_PATH` one included; `EBADF`.
    pub fn get_any(&self, fd: i32) -> Result<Arc<OpenFile>, Errno> {
        let index = usize::try_from(fd).map_err(|_| Errno::EBADF)?;
        match self.slots.read().list.get(index) {
            Some(Slot::Open { file, .. }) => Ok(file.clone()),
            _ => Err(Errno::EBADF),
        }
    }

    /// Takes the lowest free number from `min` on for a file to come; `EMFILE`.
    pub fn reserve(&self, caller: &Caller, min: u32, cloexec: bool) -> Result<Reserved<'_>, Errno> {
        let limit = caller.process.limit(RLIMIT_NOFILE);
        let mut slots = self.slots.write();
        let fd = slots.free(min as usize, limit)?;
        if let Some(slot) = slots.list.get_mut(fd) {
            *slot = Slot::Reserved { cloexec };
        }
        drop(slots);
        Ok(Reserved { table: self, fd })
    }

    /// Puts a file at the lowest free number; `EMFILE`.
    pub fn insert(&self, caller: &Caller, file: Arc<OpenFile>, cloexec: bool) -> Result<i32, Errno> {
        Ok(self.reserve(caller, 0, cloexec)?.install(file))
    }

    /// Puts a file at `fd` for the first process of a sandbox, replacing what is there. `EBADF` beyond [`NR_OPEN`].
    pub fn set(&self, fd: i32, file: Arc<OpenFile>, cloexec: bool) -> Result<Option<Arc<OpenFile>>, Errno> {
        let index = usize::try_from(fd).map_err(|_| Errno::EBADF)?;
        if index as u64 >= NR_OPEN {
            return Err(Errno::EBADF);
        }
        let mut slots = self.slots.write();
        if slots.list.len() <= index {
            slots.list.resize(index + 1, Slot::Free);
        }
        match slots.list.get_mut(index) {
            Some(Slot::Reserved { .. }) | None => Err(Errno::EBUSY),
            Some(slot) => match std::mem::replace(slot, Slot::Open { file, cloexec }) {
                Slot::Open { file, .. } => Ok(Some(file)),
                _ => Ok(None),
            },
        }
    }

    /// `dup2(2)` and `dup3(2)`: makes `new` refer to `file`; what was there is closed silently.
    /// `EBADF` beyond the limit, `EBUSY` while `new` is being opened.
    pub fn dup_to(&self, caller: &Caller, file: Arc<OpenFile>, new: i32, cloexec: bool) -> Result<(), Errno> {
        if u64::try_from(new).map_err(|_| Errno::EBADF)? >= caller.process.limit(RLIMIT_NOFILE) {
            return Err(Errno::EBADF);
        }
        if let Some(old) = self.set(new, file, cloexec)? {
            // dup2 does not report errors of the implied close.
            let _ = self.closed(caller, old);
        }
        Ok(())
    }

    /// What every close of a descriptor does: locks of the process go, the file is told.
    fn closed(&self, caller: &Caller, file: Arc<OpenFile>) -> Result<(), Errno> {
        self.release_locks(&file);
        if file.is_path() { Ok(()) } else { file.ops.flush(caller) }
    }

    fn release_locks(&self, file: &OpenFile) {
        if file.kind().is_some()
            && let Ok(inode) = file.inode()
            && let Some(locks) = inode.attachments().locks_if_any()
        {
            locks.release_process(self.id);
        }
    }

    /// Closes a descriptor: `EBADF`, or what the file says.
    pub fn close(&self, caller: &Caller, fd: i32) -> Result<(), Errno> {
        let index = usize::try_from(fd).map_err(|_| Errno::EBADF)?;
        let file = self.slots.write().take(index).ok_or(Errno::EBADF)?;
        self.closed(caller, file)
    }

    /// Closes the numbers `first..=last`: `close_range(2)`.
    pub fn close_range(&self, caller: &Caller, first: u32, last: u32) {
        let mut files = Vec::new();
        {
            let mut slots = self.slots.write();
            let end = (last as usize).saturating_add(1).min(slots.list.len());
            for index in first as usize..end {
                files.extend(slots.take(index));
            }
        }
        for file in files {
            // Nobody is there to be told of errors.
            let _ = self.closed(caller, file);
        }
    }

    /// Sets close-on-exec on the numbers `first..=last`: `CLOSE_RANGE_CLOEXEC`.
    pub fn set_cloexec_range(&self, first: u32, last: u32) {
        let mut slots = self.slots.write();
        let count = (last as usize).saturating_add(1).saturating_sub(first as usize);
        for slot in slots.list.iter_mut().skip(first as usize).take(count) {
            if let Slot::Open { cloexec, .. } | Slot::Reserved { cloexec } = slot {
                *cloexec = true;
            }
        }
    }

    /// Closes what is marked close-on-exec. The table is the caller's alone by then.
    pub fn close_on_exec(&self, caller: &Caller) {
        let mut files = Vec::new();
        {
            let mut slots = self.slots.write();
            for index in 0..slots.list.len() {
                if matches!(slots.list.get(index), Some(Slot::Open { cloexec: true, .. })) {
                    files.extend(slots.take(index));
                }
            }
        }
        for file in files {
            // Nobody is there to be told of errors.
            let _ = self.closed(caller, file);
        }
    }

    /// Closes everything: the last user of the table exits. (Dropping the table does the same, except
    /// that files are not told through [`crate::File::flush`].)
    pub fn close_all(&self, caller: &Caller) {
        self.close_range(caller, 0, u32::MAX);
    }

    /// Close-on-exec of a descriptor; `EBADF`.
    pub fn cloexec(&self, fd: i32) -> Result<bool, Errno> {
        let index = usize::try_from(fd).map_err(|_| Errno::EBADF)?;
        match self.slots.read().list.get(index) {
            Some(Slot::Open { cloexec, .. }) => Ok(*cloexec),
            _ => Err(Errno::EBADF),
        }
    }

    /// Sets close-on-exec of a descriptor; `EBADF`.
    pub fn set_cloexec(&self, fd: i32, set: bool) -> Result<(), Errno> {
        let index = usize::try_from(fd).map_err(|_| Errno::EBADF)?;
        match self.slots.write().list.get_mut(index) {
            Some(Slot::Open { cloexec, .. }) => {
                *cloexec = set;
                Ok(())
            }
            _ => Err(Errno::EBADF),
        }
    }

    /// Open descriptors: number, file, close-on-exec. For /proc/PID/fd.
    pub fn entries(&self) -> Vec<(i32, Arc<OpenFile>, bool)> {
        let slots = self.slots.read();
        let open = slots.list.iter().enumerate().filter_map(|(fd, slot)| match slot {
            Slot::Open { file, cloexec } => Some((fd as i32, file.clone(), *cloexec)),
            _ => None,
        });
        open.collect()
    }

    /// The lowest open number from `from` on.
    pub fn next_open(&self, from: i32) -> Option<i32> {
        let from = usize::try_from(from).ok()?;
        let slots = self.slots.read();
        let found = slots.list.iter().enumerate().skip(from).find(|(_, slot)| matches!(slot, Slot::Open { .. }));
        found.map(|(fd, _)| fd as i32)
    }

    /// Numbers that the table has room for: `FDSize` of /proc/PID/status.
    pub fn size(&self) -> usize {
        self.slots.read().list.len().next_multiple_of(64).max(64)
    }
}

impl Drop for FdTable {
    fn drop(&mut self) {
        let slots = std::mem::take(&mut *self.slots.write());
        for slot in slots.list {
            if let Slot::Open { file, .. } = slot {
                self.release_locks(&file);
            }
        }
    }
}

impl fmt::Debug for FdTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FdTable({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventFd;
    use crate::test_fs::caller;
    use abi::fs::OpenFlags;
    use std::sync::atomic::Ordering::SeqCst;

    fn file() -> Arc<OpenFile> {
        EventFd::open(0, false, OpenFlags::empty())
    }

    #[test]
    fn the_lowest_number_is_taken() {
        let (caller, process) = caller(0);
        let table = FdTable::new();
        for expected in 0..5 {
            assert_eq!(table.insert(&caller, file(), false), Ok(expected));
        }
        table.close(&caller, 1).expect("open");
        table.close(&caller, 3).expect("open");
        assert_eq!(table.close(&caller, 3), Err(Errno::EBADF));
        assert_eq!(table.insert(&caller, file(), true), Ok(1));
        assert_eq!(table.reserve(&caller, 10, false).map(|slot| slot.install(file())), Ok(10));
        assert_eq!(table.insert(&caller, file(), false), Ok(3));
        assert_eq!(table.insert(&caller, file(), false), Ok(5));
        process.file_limit.store(6, SeqCst);
        assert_eq!(table.insert(&caller, file(), false), Err(Errno::EMFILE));
        assert_eq!(table.dup_to(&caller, file(), 6, false), Err(Errno::EBADF));
        assert_eq!(table.dup_to(&caller, file(), 2, false), Ok(()));
    }

    #[test]
    fn a_reserved_number_is_not_open_and_comes_back() {
        let (caller, _) = caller(0);
        let table = FdTable::new();
        let slot = table.reserve(&caller, 0, true).expect("free");
        assert_eq!(table.get(0).map(drop), Err(Errno::EBADF));
        assert_eq!(table.dup_to(&caller, file(), 0, false), Err(Errno::EBUSY));
        assert_eq!(table.fork().insert(&caller, file(), false), Ok(0));
        drop(slot);
        assert_eq!(table.insert(&caller, file(), false), Ok(0));
    }

    #[test]
    fn exec_and_ranges_close() {
        let (caller, _) = caller(0);
        let table = FdTable::new();
        for fd in 0..10 {
            table.insert(&caller, file(), fd % 2 == 0).expect("free");
        }
        let copy = table.fork();
        table.close_on_exec(&caller);
        assert_eq!(table.entries().iter().map(|entry| entry.0).collect::<Vec<_>>(), [1, 3, 5, 7, 9]);
        table.close_range(&caller, 3, u32::MAX);
        assert_eq!(table.next_open(2), None);
        assert_eq!(copy.entries().len(), 10);
    }
}
