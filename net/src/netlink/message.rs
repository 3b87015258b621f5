//! Messages and attributes: `netlink(3)`, `rtnetlink(3)`.

use abi::Errno;
use abi::netlink::{NlMsgHdr, nlm_f, nlmsg};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Size of a message header.
pub(super) const HEADER: usize = size_of::<NlMsgHdr>();
/// Size of an attribute header.
const ATTR_HEADER: usize = 4;
/// Bits of an attribute type that are no part of it.
const ATTR_FLAGS: u16 = 0xc000;

const fn align(len: usize) -> usize {
    len.next_multiple_of(4)
}

/// A message that a program sent.
pub(super) struct Request<'a> {
    pub(super) header: NlMsgHdr,
    /// Header included.
    whole: &'a [u8],
}

impl<'a> Request<'a> {
    /// What follows the header.
    pub(super) fn body(&self) -> &'a [u8] {
        self.whole.get(HEADER..).unwrap_or_default()
    }

    /// The body as `T`, as far as there is one; the rest is zero.
    pub(super) fn head<T: FromBytes + IntoBytes>(&self) -> T {
        let mut head = T::new_zeroed();
        for (to, from) in head.as_mut_bytes().iter_mut().zip(self.body()) {
            *to = *from;
        }
        head
    }

    /// The contents of the attribute of this type behind a head of `skip` bytes.
    pub(super) fn attribute(&self, skip: usize, kind: u16) -> Option<&'a [u8]> {
        let mut rest = self.body().get(align(skip)..)?;
        loop {
            let (&len, &own) = (rest.first_chunk::<2>()?, rest.get(2..)?.first_chunk::<2>()?);
            let len = usize::from(u16::from_ne_bytes(len));
            let found = rest.get(ATTR_HEADER..len)?;
            if u16::from_ne_bytes(own) & !ATTR_FLAGS == kind {
                return Some(found);
            }
            rest = rest.get(align(len)..)?;
        }
    }
}

/// The messages of a datagram, up to the first that is none.
pub(super) fn requests(mut bytes: &[u8]) -> impl Iterator<Item = Request<'_>> {
    std::iter::from_fn(move || {
        let (header, _) = NlMsgHdr::read_from_prefix(bytes).ok()?;
        let len = header.len as usize;
        let whole = bytes.get(..len).filter(|whole| whole.len() >= HEADER)?;
        bytes = bytes.get(align(len)..).unwrap_or_default();
        Some(Request { header, whole })
    })
}

/// A datagram of answers in the making.
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
    seq: u32,
    pid: u32,
    start: usize,
}

impl Writer {
    /// For the answer to a request of the socket with port id `pid`.
    pub(super) const fn new(request: &Request<'_>, pid: u32) -> Self {
        Self { bytes: Vec::new(), seq: request.header.seq, pid, start: 0 }
    }

    /// Begins a message; attributes follow.
    pub(super) fn message<T: IntoBytes + Immutable>(&mut self, kind: u16, flags: u16, head: &T) -> &mut Self {
        self.start = self.bytes.len();
        let header = NlMsgHdr { len: 0, kind, flags, seq: self.seq, pid: self.pid };
        self.bytes.extend_from_slice(header.as_bytes());
        self.bytes.extend_from_slice(head.as_bytes());
        self.close();
        self
    }

    /// Adds an attribute to the message.
    pub(super) fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let len = (ATTR_HEADER + value.len()) as u16;
        self.bytes.extend_from_slice(&len.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.close();
        self
    }

    /// Adds a number as an attribute.
    pub(super) fn number(&mut self, kind: u16, value: u32) -> &mut Self {
        self.attribute(kind, &value.to_ne_bytes())
    }

    /// Adds a string, with its zero byte, as an attribute.
    pub(super) fn string(&mut self, kind: u16, value: &str) -> &mut Self {
        let mut bytes = value.as_bytes().to_vec();
        bytes.push(0);
        self.attribute(kind, &bytes)
    }

    /// Pads, and brings the length in the header up to date.
    fn close(&mut self) {
        let len = (self.bytes.len() - self.start) as u32;
        self.bytes.resize(align(self.bytes.len()), 0);
        if let Some(bytes) = self.bytes.get_mut(self.start..self.start + 4) {
            bytes.copy_from_slice(&len.to_ne_bytes());
        }
    }

    /// The end of a dump.
    pub(super) fn done(&mut self) {
        self.message(nlmsg::DONE, nlm_f::MULTI, &0i32);
    }

    /// What became of the request: an error, or (none) that it was done.
    pub(super) fn acknowledge(&mut self, request: &Request<'_>, error: Option<Errno>, capped: bool) {
        let number = error.map_or(0, |errno| -i32::from(errno.0));
        let short = error.is_none() || capped;
        self.message(nlmsg::ERROR, if short { nlm_f::CAPPED } else { 0 }, &number);
        let whole = if short { request.whole.get(..HEADER).unwrap_or_default() } else { request.whole };
        self.bytes.extend_from_slice(whole);
        self.close();
    }
}
