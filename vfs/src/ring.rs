//! A ring of bytes that grows up to what it is asked to hold.

use abi::Errno;

/// Bytes in order of arrival.
#[derive(Debug, Default)]
pub struct Ring {
    buf: Vec<u8>,
    head: usize,
    len: usize,
}

impl Ring {
    /// An empty one, without memory.
    pub const fn new() -> Self {
        Self { buf: Vec::new(), head: 0, len: 0 }
    }

    /// Bytes held.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Holds nothing.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Makes room for `more` bytes; `ENOMEM`.
    fn reserve(&mut self, more: usize) -> Result<(), Errno> {
        let need = self.len + more;
        if need <= self.buf.len() {
            return Ok(());
        }
        let size = need.next_power_of_two().max(4096);
        let mut new = Vec::new();
        new.try_reserve_exact(size).map_err(|_| Errno::ENOMEM)?;
        let (one, two) = self.slices(self.len);
        new.extend_from_slice(one);
        new.extend_from_slice(two);
        new.resize(size, 0);
        self.buf = new;
        self.head = 0;
        Ok(())
    }

    /// The first `max` bytes, in two pieces.
    pub fn slices(&self, max: usize) -> (&[u8], &[u8]) {
        let len = self.len.min(max);
        let first = len.min(self.buf.len() - self.head);
        let one = self.buf.get(self.head..self.head + first).unwrap_or_default();
        (one, self.buf.get(..len - first).unwrap_or_default())
    }

    /// Lets `put` fill up to `max` bytes behind the others, piece by piece, until it fills a piece
    /// only in part. An error counts only when nothing was filled.
    pub fn append(
        &mut self,
        max: usize,
        put: &mut dyn FnMut(&mut [u8]) -> Result<usize, Errno>,
    ) -> Result<usize, Errno> {
        self.reserve(max)?;
        let mut done = 0;
        while done < max {
            let size = self.buf.len();
            let start = (self.head + self.len) % size;
            let end = (start + max - done).min(size);
            let piece = self.buf.get_mut(start..end).unwrap_or_default();
            let room = piece.len();
            match put(piece) {
                Ok(n) => {
                    let n = n.min(room);
                    done += n;
                    self.len += n;
                    if n < room {
                        break;
                    }
                }
                Err(_) if done > 0 => break,
                Err(errno) => return Err(errno),
            }
        }
        Ok(done)
    }

    /// Drops the first `bytes` bytes.
    pub fn consume(&mut self, bytes: usize) {
        let bytes = bytes.min(self.len);
        self.len -= bytes;
        self.head = if self.len == 0 { 0 } else { (self.head + bytes) % self.buf.len() };
    }

    /// Puts bytes back in front.
    pub fn unread(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        self.reserve(bytes.len())?;
        for &byte in bytes.iter().rev() {
            self.head = self.head.checked_sub(1).unwrap_or(self.buf.len() - 1);
            if let Some(cell) = self.buf.get_mut(self.head) {
                *cell = byte;
            }
            self.len += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(ring: &mut Ring, bytes: &[u8]) {
        let mut at = 0;
        let pushed = ring.append(bytes.len(), &mut |piece| {
            let n = piece.len();
            piece.copy_from_slice(&bytes[at..at + n]);
            at += n;
            Ok(n)
        });
        assert_eq!(pushed, Ok(bytes.len()));
    }

    fn all(ring: &Ring) -> Vec<u8> {
        let (one, two) = ring.slices(usize::MAX);
        [one, two].concat()
    }

    #[test]
    fn wraps_and_grows_in_order() {
        let mut ring = Ring::new();
        let mut expected: Vec<u8> = Vec::new();
        for round in 0..200usize {
            let bytes: Vec<u8> = (0..round * 37 % 3000).map(|i| (i + round) as u8).collect();
            push(&mut ring, &bytes);
            expected.extend(&bytes);
            let out = (round * 53 % 2500).min(expected.len());
            ring.consume(out);
            expected.drain(..out);
            assert_eq!(all(&ring), expected);
        }
    }

    #[test]
    fn unread_comes_first() {
        let mut ring = Ring::new();
        push(&mut ring, b"world");
        ring.unread(b"hello ").expect("room");
        assert_eq!(all(&ring), b"hello world");
    }
}
