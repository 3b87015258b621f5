//! Files that the sandbox was started with: standard input, output and error.

use super::inherited_node::InheritedNode;
use crate::backing::FileBacking;
use crate::transfer;
use abi::Errno;
use abi::fs::OpenFlags;
use abi::poll::Events;
use host::Watched;
use host::file::{self, At, Kind};
use mm::{Backing, Sink, Source};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use sync::{Fail, Mutex, Rank, WaitQueue};
use vfs::{File, Io, OpenFile, Place};

/// A file that was inherited from the one who started the sandbox: pipe, socket, terminal, regular file.
///
/// The description is shared with processes outside: its status flags are left alone, and the position of
/// a regular file moves for all.
pub struct Inherited {
    watched: Arc<Watched>,
    name: String,
    /// The guest's offset after the last read or write at the shared position.
    last: Mutex<u64>,
}

impl Inherited {
    /// Takes over a descriptor, as an open file description with the access mode that it has.
    pub fn open(fd: OwnedFd) -> io::Result<Arc<OpenFile>> {
        let error = |errno: Errno| io::Error::from_raw_os_error(i32::from(errno.0));
        let node = InheritedNode::new(fd).map_err(error)?;
        let flags = OpenFlags::from_bits_retain(node.watched.stream().flags());
        let kept = OpenFlags::ACCMODE | OpenFlags::APPEND;
        let (file, place) = (node.file(), Place::nameless(node.clone(), node.name.as_bytes()));
        Ok(OpenFile::new(Box::new(file), place, flags & kept))
    }

    pub(super) const fn over(watched: Arc<Watched>, name: String) -> Self {
        Self { watched, name, last: Mutex::new(Rank::Leaf, 0) }
    }

    /// The host's file, for those who know more of it (terminals).
    pub const fn watched(&self) -> &Arc<Watched> {
        &self.watched
    }

    fn has_offset(&self) -> bool {
        self.watched.stream().kind() == Kind::Seekable
    }

    /// The access is at the position that the guest and the host share.
    fn is_at_position(&self, offset: u64) -> bool {
        *self.last.lock() == offset
    }

    /// The shared position, as the guest's offset from now on.
    fn moved(&self, offset: &mut u64) -> Result<(), Errno> {
        let position = file::position(self.watched.as_fd())?;
        *self.last.lock() = position;
        *offset = position;
        Ok(())
    }

    /// Tries until the host is ready, unless the caller does not want to wait.
    fn wait<T>(&self, io: &Io<'_>, events: Events, mut attempt: impl FnMut() -> Result<T, Errno>) -> Result<T, Fail> {
        let nonblock = io.is_nonblock() || !self.watched.can_wait();
        let always = Events::ERR | Events::HUP;
        io.caller.retry(self.watched.queue(), events | always, nonblock, || {
            let result = attempt();
            if matches!(result, Err(Errno::EAGAIN)) && !self.watched.queue().is_empty() {
                self.watched.arm(events);
            }
            result
        })
    }
}

impl File for Inherited {
    fn read(&self, io: &Io<'_>, dst: &mut dyn Sink, offset: &mut u64) -> Result<usize, Fail> {
        let stream = self.watched.stream();
        if self.has_offset() {
            if !self.is_at_position(*offset) {
                return Ok(transfer::read(dst, offset, |buf, at| file::pread(stream.fd(), buf, at))?);
            }
            let done = transfer::read(dst, offset, |buf, _| stream.read(buf))?;
            self.moved(offset)?;
            return Ok(done);
        }
        let room = dst.room();
        if room == 0 {
            return Ok(0);
        }
        self.wait(io, Events::IN, || dst.fill(room, &mut |buf| stream.read(buf)))
    }

    fn write(&self, io: &Io<'_>, src: &mut dyn Source, offset: &mut u64) -> Result<usize, Fail> {
        let stream = self.watched.stream();
        if self.has_offset() {
            if !self.is_at_position(*offset) && !io.flags.contains(OpenFlags::APPEND) {
                let lazy = file::WriteFlags::Lazy;
                return Ok(transfer::write(src, offset, |buf, at| file::pwrite(stream.fd(), buf, at, lazy))?);
            }
            let done = transfer::write(src, offset, |buf, _| stream.write(buf))?;
            self.moved(offset)?;
            return Ok(done);
        }
        let mut total = 0;
        while src.left() > 0 {
            let left = src.left();
            match self.wait(io, Events::OUT, || src.drain(left, &mut |buf| stream.write(buf))) {
                Ok(done) => total += done,
                Err(_) if total > 0 => break,
                Err(fail) => return Err(fail),
            }
        }
        Ok(total)
    }

    fn is_seekable(&self) -> bool {
        self.has_offset()
    }

    fn seek(&self, _io: &Io<'_>, whence: u32, offset: i64, current: u64) -> Result<u64, Errno> {
        let fd = self.watched.as_fd();
        let current = if self.is_at_position(current) { file::position(fd)? } else { current };
        let target = match whence {
            3 => file::seek(fd, file::Seek::Data, u64::try_from(offset).map_err(|_| Errno::ENXIO)?)?,
            4 => file::seek(fd, file::Seek::Hole, u64::try_from(offset).map_err(|_| Errno::ENXIO)?)?,
            _ => transfer::seek(whence, offset, current, || Ok(file::stat(At::fd(&fd))?.size))?,
        };
        file::rewind(fd, target)?;
        *self.last.lock() = target;
        Ok(target)
    }

    fn readiness(&self) -> Events {
        self.watched.readiness()
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        self.watched.can_wait().then(|| self.watched.queue())
    }

    fn backing(&self, io: &Io<'_>) -> Result<Arc<dyn Backing>, Errno> {
        if !self.has_offset() {
            return Err(Errno::ENODEV);
        }
        let fd = self.watched.as_fd().try_clone_to_owned().map_err(|_| Errno::ENFILE)?;
        FileBacking::over(io.file, Arc::new(fd), io.file.is_writable())
    }

    fn sync(&self, _io: &Io<'_>, data_only: bool) -> Result<(), Fail> {
        Ok(file::sync(self.watched.as_fd(), data_only)?)
    }

    fn allocate(&self, _io: &Io<'_>, mode: u32, offset: u64, len: u64) -> Result<(), Fail> {
        Ok(file::allocate(self.watched.as_fd(), mode, offset, len)?)
    }

    fn anonymous_name(&self) -> Option<String> {
        Some(self.name.clone())
    }
}
