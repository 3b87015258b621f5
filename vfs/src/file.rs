//! Open files.

use crate::caller::Caller;
use crate::open_file::OpenFile;
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use abi::poll::Events;
use mm::{Backing, Sink, Source, UserMemory};
use std::any::Any;
use std::sync::Arc;
use sync::{Fail, WaitQueue};

/// What a file operation is done for.
pub struct Io<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// The open file description.
    pub file: &'a Arc<OpenFile>,
    /// Its status flags at the start of the call (`RWF_*` of preadv2 added).
    pub flags: OpenFlags,
}

impl Io<'_> {
    /// The call must not block.
    pub const fn is_nonblock(&self) -> bool {
        self.flags.contains(OpenFlags::NONBLOCK)
    }
}

/// Receives the entries of a directory.
pub trait DirSink {
    /// One entry: name, inode number, kind, and the offset *after* it (an opaque cookie that a later read
    /// may start from). False: no room; the entry was not taken, stop.
    fn entry(&mut self, name: &[u8], ino: u64, kind: FileType, next: u64) -> bool;
}

/// What `fstat(2)` shows of a file without a place.
#[derive(Clone, Copy, Debug)]
pub struct AnonymousNode {
    /// Kind: FIFO or socket; `None` for others (`anon_inode:`).
    pub kind: Option<FileType>,
    /// Permission bits.
    pub mode: u32,
    /// Inode number; 0: the vfs takes one.
    pub ino: u64,
}

/// Operations of an open file. The access mode, limits and the file offset are the vfs's business;
/// `offset` comes in as the place to start at and goes out as the new one. Streams ignore it.
///
/// Defaults are what Linux does for a file without the operation.
pub trait File: Any + Send + Sync {
    /// Reads up to `dst.room()` bytes; 0 is the end. A call that got some bytes returns them whatever
    /// comes after.
    fn read(&self, io: &Io<'_>, dst: &mut dyn Sink, offset: &mut u64) -> Result<usize, Fail> {
        let _ = (io, dst, offset);
        Err(Errno::EINVAL.into())
    }

    /// Writes up to `src.left()` bytes. With `O_APPEND` in `io.flags` it goes to the end, atomically.
    fn write(&self, io: &Io<'_>, src: &mut dyn Source, offset: &mut u64) -> Result<usize, Fail> {
        let _ = (io, src, offset);
        Err(Errno::EINVAL.into())
    }

    /// Has an offset: pread, pwrite and lseek work (else `ESPIPE`).
    fn is_seekable(&self) -> bool {
        false
    }

    /// The new offset of `lseek(2)` for a seekable file. `whence` is 0 SET, 1 CUR, 2 END, 3 DATA, 4 HOLE;
    /// `current` the present offset.
    fn seek(&self, io: &Io<'_>, whence: u32, offset: i64, current: u64) -> Result<u64, Errno> {
        let _ = (io, whence, offset, current);
        Err(Errno::ESPIPE)
    }

    /// Entries of a directory from cookie `offset` on (0 is the start), including `.` and `..`.
    fn read_dir(&self, io: &Io<'_>, dst: &mut dyn DirSink, offset: &mut u64) -> Result<(), Fail> {
        let _ = (io, dst, offset);
        Err(Errno::ENOTDIR.into())
    }

    /// What the file is ready for now.
    fn readiness(&self) -> Events {
        Events::IN | Events::OUT | Events::RDNORM | Events::WRNORM
    }

    /// Where changes of [`Self::readiness`] are told; `None` for a file that is always ready
    /// (epoll then refuses it with `EPERM`).
    fn wait_queue(&self) -> Option<&WaitQueue> {
        None
    }

    /// `O_ASYNC` works: the owner gets signals (`F_SETOWN` of `fcntl(2)`).
    fn sends_signals(&self) -> bool {
        false
    }

    /// Device control. Generic ones (`FIONBIO`, `FIOCLEX`, ...) were taken by the vfs.
    fn ioctl(&self, io: &Io<'_>, command: u32, arg: u64, memory: &dyn UserMemory) -> Result<u64, Fail> {
        let _ = (io, command, arg, memory);
        Err(Errno::ENOTTY.into())
    }

    /// What a mapping of the file maps. Access was checked against the open mode.
    fn backing(&self, io: &Io<'_>) -> Result<Arc<dyn Backing>, Errno> {
        let _ = io;
        Err(Errno::ENODEV)
    }

    /// Makes data durable: `fsync(2)`; `data_only` for fdatasync.
    fn sync(&self, io: &Io<'_>, data_only: bool) -> Result<(), Fail> {
        let _ = (io, data_only);
        Err(Errno::EINVAL.into())
    }

    /// `fallocate(2)`.
    fn allocate(&self, io: &Io<'_>, mode: u32, offset: u64, len: u64) -> Result<(), Fail> {
        let _ = (io, mode, offset, len);
        Err(Errno::ENODEV.into())
    }

    /// The status flags were changed by `fcntl(F_SETFL)`; may refuse.
    fn set_flags(&self, flags: OpenFlags) -> Result<(), Errno> {
        let _ = flags;
        Ok(())
    }

    /// A descriptor of it was closed (each one; `close(2)` errors come from here). Dropping the
    /// `File` is its release.
    fn flush(&self, caller: &Caller) -> Result<(), Errno> {
        let _ = caller;
        Ok(())
    }

    /// Extra lines of /proc/PID/fdinfo/N, each ended by a newline.
    fn fdinfo(&self) -> String {
        String::new()
    }

    /// What `fstat(2)` shows of a file without a place.
    fn anonymous_node(&self) -> AnonymousNode {
        AnonymousNode { kind: None, mode: 0o600, ino: 0 }
    }

    /// The name that /proc/PID/fd/N shows for a file without a place: `pipe:[17]`, `anon_inode:[eventfd]`.
    fn anonymous_name(&self) -> Option<String> {
        None
    }
}
