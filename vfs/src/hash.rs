//! A fast hash for tables whose keys a program may choose: keyed by chance, so that it cannot choose keys that collide.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;

/// Makes hashers with keys that were drawn when the process started.
#[derive(Clone, Copy, Debug)]
pub struct Keyed {
    keys: [u64; 2],
}

impl Default for Keyed {
    fn default() -> Self {
        static KEYS: OnceLock<[u64; 2]> = OnceLock::new();
        let draw = || {
            let random = RandomState::new();
            [random.hash_one(0u8), random.hash_one(1u8)]
        };
        Self { keys: *KEYS.get_or_init(draw) }
    }
}

impl BuildHasher for Keyed {
    type Hasher = Folding;

    fn build_hasher(&self) -> Folding {
        Folding { state: self.keys[0], key: self.keys[1] }
    }
}

/// Folds words into a state by multiplications of 64 with 64 bits.
#[derive(Clone, Copy, Debug)]
pub struct Folding {
    state: u64,
    key: u64,
}

const fn fold(one: u64, other: u64) -> u64 {
    let product = one as u128 * other as u128;
    product as u64 ^ (product >> 64) as u64
}

impl Folding {
    const fn word(&mut self, word: u64) {
        // The old state stays in, lest it is lost when a factor is zero.
        self.state = fold(self.state ^ word, self.key) ^ self.state.rotate_left(23);
    }
}

impl Hasher for Folding {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let last = rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
            self.word(last ^ (rest.len() as u64) << 56);
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.word(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.word(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.word(value as u64);
    }

    fn finish(&self) -> u64 {
        fold(self.state, self.key | 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_that_differ_a_little_differ_in_all_parts_of_the_hash() {
        let keyed = Keyed::default();
        let hashes: Vec<u64> = (0..4096).map(|i| keyed.hash_one(format!("file{i:04}").as_bytes())).collect();
        for shift in [0, 20, 52] {
            let parts: HashSet<u64> = hashes.iter().map(|hash| hash >> shift & 0xfff).collect();
            // 4096 throws at 4096 places hit some 2589 of them.
            assert!(parts.len() > 2400, "{} places at {shift}", parts.len());
        }
    }

    #[test]
    fn lengths_count() {
        let keyed = Keyed::default();
        let zeros = [0u8; 32];
        let hashes: HashSet<u64> = (0..zeros.len()).map(|len| keyed.hash_one(&zeros[..len])).collect();
        assert_eq!(hashes.len(), zeros.len());
        assert_eq!(keyed.hash_one(b"a".as_slice()), Keyed::default().hash_one(b"a".as_slice()));
    }
}
