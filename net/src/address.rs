//! Socket addresses as bytes: `sockaddr(3type)`.

use abi::socket::ADDRESS_MAX;

/// An address as programs give and get it: a family and what the family wants.
#[derive(Clone, Copy)]
pub struct Address {
    bytes: [u8; ADDRESS_MAX],
    len: usize,
}

impl Address {
    /// An address of these bytes; what is beyond 128 is cut.
    pub fn new(bytes: &[u8]) -> Self {
        let mut address = Self { bytes: [0; ADDRESS_MAX], len: bytes.len().min(ADDRESS_MAX) };
        for (to, from) in address.bytes.iter_mut().zip(bytes) {
            *to = *from;
        }
        address
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// The family of an address; `None` when it is too short to have one.
pub(crate) fn family(address: &[u8]) -> Option<u16> {
    address.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}
