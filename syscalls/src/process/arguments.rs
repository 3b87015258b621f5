//! Argument vectors in guest memory.

use abi::Errno;
use abi::mm::PAGE_SIZE;
use abi::process::MAX_ARG_STRLEN;
use mm::{UserAddr, UserMemory};

/// Pages that are kept.
const KEPT: usize = 8;

/// Reads strings that mostly lie side by side: keeps the pages that it read last.
pub(super) struct Strings<'a> {
    memory: &'a dyn UserMemory,
    /// Addresses and bytes of pages.
    pages: Vec<(u64, Vec<u8>)>,
    /// Which of them goes next.
    oldest: usize,
    /// Bytes that may still be taken: strings with their ends, and pointers.
    left: u64,
}

impl<'a> Strings<'a> {
    /// Takes at most `limit` bytes.
    pub(super) const fn new(memory: &'a dyn UserMemory, limit: u64) -> Self {
        Self { memory, pages: Vec::new(), oldest: 0, left: limit }
    }

    /// A vector that ends with a null pointer; null itself is an empty one. `EFAULT`, `E2BIG`.
    pub(super) fn vector(&mut self, at: UserAddr) -> Result<Vec<Vec<u8>>, Errno> {
        let mut strings = Vec::new();
        if at.is_null() {
            return Ok(strings);
        }
        let mut next = at;
        loop {
            let mut chunk = [0; 512];
            let in_page = (PAGE_SIZE - next.0 % PAGE_SIZE) as usize;
            // A pointer that lies across two pages is read alone.
            let want = if in_page < 8 { 8 } else { in_page.min(chunk.len()) & !7 };
            let got = self.memory.read_some(next, &mut chunk[..want])? & !7;
            if got == 0 {
                return Err(Errno::EFAULT);
            }
            for pointer in chunk[..got].as_chunks::<8>().0 {
                match u64::from_ne_bytes(*pointer) {
                    0 => return Ok(strings),
                    pointer => strings.push(self.string(pointer)?),
                }
                self.spend(8)?;
            }
            next = next.offset(got as u64)?;
        }
    }

    fn spend(&mut self, bytes: u64) -> Result<(), Errno> {
        self.left = self.left.checked_sub(bytes).ok_or(Errno::E2BIG)?;
        Ok(())
    }

    fn string(&mut self, at: u64) -> Result<Vec<u8>, Errno> {
        let mut string = Vec::new();
        let mut at = at;
        loop {
            let page = at & !(PAGE_SIZE - 1);
            let rest = self.page(page)?.get((at - page) as usize..).ok_or(Errno::EFAULT)?;
            let end = rest.iter().position(|&byte| byte == 0);
            let piece = &rest[..end.unwrap_or(rest.len())];
            if string.len() + piece.len() >= MAX_ARG_STRLEN {
                return Err(Errno::E2BIG);
            }
            string.extend_from_slice(piece);
            let (taken, is_end) = (piece.len() as u64, end.is_some());
            self.spend(taken + u64::from(is_end))?;
            if is_end {
                return Ok(string);
            }
            at = page.checked_add(PAGE_SIZE).ok_or(Errno::EFAULT)?;
        }
    }

    /// The bytes of the page at `at`.
    fn page(&mut self, at: u64) -> Result<&[u8], Errno> {
        let kept = self.pages.iter().position(|page| page.0 == at);
        let index = match kept {
            Some(index) => index,
            None => self.read_page(at)?,
        };
        Ok(&self.pages[index].1)
    }

    /// Reads a page, in the place of the one that was read first where there are enough; its index.
    fn read_page(&mut self, at: u64) -> Result<usize, Errno> {
        let mut bytes = vec![0; PAGE_SIZE as usize];
        self.memory.read(UserAddr(at), &mut bytes)?;
        if self.pages.len() < KEPT {
            self.pages.push((at, bytes));
            return Ok(self.pages.len() - 1);
        }
        let index = self.oldest;
        self.pages[index] = (at, bytes);
        self.oldest = (index + 1) % KEPT;
        Ok(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two pages from 0x1000 on.
    struct Pages(Vec<u8>);

    impl UserMemory for Pages {
        fn read_some(&self, addr: UserAddr, buf: &mut [u8]) -> Result<usize, Errno> {
            let at = addr.0.checked_sub(0x1000).filter(|&at| at < 0x2000).ok_or(Errno::EFAULT)? as usize;
            let n = buf.len().min(0x2000 - at);
            buf[..n].copy_from_slice(&self.0[at..at + n]);
            Ok(n)
        }
        fn write_some(&self, _addr: UserAddr, _bytes: &[u8]) -> Result<usize, Errno> {
            Err(Errno::EFAULT)
        }
    }

    fn memory() -> Pages {
        let mut bytes = vec![0; 0x2000];
        bytes[0xffe..0x1003].copy_from_slice(b"hello");
        bytes[0x10..0x13].copy_from_slice(b"abc");
        for (i, pointer) in [0x1010u64, 0x1ffe, 0x1012].iter().enumerate() {
            bytes[0x1ff0 - 24 + 8 * i..0x1ff0 - 16 + 8 * i].copy_from_slice(&pointer.to_ne_bytes());
        }
        Pages(bytes)
    }

    #[test]
    fn across_pages() {
        let memory = memory();
        let mut strings = Strings::new(&memory, 1000);
        let list = strings.vector(UserAddr(0x2ff0 - 24)).expect("readable");
        assert_eq!(list, [b"abc".to_vec(), b"hello".to_vec(), b"c".to_vec()]);
        assert_eq!(strings.vector(UserAddr::NULL), Ok(Vec::new()));
    }

    #[test]
    fn limits() {
        let memory = memory();
        assert_eq!(Strings::new(&memory, 10).vector(UserAddr(0x2ff0 - 24)), Err(Errno::E2BIG));
        assert_eq!(Strings::new(&memory, 10).vector(UserAddr(0x9000)), Err(Errno::EFAULT));
    }
}
