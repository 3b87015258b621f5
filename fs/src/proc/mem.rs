//! /proc/PID/mem: the memory of a process as a file.

use super::access::may_read;
use super::process::Process;
use crate::pseudo::seek;
use abi::Errno;
use abi::fs::OpenFlags;
use mm::{Mm, Sink, Source};
use std::sync::Arc;
use sync::Fail;
use vfs::{Caller, File, Io};

/// Bytes that one step moves.
const STEP: usize = 64 * 1024;

/// Opens it for one who may trace the process.
pub(super) fn open(process: &Process, caller: &Caller, _flags: OpenFlags) -> Result<Box<dyn File>, Fail> {
    if !may_read(caller, &process.task) {
        return Err(Errno::EACCES.into());
    }
    Ok(Box::new(MemFile { mm: process.task.mm() }))
}

/// The memory; nothing for a process that had none.
struct MemFile {
    mm: Option<Arc<Mm>>,
}

impl File for MemFile {
    fn read(&self, _io: &Io<'_>, dst: &mut dyn Sink, offset: &mut u64) -> Result<usize, Fail> {
        let Some(mm) = &self.mm else { return Ok(0) };
        let mut done = 0;
        while dst.room() > 0 {
            let at = *offset;
            let step = dst.fill(STEP, &mut |buf| match mm.read_forced(at, buf) {
                Ok(0) | Err(_) => Err(Errno::EIO),
                Ok(n) => Ok(n),
            });
            match step {
                Ok(0) => break,
                Ok(n) => {
                    done += n;
                    *offset += n as u64;
                }
                Err(_) if done > 0 => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(done)
    }

    fn write(&self, _io: &Io<'_>, src: &mut dyn Source, offset: &mut u64) -> Result<usize, Fail> {
        let Some(mm) = &self.mm else { return Ok(0) };
        let mut done = 0;
        while src.left() > 0 {
            let at = *offset;
            let step = src.drain(STEP, &mut |bytes| match mm.write_forced(at, bytes) {
                Ok(0) | Err(_) => Err(Errno::EIO),
                Ok(n) => Ok(n),
            });
            match step {
                Ok(0) => break,
                Ok(n) => {
                    done += n;
                    *offset += n as u64;
                }
                Err(_) if done > 0 => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(done)
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn seek(&self, _io: &Io<'_>, whence: u32, offset: i64, current: u64) -> Result<u64, Errno> {
        // Addresses above the middle are offsets as well.
        match whence {
            0 => Ok(offset as u64),
            1 => Ok(current.wrapping_add(offset as u64)),
            _ => seek(whence, offset, current),
        }
    }
}
