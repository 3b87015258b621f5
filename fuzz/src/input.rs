//! Takes typed values from fuzz input; zeroes when it is used up.

/// What is left of the input.
pub(crate) struct Input<'a> {
    left: &'a [u8],
}

impl<'a> Input<'a> {
    /// All of it.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    /// Nothing is left.
    pub(crate) const fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// The next byte.
    pub(crate) fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    /// The next four bytes as a number.
    pub(crate) fn word(&mut self) -> i32 {
        let mut raw = [0; 4];
        let taken = self.bytes(4);
        raw[..taken.len()].copy_from_slice(taken);
        i32::from_le_bytes(raw)
    }

    /// One of the choices.
    pub(crate) fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.byte()) % from.len()]
    }

    /// At most this many bytes.
    pub(crate) fn bytes(&mut self, most: usize) -> &'a [u8] {
        let (taken, left) = self.left.split_at(most.min(self.left.len()));
        self.left = left;
        taken
    }

    /// As many bytes as the next byte says.
    pub(crate) fn some(&mut self) -> &'a [u8] {
        let most = usize::from(self.byte());
        self.bytes(most)
    }
}
