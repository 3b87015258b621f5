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

/// Tells the inode number that is shown for an entry.
type InoOf = Box<dyn Fn(&Object) -> u64 + Send + Sync>;

/// An open directory.
pub(crate) struct DirFile {
    object: Arc<Object>,
    ino_of: InoOf,
    /// Names that came after reading started at the beginning are not shown: else a program that renames
    /// what it finds would never see the end.
    end: AtomicU64,
}

impl DirFile {
    /// An open directory whose entries have the numbers that `ino_of` says.
    pub(crate) const fn new(object: Arc<Object>, ino_of: InoOf) -> Self {
        Self { object, ino_of, end: AtomicU64::new(u64::MAX) }
    }

    /// Entries from cookie `offset` on; `ino` and `parent` are the numbers of `.` and `..`.
    pub(crate) fn each(
        &self,
        io: &Io<'_>,
        dst: &mut dyn DirSink,
        offset: &mut u64,
        ino: u64,
        parent: u64,
    ) -> Result<(), Fail> {
        let dir = self.object.dir()?.read();
        if dir.is_dead {
            return Err(Errno::ENOENT.into());
        }
        if *offset == 0 {
            self.end.store(dir.end(), Relaxed);
        }
        let dots = [(b".".as_slice(), ino), (b"..", parent)];
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
            if cookie >= end || !dst.entry(name, (self.ino_of)(object), object.kind, cookie + 1) {
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
        self.each(io, dst, offset, self.object.ino, self.object.parent_ino())
    }

    fn sync(&self, _io: &Io<'_>, _data_only: bool) -> Result<(), Fail> {
        Ok(())
    }
}
