//! Event counters: `eventfd(2)`.

use crate::file::{File, Io};
use crate::open_file::OpenFile;
use abi::Errno;
use abi::fs::OpenFlags;
use abi::poll::Events;
use mm::{Sink, Source};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use sync::{Fail, WaitQueue};

/// Highest count.
const MAX: u64 = u64::MAX - 1;

/// An event counter.
pub struct EventFd {
    count: AtomicU64,
    is_semaphore: bool,
    queue: WaitQueue,
}

impl EventFd {
    /// A counter: `eventfd2(2)`. Of `flags` only `O_NONBLOCK` counts.
    pub fn open(initial: u32, is_semaphore: bool, flags: OpenFlags) -> Arc<OpenFile> {
        let counter = Self { count: AtomicU64::new(u64::from(initial)), is_semaphore, queue: WaitQueue::new() };
        OpenFile::anonymous(Box::new(counter), (flags & OpenFlags::NONBLOCK) | OpenFlags::RDWR)
    }

    fn take(&self) -> Result<u64, Errno> {
        let step = |count: u64| match count {
            0 => None,
            _ if self.is_semaphore => Some(count - 1),
            _ => Some(0),
        };
        let old = self.count.fetch_update(SeqCst, SeqCst, step).map_err(|_| Errno::EAGAIN)?;
        self.queue.notify(Events::OUT | Events::WRNORM);
        Ok(if self.is_semaphore { 1 } else { old })
    }

    fn add(&self, value: u64) -> Result<(), Errno> {
        let sum = |count: u64| count.checked_add(value).filter(|&sum| sum <= MAX);
        self.count.fetch_update(SeqCst, SeqCst, sum).map_err(|_| Errno::EAGAIN)?;
        self.queue.notify(Events::IN | Events::RDNORM);
        Ok(())
    }

    /// Adds to the counter without waiting, up to its highest value: for the kernel's own events.
    pub fn signal(&self, value: u64) {
        let sum = |count: u64| Some(count.saturating_add(value));
        // The closure never refuses.
        let _ = self.count.fetch_update(SeqCst, SeqCst, sum);
        self.queue.notify(Events::IN | Events::RDNORM);
    }
}

impl File for EventFd {
    fn read(&self, io: &Io<'_>, dst: &mut dyn Sink, _offset: &mut u64) -> Result<usize, Fail> {
        if dst.room() < size_of::<u64>() {
            return Err(Errno::EINVAL.into());
        }
        let value = io.caller.retry(&self.queue, Events::IN, io.is_nonblock(), || self.take())?;
        Ok(dst.put(&value.to_ne_bytes())?)
    }

    fn write(&self, io: &Io<'_>, src: &mut dyn Source, _offset: &mut u64) -> Result<usize, Fail> {
        if src.left() < size_of::<u64>() {
            return Err(Errno::EINVAL.into());
        }
        let mut bytes = [0; size_of::<u64>()];
        if src.take(&mut bytes)? < bytes.len() {
            return Err(Errno::EFAULT.into());
        }
        let value = u64::from_ne_bytes(bytes);
        if value == u64::MAX {
            return Err(Errno::EINVAL.into());
        }
        io.caller.retry(&self.queue, Events::OUT, io.is_nonblock(), || self.add(value))?;
        Ok(bytes.len())
    }

    fn readiness(&self) -> Events {
        let count = self.count.load(SeqCst);
        let mut events = Events::empty();
        events.set(Events::IN | Events::RDNORM, count > 0);
        events.set(Events::OUT | Events::WRNORM, count < MAX);
        events.set(Events::ERR, count == u64::MAX);
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn fdinfo(&self) -> String {
        format!("eventfd-count: {:16x}\n", self.count.load(SeqCst))
    }

    fn anonymous_name(&self) -> Option<String> {
        Some("anon_inode:[eventfd]".to_owned())
    }
}
