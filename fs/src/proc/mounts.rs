//! What a process has mounted: `proc_pid_mounts(5)`, `proc_pid_mountinfo(5)`, `proc_pid_mountstats(5)`.

use super::process::Process;
use crate::pseudo::{Content, seek};
use abi::Errno;
use abi::fs::OpenFlags;
use abi::poll::Events;
use mm::Sink;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use sync::{Fail, WaitQueue};
use vfs::{Caller, File, Io, MountNamespace, Place};

/// One of the first two, open: about the namespace and the root that the process had then.
struct Mounts {
    namespace: Arc<MountNamespace>,
    root: Place,
    text: fn(&MountNamespace, &Place) -> Vec<u8>,
    content: Content,
    /// Changes of the namespace that a poll has told of.
    told: AtomicU64,
}

impl Mounts {
    fn open(process: &Process, text: fn(&MountNamespace, &Place) -> Vec<u8>) -> Result<Box<dyn File>, Fail> {
        let fs = process.task.fs().ok_or(Errno::EINVAL)?;
        let (namespace, root) = (fs.namespace(), fs.root());
        let told = AtomicU64::new(namespace.changes());
        Ok(Box::new(Self { namespace, root, text, content: Content::new(), told }))
    }
}

/// /proc/PID/mounts.
pub(super) fn mounts(process: &Process, _caller: &Caller, _flags: OpenFlags) -> Result<Box<dyn File>, Fail> {
    Mounts::open(process, MountNamespace::mounts_text)
}

/// /proc/PID/mountinfo.
pub(super) fn mountinfo(process: &Process, _caller: &Caller, _flags: OpenFlags) -> Result<Box<dyn File>, Fail> {
    Mounts::open(process, MountNamespace::mountinfo_text)
}

/// /proc/PID/mountstats, which cannot be polled.
pub(super) fn mountstats(process: &Process, _caller: &Caller) -> Result<Vec<u8>, Errno> {
    let fs = process.task.fs().ok_or(Errno::EINVAL)?;
    Ok(fs.namespace().mountstats_text(&fs.root()))
}

impl File for Mounts {
    fn read(&self, _io: &Io<'_>, dst: &mut dyn Sink, offset: &mut u64) -> Result<usize, Fail> {
        self.content.read(dst, offset, || Ok((self.text)(&self.namespace, &self.root)))
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn seek(&self, _io: &Io<'_>, whence: u32, offset: i64, current: u64) -> Result<u64, Errno> {
        seek(whence, offset, current)
    }

    /// Who looks is told of a change once.
    fn readiness(&self) -> Events {
        let changes = self.namespace.changes();
        let is_news = self.told.swap(changes, SeqCst) != changes;
        let news = if is_news { Events::ERR | Events::PRI } else { Events::empty() };
        Events::IN | Events::RDNORM | news
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.namespace.queue)
    }
}
