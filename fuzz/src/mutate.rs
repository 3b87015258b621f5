//! Makes new inputs from old ones.

/// Numbers at which decoders go wrong.
const NUMBERS: [u64; 12] = [
    0,
    1,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
    0xffff_ffff_ffff_f000,
    0x1000,
];
/// Inputs grow no longer.
const MOST: usize = 1 << 16;

/// Makes inputs, the same ones for the same seed.
pub struct Mutator {
    state: u64,
}

impl Mutator {
    /// With a seed.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed ^ 0x9e37_79b9_7f4a_7c15 }
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    /// A number below `end`, 0 when that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 1).unwrap_or(0) % end.max(1)
    }

    /// A changed copy; bytes of `other` may come in.
    pub fn change(&mut self, input: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = input.to_vec();
        for _ in 0..=self.below(4) {
            self.change_once(&mut bytes, other);
        }
        bytes.truncate(MOST);
        bytes
    }

    fn change_once(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len());
        let len = 1 + self.below(16);
        let end = (at + len).min(bytes.len());
        match self.below(7) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
            1 if !bytes.is_empty() => bytes[at] = self.next().to_le_bytes()[0],
            2 => self.put_number(bytes, at),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let piece = bytes[at..end].to_vec();
                let to = self.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            5 => {
                let from = self.below(other.len());
                let piece = other[from..(from + len * 4).min(other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes.extend((0..len).map(|_| self.next().to_le_bytes()[0])),
        }
    }

    fn put_number(&mut self, bytes: &mut [u8], at: usize) {
        let number = NUMBERS[self.below(NUMBERS.len())].wrapping_add(self.next() % 3).wrapping_sub(1).to_le_bytes();
        let width = 1 << self.below(4);
        for (byte, value) in bytes.iter_mut().skip(at).zip(&number[..width]) {
            *byte = *value;
        }
    }
}
