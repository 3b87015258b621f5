//! Memory whatever its protection: what debuggers read and write.

use crate::addr::UserAddr;
use crate::memory::UserMemory;
use crate::space::Mm;
use abi::Errno;
use abi::mm::{PAGE_SIZE, Prot};

impl Mm {
    /// Threads of other address spaces can read and write it. Where they can't, only its own may call what is here.
    pub fn is_in_reach(&self) -> bool {
        self.space().is_in_reach()
    }

    /// Reads whatever the protection: as many bytes as can be read. `EFAULT` when that is none.
    pub fn read_forced(&self, addr: u64, buf: &mut [u8]) -> Result<usize, Errno> {
        let plain = self.space().read(addr, buf);
        match plain {
            Ok(n) if n == buf.len() => plain,
            _ if self.is_in_reach() => self.space().read_forced(addr, buf),
            _ => self.with_access(addr, buf.len(), Prot::READ, || self.read_some(UserAddr(addr), buf)),
        }
    }

    /// Writes whatever the protection: as many bytes as can be written. Private pages are copied. `EFAULT` when that
    /// is none.
    pub fn write_forced(&self, addr: u64, bytes: &[u8]) -> Result<usize, Errno> {
        let end = addr.saturating_add(bytes.len() as u64);
        self.restore_text(&self.state.lock(), addr, end)?;
        if self.is_in_reach() {
            return self.space().write_forced(addr, bytes);
        }
        self.with_access(addr, bytes.len(), Prot::WRITE, || self.write_some(UserAddr(addr), bytes))
    }

    /// Opens the pages of `len` bytes that lack `want` for as long as `access` runs. Shared ones keep their
    /// protection. Other threads of the program run meanwhile; to them the pages are open too.
    fn with_access<T>(
        &self,
        addr: u64,
        len: usize,
        want: Prot,
        access: impl FnOnce() -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let (start, end) = (addr & !(PAGE_SIZE - 1), addr.checked_add(len as u64).ok_or(Errno::EFAULT)?);
        let end = end.checked_next_multiple_of(PAGE_SIZE).ok_or(Errno::EFAULT)?;
        let closed: Vec<(u64, u64, Prot)> = {
            let state = self.state.lock();
            let closed = state.tree.overlapping(start, end).filter(|m| !m.prot.contains(want) && !m.is_shared);
            closed.map(|m| (m.start.max(start), m.end.min(end), m.prot)).collect()
        };
        for &(start, end, prot) in &closed {
            self.space().protect(start, end - start, prot | want | Prot::READ)?;
        }
        let result = access();
        for (start, end, prot) in closed {
            self.space().protect(start, end - start, prot)?;
        }
        result
    }
}
