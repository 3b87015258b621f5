//! `null`, `zero` and `full`: `null(4)`, `full(4)`.

use abi::Errno;
use abi::fs::OpenFlags;
use mm::{Backing, Sink, Source};
use std::sync::{Arc, Weak};
use sync::Fail;
use vfs::{AttrChange, Caller, Device, File, Io, Opened, Place, Vfs};

/// Bytes that one step moves.
const STEP: usize = 128 * 1024;
/// Size of the file behind a mapping of /dev/zero: more than can be mapped.
const MAPPED: u64 = 1 << 46;

/// Fills the sink with zeros; ends early on a signal, with what is done.
fn read_zeros(caller: &Caller, dst: &mut dyn Sink) -> Result<usize, Fail> {
    let mut done = 0;
    while dst.room() > 0 {
        let step = dst.fill(STEP, &mut |buf| {
            buf.fill(0);
            Ok(buf.len())
        });
        match step {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(_) if done > 0 => break,
            Err(errno) => return Err(errno.into()),
        }
        if caller.word.is_interrupted() {
            break;
        }
    }
    Ok(done)
}

/// Takes everything and keeps nothing; the bytes are not even looked at.
fn discard(src: &mut dyn Source) -> usize {
    src.left()
}

/// Offsets mean nothing here.
const fn seek() -> Result<u64, Errno> {
    Ok(0)
}

/// Takes all, gives nothing: character device 1, 3.
pub struct NullDevice;

struct Null;

impl Device for NullDevice {
    fn open(&self, _caller: &Caller, _place: &Place, _rdev: u64, _flags: OpenFlags) -> Result<Opened, Fail> {
        Ok(Opened::File(Box::new(Null)))
    }
}

impl File for Null {
    fn read(&self, _io: &Io<'_>, _dst: &mut dyn Sink, _offset: &mut u64) -> Result<usize, Fail> {
        Ok(0)
    }
    fn write(&self, _io: &Io<'_>, src: &mut dyn Source, _offset: &mut u64) -> Result<usize, Fail> {
        Ok(discard(src))
    }
    fn is_seekable(&self) -> bool {
        true
    }
    fn seek(&self, _io: &Io<'_>, _whence: u32, _offset: i64, _current: u64) -> Result<u64, Errno> {
        seek()
    }
}

/// Zeros without end: character device 1, 5.
pub struct ZeroDevice {
    vfs: Weak<Vfs>,
}

impl ZeroDevice {
    /// Over the vfs whose memory files are mapped.
    pub fn new(vfs: &Arc<Vfs>) -> Self {
        Self { vfs: Arc::downgrade(vfs) }
    }
}

struct Zero {
    vfs: Weak<Vfs>,
}

impl Device for ZeroDevice {
    fn open(&self, _caller: &Caller, _place: &Place, _rdev: u64, _flags: OpenFlags) -> Result<Opened, Fail> {
        Ok(Opened::File(Box::new(Zero { vfs: self.vfs.clone() })))
    }
}

impl File for Zero {
    fn read(&self, io: &Io<'_>, dst: &mut dyn Sink, _offset: &mut u64) -> Result<usize, Fail> {
        read_zeros(io.caller, dst)
    }
    fn write(&self, _io: &Io<'_>, src: &mut dyn Source, _offset: &mut u64) -> Result<usize, Fail> {
        Ok(discard(src))
    }
    fn is_seekable(&self) -> bool {
        true
    }
    fn seek(&self, _io: &Io<'_>, _whence: u32, _offset: i64, _current: u64) -> Result<u64, Errno> {
        seek()
    }
    /// Each mapping is new memory: an unnamed file of holes.
    fn backing(&self, io: &Io<'_>) -> Result<Arc<dyn Backing>, Errno> {
        let vfs = self.vfs.upgrade().ok_or(Errno::ENODEV)?;
        let inode = vfs.memory_files()?.create(io.caller, b"dev/zero", None)?;
        inode.set_attr(io.caller, &AttrChange { size: Some(MAPPED), ..AttrChange::default() })?;
        match inode.open(io.caller, OpenFlags::RDWR) {
            Ok(file) => file.backing(io),
            Err(Fail::Errno(errno)) => Err(errno),
            Err(Fail::Interrupted(_)) => Err(Errno::EINTR),
        }
    }
}

/// Zeros to read, no room to write: character device 1, 7.
pub struct FullDevice;

struct Full;

impl Device for FullDevice {
    fn open(&self, _caller: &Caller, _place: &Place, _rdev: u64, _flags: OpenFlags) -> Result<Opened, Fail> {
        Ok(Opened::File(Box::new(Full)))
    }
}

impl File for Full {
    fn read(&self, io: &Io<'_>, dst: &mut dyn Sink, _offset: &mut u64) -> Result<usize, Fail> {
        read_zeros(io.caller, dst)
    }
    fn write(&self, _io: &Io<'_>, _src: &mut dyn Source, _offset: &mut u64) -> Result<usize, Fail> {
        Err(Errno::ENOSPC.into())
    }
    fn is_seekable(&self) -> bool {
        true
    }
    fn seek(&self, _io: &Io<'_>, _whence: u32, _offset: i64, _current: u64) -> Result<u64, Errno> {
        seek()
    }
}
