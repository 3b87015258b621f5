//! Bytes of a regular file.
//!
//! Descriptors of the host are scarce, so a small file is a map of pages in the sentry's memory. A file
//! that is large or mapped moves to a memory file of the host, for good. Pages count against the
//! instance's limit; those that a mapping touched are counted when the file is next looked at.

use super::PAGE;
use super::budget::Budget;
use abi::Errno;
use abi::fs::{F_SEAL_FUTURE_WRITE, F_SEAL_GROW, F_SEAL_SHRINK, F_SEAL_WRITE};
use abi::mm::PAGE_SIZE;
use host::file::{self, At, Seek, WriteFlags};
use mm::Text;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use sync::{Mutex, MutexGuard, Rank, RwLock, RwLockWriteGuard};

/// Files of more pages than this move to the host: 1 MiB.
const MANY_PAGES: usize = 256;

/// Largest size of a file.
const MAX_SIZE: u64 = i64::MAX as u64;

/// Most bytes that one host call copies.
const STEP: u64 = 1 << 30;

/// Most patched texts of a file.
const TEXTS_MAX: usize = 64;

/// Memory files in use.
static MEMORY_FILES: AtomicU64 = AtomicU64::new(0);

type Page = Box<[u8; PAGE]>;

/// A memory file of the host.
struct MemoryFile {
    fd: Arc<OwnedFd>,
    /// The same, for reading only.
    read_only: Option<Arc<OwnedFd>>,
    /// Some mapping may have touched pages that were not counted.
    is_mapped: bool,
    /// Seals that the host knows.
    seals: u32,
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        MEMORY_FILES.fetch_sub(1, SeqCst);
    }
}

enum Store {
    Pages(BTreeMap<u64, Page>),
    Host(MemoryFile),
}

struct Data {
    size: u64,
    /// Pages that were taken from the budget.
    charged: u64,
    store: Store,
    /// What stands for its bytes as they are; 0 as long as nobody has asked.
    version: u64,
    /// Mappings that may write, and changes that are about to be made: the bytes may change unseen.
    unseen: u64,
    /// Texts made of its bytes, to be spoilt before they change.
    texts: Vec<Weak<Text>>,
}

/// Bytes of a regular file.
pub(crate) struct Content {
    budget: Arc<Budget>,
    /// Held by each write and change of size.
    writers: Mutex<()>,
    data: RwLock<Data>,
}

impl Content {
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        let store = Store::Pages(BTreeMap::new());
        let data = Data { size: 0, charged: 0, store, version: 0, unseen: 0, texts: Vec::new() };
        Self { budget, writers: Mutex::new(Rank::Writers, ()), data: RwLock::new(Rank::FileData, data) }
    }

    /// Size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.data.read().size
    }

    /// Size, and pages in use.
    pub(super) fn size_and_pages(&self) -> (u64, u64) {
        {
            let data = self.data.read();
            if !matches!(&data.store, Store::Host(file) if file.is_mapped) {
                return (data.size, data.charged);
            }
        }
        let mut data = self.data.write();
        data.count(&self.budget);
        (data.size, data.charged)
    }

    /// One writer at a time.
    pub(super) fn lock_writers(&self) -> MutexGuard<'_, ()> {
        self.writers.lock()
    }

    /// The data, to change its bytes: nobody runs code that was made of them any more.
    fn change(&self) -> RwLockWriteGuard<'_, Data> {
        let mut data = self.data.write();
        data.version = 0;
        let texts = std::mem::take(&mut data.texts);
        if texts.is_empty() {
            return data;
        }
        data.unseen += 1;
        drop(data);
        for text in texts.iter().filter_map(Weak::upgrade) {
            text.spoil();
        }
        let mut data = self.data.write();
        data.unseen -= 1;
        data
    }

    /// [`mm::Backing::version`].
    pub(crate) fn version(&self) -> Option<u64> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let mut data = self.data.write();
        if data.unseen > 0 {
            return None;
        }
        if data.version == 0 {
            data.version = NEXT.fetch_add(1, SeqCst);
        }
        Some(data.version)
    }

    /// [`mm::Backing::follow`].
    pub(crate) fn follow(&self, version: u64, text: &Arc<Text>) -> bool {
        let mut data = self.data.write();
        data.texts.retain(|text| text.strong_count() > 0);
        let is_followed = data.version == version && data.unseen == 0 && data.texts.len() < TEXTS_MAX;
        if is_followed {
            data.texts.push(Arc::downgrade(text));
        }
        is_followed
    }

    /// Reads at an offset; 0 is the end.
    pub(crate) fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, Errno> {
        let data = self.data.read();
        let len = (buf.len() as u64).min(data.size.saturating_sub(offset)) as usize;
        let buf = &mut buf[..len];
        match &data.store {
            Store::Pages(pages) => {
                for (at, page, part) in parts(offset, len) {
                    let dst = &mut buf[at..at + part.len()];
                    match pages.get(&page) {
                        Some(bytes) => dst.copy_from_slice(&bytes[part]),
                        None => dst.fill(0),
                    }
                }
            }
            Store::Host(file) => {
                let got = file::pread(file.fd.as_fd(), buf, offset)?;
                buf[got..].fill(0);
            }
        }
        Ok(len)
    }

    /// Writes at an offset; fewer bytes when space ends. `ENOSPC`, `EFBIG`.
    pub(crate) fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        let len = (bytes.len() as u64).min(MAX_SIZE.saturating_sub(offset)) as usize;
        if len == 0 && !bytes.is_empty() {
            return Err(Errno::EFBIG);
        }
        let mut data = self.change();
        if matches!(&data.store, Store::Pages(pages) if pages.len() + len / PAGE > MANY_PAGES) && has_descriptors() {
            data.move_to_host()?;
        }
        let written = data.write(&self.budget, offset, &bytes[..len])?;
        data.size = data.size.max(offset + written as u64);
        Ok(written)
    }

    /// Sets the size. `EFBIG`.
    pub(super) fn resize(&self, size: u64) -> Result<(), Errno> {
        if size > MAX_SIZE {
            return Err(Errno::EFBIG);
        }
        let mut data = self.change();
        if let Store::Host(file) = &data.store {
            file::resize(file.fd.as_fd(), size)?;
        } else if size <= data.size {
            data.drop_range(size, MAX_SIZE)?;
        }
        data.size = size;
        data.count(&self.budget);
        Ok(())
    }

    /// Makes a hole of a range.
    pub(super) fn punch(&self, offset: u64, len: u64) -> Result<(), Errno> {
        let mut data = self.change();
        data.drop_range(offset, offset.saturating_add(len))?;
        data.count(&self.budget);
        Ok(())
    }

    /// Takes space for a range; with `grow` the size includes it afterwards.
    pub(super) fn reserve(&self, offset: u64, len: u64, grow: bool) -> Result<(), Errno> {
        let end = offset.checked_add(len).filter(|&end| end <= MAX_SIZE).ok_or(Errno::EFBIG)?;
        let mut data = self.change();
        let (first, last) = (offset / PAGE_SIZE, end.div_ceil(PAGE_SIZE));
        if (last - first) as usize > MANY_PAGES {
            data.move_to_host()?;
        }
        data.reserve(&self.budget, first, last, offset, len)?;
        if grow && end > data.size {
            if let Store::Host(file) = &data.store {
                file::resize(file.fd.as_fd(), end)?;
            }
            data.size = end;
        }
        Ok(())
    }

    /// The next data or hole from an offset on: `ENXIO` past the end.
    pub(super) fn seek(&self, what: Seek, offset: u64) -> Result<u64, Errno> {
        let data = self.data.read();
        if offset >= data.size {
            return Err(Errno::ENXIO);
        }
        match &data.store {
            Store::Host(file) => file::seek(file.fd.as_fd(), what, offset),
            Store::Pages(pages) => {
                let page = offset / PAGE_SIZE;
                let is_data = pages.contains_key(&page);
                match what {
                    Seek::Data if is_data => Ok(offset),
                    Seek::Data => {
                        let next = pages.range(page..).next().map(|(&page, _)| page * PAGE_SIZE);
                        next.filter(|&next| next < data.size).ok_or(Errno::ENXIO)
                    }
                    Seek::Hole if !is_data => Ok(offset),
                    Seek::Hole => {
                        let run = pages.range(page..).zip(page..).take_while(|((at, _), want)| *at == want).count();
                        Ok(((page + run as u64) * PAGE_SIZE).min(data.size))
                    }
                }
            }
        }
    }

    /// The host's file for a mapping; `seals` are set on it first. One that may write ends with [`Self::end_writing`].
    pub(super) fn map(&self, writable: bool, seals: u32) -> Result<Arc<OwnedFd>, Errno> {
        let mut data = if writable { self.change() } else { self.data.write() };
        data.move_to_host()?;
        let Store::Host(file) = &mut data.store else { return Err(Errno::EIO) };
        file.set_seals(seals)?;
        file.is_mapped = true;
        if writable {
            let fd = file.fd.clone();
            data.unseen += 1;
            return Ok(fd);
        }
        // Whoever may only read gets no descriptor that can write.
        if let Some(fd) = &file.read_only {
            return Ok(fd.clone());
        }
        let fd = Arc::new(file::reopen(file.fd.as_fd(), file::Access::Read)?);
        file.read_only = Some(fd.clone());
        Ok(fd)
    }

    /// A mapping that might write is no more.
    pub(crate) fn end_writing(&self) {
        self.data.write().unseen -= 1;
    }

    /// Sets seals on the host's file, if there is one; `EBUSY` while a mapping can write.
    pub(super) fn seal(&self, seals: u32) -> Result<(), Errno> {
        match &mut self.data.write().store {
            Store::Host(file) => file.set_seals(seals),
            Store::Pages(_) => Ok(()),
        }
    }

    /// Takes the bytes of a host file from its start on, at most `size`.
    pub(crate) fn copy_from_host(&self, from: &impl AsFd, size: u64) -> Result<(), Errno> {
        if size <= (MANY_PAGES * PAGE) as u64 || !has_descriptors() {
            return self.copy_by(size, |buf, offset| file::pread(from.as_fd(), buf, offset));
        }
        self.reserve_for_copy(size)?;
        let mut data = self.change();
        let Store::Host(to) = &data.store else { return Err(Errno::EIO) };
        let mut done = 0;
        while done < size {
            let step = (size - done).min(STEP) as usize;
            match file::copy_range(from.as_fd(), done, to.fd.as_fd(), done, step) {
                Ok(0) => break,
                Ok(copied) => done += copied as u64,
                // Not between these two filesystems.
                Err(_) if done == 0 => {
                    drop(data);
                    return self.copy_by(size, |buf, offset| file::pread(from.as_fd(), buf, offset));
                }
                Err(errno) => return Err(errno),
            }
        }
        data.size = data.size.max(done);
        data.count(&self.budget);
        Ok(())
    }

    fn reserve_for_copy(&self, size: u64) -> Result<(), Errno> {
        let pages = size.div_ceil(PAGE_SIZE);
        // Only to see whether there is room: what is really used is counted afterwards.
        self.budget.take_pages(pages)?;
        self.budget.give_pages(pages);
        self.data.write().move_to_host()
    }

    /// Takes up to `size` bytes that `read` gives.
    pub(crate) fn copy_by(
        &self,
        size: u64,
        mut read: impl FnMut(&mut [u8], u64) -> Result<usize, Errno>,
    ) -> Result<(), Errno> {
        let mut buf = vec![0; (64 << 10).min(size as usize)];
        let mut offset = 0;
        while offset < size {
            let want = buf.len().min((size - offset) as usize);
            let got = read(&mut buf[..want], offset)?;
            if got == 0 {
                break;
            }
            if self.write_at(offset, &buf[..got])? < got {
                return Err(Errno::ENOSPC);
            }
            offset += got as u64;
        }
        Ok(())
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        self.budget.give_pages(self.data.value_mut().charged);
    }
}

impl MemoryFile {
    fn new(size: u64) -> Result<Self, Errno> {
        let fd = file::memory_file("nacre-file")?;
        MEMORY_FILES.fetch_add(1, SeqCst);
        let new = Self { fd: Arc::new(fd), read_only: None, is_mapped: false, seals: 0 };
        file::resize(new.fd.as_fd(), size)?;
        Ok(new)
    }

    fn set_seals(&mut self, seals: u32) -> Result<(), Errno> {
        // F_SEAL_SEAL and F_SEAL_EXEC protect no mapping; the guest's own rules are checked elsewhere.
        let seals = seals & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
        if seals & !self.seals != 0 {
            file::add_seals(self.fd.as_fd(), seals)?;
            self.seals |= seals;
        }
        Ok(())
    }
}

impl Data {
    fn move_to_host(&mut self) -> Result<(), Errno> {
        let Store::Pages(pages) = &self.store else { return Ok(()) };
        let file = MemoryFile::new(self.size)?;
        for (page, bytes) in pages {
            let mut done = 0;
            while done < PAGE {
                done +=
                    file::pwrite(file.fd.as_fd(), &bytes[done..], page * PAGE_SIZE + done as u64, WriteFlags::Lazy)?;
            }
        }
        // The last page was written whole.
        file::resize(file.fd.as_fd(), self.size)?;
        self.store = Store::Host(file);
        Ok(())
    }

    fn write(&mut self, budget: &Budget, offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        match &mut self.store {
            Store::Pages(pages) => {
                let mut done = 0;
                for (at, page, part) in parts(offset, bytes.len()) {
                    let src = &bytes[at..at + part.len()];
                    let page = match pages.entry(page) {
                        std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                        std::collections::btree_map::Entry::Vacant(entry) => {
                            match budget.take_pages(1) {
                                Err(_) if done > 0 => break,
                                other => other?,
                            }
                            self.charged += 1;
                            entry.insert(Box::new([0; PAGE]))
                        }
                    };
                    page[part].copy_from_slice(src);
                    done += src.len();
                }
                Ok(done)
            }
            Store::Host(file) => {
                let end = offset + bytes.len() as u64;
                let is_dense = end <= self.size && self.charged >= self.size.div_ceil(PAGE_SIZE) && !file.is_mapped;
                if is_dense {
                    return file::pwrite(file.fd.as_fd(), bytes, offset, WriteFlags::Lazy);
                }
                let wanted = end.div_ceil(PAGE_SIZE) - offset / PAGE_SIZE;
                let taken = budget.take_some_pages(wanted);
                let room = (offset / PAGE_SIZE + taken) * PAGE_SIZE;
                let len = (room.saturating_sub(offset) as usize).min(bytes.len());
                let result = if len == 0 && !bytes.is_empty() {
                    Err(Errno::ENOSPC)
                } else {
                    file::pwrite(file.fd.as_fd(), &bytes[..len], offset, WriteFlags::Lazy)
                };
                self.charged += taken;
                self.count(budget);
                result
            }
        }
    }

    /// Brings the pages taken in line with those in use.
    fn count(&mut self, budget: &Budget) {
        let used = match &self.store {
            Store::Pages(pages) => pages.len() as u64,
            Store::Host(file) => {
                file::stat(At::fd(&file.fd)).map_or(self.charged, |stat| stat.blocks.div_ceil(PAGE_SIZE / 512))
            }
        };
        if used > self.charged {
            budget.force_pages(used - self.charged);
        } else {
            budget.give_pages(self.charged - used);
        }
        self.charged = used;
    }

    fn drop_range(&mut self, start: u64, end: u64) -> Result<(), Errno> {
        if start >= end {
            return Ok(());
        }
        match &mut self.store {
            Store::Host(file) => {
                let mode = file::Falloc::PUNCH_HOLE | file::Falloc::KEEP_SIZE;
                file::allocate(file.fd.as_fd(), mode.bits(), start, (end - start).min(MAX_SIZE - start))
            }
            Store::Pages(pages) => {
                let (first, last) = (start.div_ceil(PAGE_SIZE), end / PAGE_SIZE);
                let (head, tail) = (start % PAGE_SIZE, end % PAGE_SIZE);
                if start / PAGE_SIZE == last {
                    if let Some(page) = pages.get_mut(&last) {
                        page[head as usize..tail as usize].fill(0);
                    }
                    return Ok(());
                }
                if head != 0
                    && let Some(page) = pages.get_mut(&(start / PAGE_SIZE))
                {
                    page[head as usize..].fill(0);
                }
                if tail != 0
                    && let Some(page) = pages.get_mut(&last)
                {
                    page[..tail as usize].fill(0);
                }
                let gone: Vec<u64> = pages.range(first..last).map(|(&page, _)| page).collect();
                for page in gone {
                    pages.remove(&page);
                }
                Ok(())
            }
        }
    }

    fn reserve(&mut self, budget: &Budget, first: u64, last: u64, offset: u64, len: u64) -> Result<(), Errno> {
        match &mut self.store {
            Store::Pages(pages) => {
                let missing = (last - first) - pages.range(first..last).count() as u64;
                budget.take_pages(missing)?;
                self.charged += missing;
                for page in first..last {
                    pages.entry(page).or_insert_with(|| Box::new([0; PAGE]));
                }
                Ok(())
            }
            Store::Host(file) => {
                // All of it at first: what is there already is given back when it has been counted.
                let wanted = last - first;
                let is_room = budget.take_pages(wanted).is_ok();
                if !is_room && self.charged < wanted {
                    return Err(Errno::ENOSPC);
                }
                let result = file::allocate(file.fd.as_fd(), file::Falloc::KEEP_SIZE.bits(), offset, len);
                if is_room {
                    self.charged += wanted;
                }
                self.count(budget);
                result
            }
        }
    }
}

/// Files may still move to the host for their size alone: mapped ones need descriptors too.
fn has_descriptors() -> bool {
    MEMORY_FILES.load(SeqCst) < file::descriptor_limit() / 4
}

/// A byte range by pages: offset in the buffer, page, range in the page.
fn parts(offset: u64, len: usize) -> impl Iterator<Item = (usize, u64, std::ops::Range<usize>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at == len {
            return None;
        }
        let position = offset + at as u64;
        let start = (position % PAGE_SIZE) as usize;
        let step = (PAGE - start).min(len - at);
        let part = (at, position / PAGE_SIZE, start..start + step);
        at += step;
        Some(part)
    })
}
