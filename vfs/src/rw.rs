//! Reading and writing through an open file: offsets, limits, seals, `SIGPIPE`.

use crate::attr::{drop_capabilities, size_limit, without_set_ids};
use crate::caller::Caller;
use crate::file::{DirSink, Io};
use crate::inode::AttrChange;
use crate::notify::{self, Event};
use crate::open_file::OpenFile;
use abi::Errno;
use abi::fs::{F_SEAL_FUTURE_WRITE, F_SEAL_GROW, F_SEAL_WRITE, FileType, OpenFlags};
use mm::{Sink, Source};
use std::sync::Arc;
use sync::Fail;

const SIGPIPE: u8 = 13;
const SIGXFSZ: u8 = 25;

/// A source that ends after some bytes.
struct Limited<'a> {
    inner: &'a mut dyn Source,
    left: usize,
}

impl Source for Limited<'_> {
    fn left(&self) -> usize {
        self.left.min(self.inner.left())
    }

    fn take(&mut self, buf: &mut [u8]) -> Result<usize, Errno> {
        let room = buf.len().min(self.left);
        let taken = self.inner.take(buf.get_mut(..room).unwrap_or_default())?;
        self.left -= taken;
        Ok(taken)
    }

    fn put_back(&mut self, bytes: usize) {
        self.inner.put_back(bytes);
        self.left += bytes;
    }

    fn drain(&mut self, max: usize, consume: &mut dyn FnMut(&[u8]) -> Result<usize, Errno>) -> Result<usize, Errno> {
        let used = self.inner.drain(max.min(self.left), consume)?;
        self.left -= used;
        Ok(used)
    }
}

impl OpenFile {
    fn check_read(&self) -> Result<(), Errno> {
        if !self.is_readable() {
            return Err(Errno::EBADF);
        }
        if self.kind() == Some(FileType::Directory) { Err(Errno::EISDIR) } else { Ok(()) }
    }

    /// Reads at the file's own offset: `read(2)`. `extra` flags (`O_NONBLOCK` for `RWF_NOWAIT`) are added.
    pub fn read(self: &Arc<Self>, caller: &Caller, dst: &mut dyn Sink, extra: OpenFlags) -> Result<usize, Fail> {
        self.check_read()?;
        let io = self.io(caller, extra);
        let read = if self.ops.is_seekable() {
            self.at_offset(|offset| self.ops.read(&io, dst, offset))?
        } else {
            self.ops.read(&io, dst, &mut 0)?
        };
        if read > 0 {
            notify::on_file(self, Event::ACCESS);
        }
        Ok(read)
    }

    /// Reads at `offset`: `pread(2)`. `ESPIPE`.
    pub fn read_at(
        self: &Arc<Self>,
        caller: &Caller,
        dst: &mut dyn Sink,
        offset: u64,
        extra: OpenFlags,
    ) -> Result<usize, Fail> {
        if !self.ops.is_seekable() && self.kind() != Some(FileType::Directory) {
            return Err(Errno::ESPIPE.into());
        }
        self.check_read()?;
        let read = self.ops.read(&self.io(caller, extra), dst, &mut offset.clone())?;
        if read > 0 {
            notify::on_file(self, Event::ACCESS);
        }
        Ok(read)
    }

    /// Writes at the file's own offset: `write(2)`. `EPIPE` comes with `SIGPIPE`.
    pub fn write(self: &Arc<Self>, caller: &Caller, src: &mut dyn Source, extra: OpenFlags) -> Result<usize, Fail> {
        if !self.is_writable() {
            return Err(Errno::EBADF.into());
        }
        let io = self.io(caller, extra);
        if self.ops.is_seekable() {
            return self.at_offset(|offset| self.write_from(&io, src, offset));
        }
        let result = self.ops.write(&io, src, &mut 0);
        match result {
            Err(Fail::Errno(Errno::EPIPE)) => caller.process.signal_self(SIGPIPE),
            Ok(written) if written > 0 => notify::on_file(self, Event::MODIFY),
            _ => {}
        }
        result
    }

    /// Writes at `offset`: `pwrite(2)`. `ESPIPE`.
    pub fn write_at(
        self: &Arc<Self>,
        caller: &Caller,
        src: &mut dyn Source,
        offset: u64,
        extra: OpenFlags,
    ) -> Result<usize, Fail> {
        if !self.ops.is_seekable() {
            return Err(Errno::ESPIPE.into());
        }
        if !self.is_writable() {
            return Err(Errno::EBADF.into());
        }
        self.write_from(&self.io(caller, extra), src, &mut offset.clone())
    }

    /// Writes to a file with an offset.
    fn write_from(self: &Arc<Self>, io: &Io<'_>, src: &mut dyn Source, offset: &mut u64) -> Result<usize, Fail> {
        if self.kind() != Some(FileType::Regular) {
            return self.ops.write(io, src, offset);
        }
        let inode = self.inode()?;
        let wanted = src.left();
        let is_append = io.flags.contains(OpenFlags::APPEND);
        let limit = size_limit(io.caller);
        let attachments = inode.attachments();
        let is_sealed = attachments.is_sealed(F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_GROW);
        let mut left = wanted;
        if is_sealed || limit != i64::MAX as u64 || offset.checked_add(wanted as u64).is_none_or(|end| end > limit) {
            if attachments.is_sealed(F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) && wanted > 0 {
                return Err(Errno::EPERM.into());
            }
            let size = inode.attr()?.size;
            let start = if is_append { size } else { *offset };
            if start >= limit && wanted > 0 {
                io.caller.process.signal_self(SIGXFSZ);
                return Err(Errno::EFBIG.into());
            }
            left = left.min(usize::try_from(limit.saturating_sub(start)).unwrap_or(usize::MAX));
            if attachments.is_sealed(F_SEAL_GROW) {
                let within = size.saturating_sub(start);
                if within == 0 && wanted > 0 {
                    return Err(Errno::EPERM.into());
                }
                left = left.min(usize::try_from(within).unwrap_or(usize::MAX));
            }
        }
        if left > 0 {
            drop_capabilities(io.caller, inode)?;
        }
        if left > 0
            && let Some(mode) = without_set_ids(io.caller, inode)?
        {
            inode.set_attr(io.caller, &AttrChange { mode: Some(mode), ..AttrChange::default() })?;
        }
        let written = if left < wanted {
            self.ops.write(io, &mut Limited { inner: src, left }, offset)?
        } else {
            self.ops.write(io, src, offset)?
        };
        if written > 0 {
            notify::on_file(self, Event::MODIFY);
        }
        Ok(written)
    }

    /// Moves the offset: `lseek(2)`. `EINVAL`, `ESPIPE`, `ENXIO`.
    pub fn seek(self: &Arc<Self>, caller: &Caller, whence: u32, to: i64) -> Result<u64, Errno> {
        if whence > 4 {
            return Err(Errno::EINVAL);
        }
        if !self.ops.is_seekable() && self.kind() != Some(FileType::Directory) {
            return Err(Errno::ESPIPE);
        }
        self.at_offset(|offset| {
            let new = self.ops.seek(&self.io(caller, OpenFlags::empty()), whence, to, *offset)?;
            if new > i64::MAX as u64 {
                return Err(Errno::EINVAL);
            }
            *offset = new;
            Ok(new)
        })
    }

    /// Sets the offset, for calls that move it by themselves (`sendfile(2)`).
    pub fn set_offset(&self, offset: u64) {
        self.at_offset(|at| *at = offset);
    }

    /// Entries of a directory from the file's offset on: `getdents64(2)`. `ENOTDIR`, `ENOENT` when it was removed.
    pub fn read_dir(self: &Arc<Self>, caller: &Caller, dst: &mut dyn DirSink) -> Result<(), Fail> {
        if self.kind() != Some(FileType::Directory) {
            return Err(Errno::ENOTDIR.into());
        }
        if self.place().dentry.is_deleted() && !self.place().is_nameless() {
            return Err(Errno::ENOENT.into());
        }
        let io = self.io(caller, OpenFlags::empty());
        self.at_offset(|offset| self.ops.read_dir(&io, dst, offset))
    }
}
