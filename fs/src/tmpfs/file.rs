//! Open regular files.

use super::content::Content;
use super::object::Object;
use crate::backing::FileBacking;
use crate::transfer;
use abi::Errno;
use abi::fs::{F_SEAL_FUTURE_WRITE, F_SEAL_WRITE, OpenFlags};
use host::file::{Falloc, Seek};
use mm::{Backing, Sink, Source};
use std::sync::Arc;
use sync::Fail;
use vfs::{File, Io};

/// An open regular file.
pub(super) struct RegularFile {
    object: Arc<Object>,
}

impl RegularFile {
    pub(super) const fn new(object: Arc<Object>) -> Self {
        Self { object }
    }

    fn content(&self) -> Result<&Content, Errno> {
        self.object.content()
    }
}

impl File for RegularFile {
    fn read(&self, io: &Io<'_>, dst: &mut dyn Sink, offset: &mut u64) -> Result<usize, Fail> {
        let content = self.content()?;
        let done = transfer::read(dst, offset, |buf, at| content.read_at(at, buf))?;
        if !io.flags.contains(OpenFlags::NOATIME) {
            self.object.accessed();
        }
        Ok(done)
    }

    fn write(&self, io: &Io<'_>, src: &mut dyn Source, offset: &mut u64) -> Result<usize, Fail> {
        let content = self.content()?;
        let done = {
            let _writers = content.lock_writers();
            if io.flags.contains(OpenFlags::APPEND) {
                *offset = content.size();
            }
            transfer::write(src, offset, |buf, at| content.write_at(at, buf))?
        };
        if done > 0 {
            self.object.touch();
        }
        Ok(done)
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn seek(&self, _io: &Io<'_>, whence: u32, offset: i64, current: u64) -> Result<u64, Errno> {
        let content = self.content()?;
        let what = match whence {
            3 => Seek::Data,
            4 => Seek::Hole,
            _ => return transfer::seek(whence, offset, current, || Ok(content.size())),
        };
        content.seek(what, u64::try_from(offset).map_err(|_| Errno::ENXIO)?)
    }

    fn backing(&self, io: &Io<'_>) -> Result<Arc<dyn Backing>, Errno> {
        let seals = self.object.attachments.seals().unwrap_or(0);
        let is_writable = io.file.is_writable() && seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) == 0;
        let fd = self.content()?.map(is_writable, seals)?;
        FileBacking::in_memory(io.file, fd, is_writable, &self.object)
    }

    fn sync(&self, _io: &Io<'_>, _data_only: bool) -> Result<(), Fail> {
        Ok(())
    }

    /// As Linux's tmpfs: plain, `KEEP_SIZE` and `PUNCH_HOLE`.
    fn allocate(&self, _io: &Io<'_>, mode: u32, offset: u64, len: u64) -> Result<(), Fail> {
        let mode = Falloc::from_bits_retain(mode);
        if !(Falloc::KEEP_SIZE | Falloc::PUNCH_HOLE).contains(mode) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let content = self.content()?;
        {
            let _writers = content.lock_writers();
            if mode.contains(Falloc::PUNCH_HOLE) {
                content.punch(offset, len)?;
            } else {
                content.reserve(offset, len, !mode.contains(Falloc::KEEP_SIZE))?;
            }
        }
        self.object.touch();
        Ok(())
    }
}
