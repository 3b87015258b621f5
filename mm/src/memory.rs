//! Access to guest memory.

use crate::addr::UserAddr;
use abi::Errno;

/// Guest memory as a system call sees it: page protections of the guest apply, a bad address is `EFAULT`.
pub trait UserMemory: Sync {
    /// Copies guest bytes at `addr` into `buf`: as many as can be read before the first bad page.
    /// `EFAULT` when that is none (an empty `buf` is always fine).
    fn read_some(&self, addr: UserAddr, buf: &mut [u8]) -> Result<usize, Errno>;

    /// Copies `bytes` to guest memory at `addr`: as many as can be written before the first bad page.
    fn write_some(&self, addr: UserAddr, bytes: &[u8]) -> Result<usize, Errno>;

    /// As [`Self::write_some`], but the bytes need only be there when the calling thread's own program goes on. For
    /// results that nobody else waits for.
    fn give_some(&self, addr: UserAddr, bytes: &[u8]) -> Result<usize, Errno> {
        self.write_some(addr, bytes)
    }

    /// All of `bytes` as [`Self::give_some`], or `EFAULT`.
    fn give(&self, addr: UserAddr, bytes: &[u8]) -> Result<(), Errno> {
        if self.give_some(addr, bytes)? == bytes.len() { Ok(()) } else { Err(Errno::EFAULT) }
    }

    /// All of `buf`, or `EFAULT`.
    fn read(&self, addr: UserAddr, buf: &mut [u8]) -> Result<(), Errno> {
        if self.read_some(addr, buf)? == buf.len() { Ok(()) } else { Err(Errno::EFAULT) }
    }

    /// All of `bytes`, or `EFAULT` (some may have been written).
    fn write(&self, addr: UserAddr, bytes: &[u8]) -> Result<(), Errno> {
        if self.write_some(addr, bytes)? == bytes.len() { Ok(()) } else { Err(Errno::EFAULT) }
    }

    /// The string at `addr` up to its zero byte; `None` when the first `max` bytes hold none.
    fn read_string(&self, addr: UserAddr, max: usize) -> Result<Option<Vec<u8>>, Errno> {
        read_string(self, addr, max)
    }
}

/// [`UserMemory::read_string`] by reading piece after piece.
pub(crate) fn read_string<M: UserMemory + ?Sized>(
    memory: &M,
    addr: UserAddr,
    max: usize,
) -> Result<Option<Vec<u8>>, Errno> {
    let mut string = Vec::new();
    let mut chunk = [0; 256];
    while string.len() < max {
        // Up to the end of the page first: what lies behind the string may not be mapped.
        let at = addr.offset(string.len() as u64)?;
        let in_page = (abi::mm::PAGE_SIZE - at.0 % abi::mm::PAGE_SIZE) as usize;
        let want = chunk.len().min(max - string.len()).min(in_page);
        let got = memory.read_some(at, &mut chunk[..want])?;
        if let Some(end) = chunk[..got].iter().position(|&byte| byte == 0) {
            string.extend_from_slice(&chunk[..end]);
            return Ok(Some(string));
        }
        string.extend_from_slice(&chunk[..got]);
    }
    Ok(None)
}
