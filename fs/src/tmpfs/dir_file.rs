//! Open directories.

use super::dir::{Child, FIRST_COOKIE};
use super::object::Object;
use crate::transfer;
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use sync::Fail;
use vfs::{DirSink, File, Io};

/// An open directory.
pub(super) struct DirFile {
    object: Arc<Object>,
    /// Names that came after reading started at the beginning are not shown: else a program that renames
    /// what it finds would never see the end.
    end: AtomicU64,
}

impl DirFile {
    pub(super) const fn new(object: Arc<Object>) -> Self {
        Self { object, end: AtomicU64::new(u64::MAX) }
    }
}

impl File for DirFile {
    fn read(&self, _io: &Io<'_>, _dst: &mut dyn mm::Sink, _offset: &mut u64) -> Result<usize, Fail> {
        Err(Errno::EISDIR.into())
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn seek(&self, _io: &Io<'_>, whence: u32, offset: i64, current: u64) -> Result<u64, Errno> {
        if whence > 1 {
            return Err(Errno::EINVAL);
        }
        transfer::seek(whence, offset, current, || Ok(0))
    }

    fn read_dir(&self, io: &Io<'_>, dst: &mut dyn DirSink, offset: &mut u64) -> Result<(), Fail> {
        let dir = self.object.dir()?.read();
        if dir.is_dead {
            return Err(Errno::ENOENT.into());
        }
        if *offset == 0 {
            self.end.store(dir.end(), Relaxed);
        }
        let dots = [(b".".as_slice(), self.object.ino), (b"..", self.object.parent_ino())];
        for (cookie, (name, ino)) in dots.into_iter().enumerate().skip(*offset as usize) {
            let next = cookie as u64 + 1;
            if !dst.entry(name, ino, FileType::Directory, next) {
                return Ok(());
            }
            *offset = next;
        }
        let end = self.end.load(Relaxed);
        dir.each((*offset).max(FIRST_COOKIE), |name, child, cookie| {
            let Child::Object(object) = child else { return ControlFlow::Continue(()) };
            if cookie >= end || !dst.entry(name, object.ino, object.kind, cookie + 1) {
                return ControlFlow::Break(());
            }
            *offset = cookie + 1;
            ControlFlow::Continue(())
        });
        drop(dir);
        if !io.flags.contains(OpenFlags::NOATIME) {
            self.object.accessed();
        }
        Ok(())
    }

    fn sync(&self, _io: &Io<'_>, _data_only: bool) -> Result<(), Fail> {
        Ok(())
    }
}
