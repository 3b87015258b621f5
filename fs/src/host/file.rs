//! Open regular files.

use crate::backing::FileBacking;
use crate::transfer;
use abi::Errno;
use abi::fs::OpenFlags;
use host::file::{self, At, Seek, WriteFlags};
use mm::{Backing, Sink, Source};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use sync::Fail;
use vfs::{File, Io};

/// An open regular file of the host.
pub(super) struct RegularFile {
    fd: Arc<OwnedFd>,
}

impl RegularFile {
    pub(super) const fn new(fd: Arc<OwnedFd>) -> Self {
        Self { fd }
    }
}

fn write_flags(flags: OpenFlags) -> WriteFlags {
    if flags.contains(OpenFlags::SYNC) {
        WriteFlags::Sync
    } else if flags.contains(OpenFlags::DSYNC) {
        WriteFlags::DataSync
    } else {
        WriteFlags::Lazy
    }
}

impl File for RegularFile {
    fn read(&self, _io: &Io<'_>, dst: &mut dyn Sink, offset: &mut u64) -> Result<usize, Fail> {
        Ok(transfer::read(dst, offset, |buf, at| file::pread(self.fd.as_fd(), buf, at))?)
    }

    fn write(&self, io: &Io<'_>, src: &mut dyn Source, offset: &mut u64) -> Result<usize, Fail> {
        let how = write_flags(io.flags);
        if !io.flags.contains(OpenFlags::APPEND) {
            return Ok(transfer::write(src, offset, |buf, at| file::pwrite(self.fd.as_fd(), buf, at, how))?);
        }
        let mut end = *offset;
        let done = transfer::write(src, offset, |buf, _| {
            let (done, position) = file::append(self.fd.as_fd(), buf, how)?;
            end = position;
            Ok(done)
        })?;
        *offset = end;
        Ok(done)
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn seek(&self, _io: &Io<'_>, whence: u32, offset: i64, current: u64) -> Result<u64, Errno> {
        let what = match whence {
            3 => Seek::Data,
            4 => Seek::Hole,
            _ => return transfer::seek(whence, offset, current, || Ok(file::stat(At::fd(&*self.fd))?.size)),
        };
        file::seek(self.fd.as_fd(), what, u64::try_from(offset).map_err(|_| Errno::ENXIO)?)
    }

    fn backing(&self, io: &Io<'_>) -> Result<Arc<dyn Backing>, Errno> {
        FileBacking::over(io.file, self.fd.clone(), io.file.is_writable())
    }

    fn sync(&self, _io: &Io<'_>, data_only: bool) -> Result<(), Fail> {
        Ok(file::sync(self.fd.as_fd(), data_only)?)
    }

    fn allocate(&self, _io: &Io<'_>, mode: u32, offset: u64, len: u64) -> Result<(), Fail> {
        Ok(file::allocate(self.fd.as_fd(), mode, offset, len)?)
    }
}
