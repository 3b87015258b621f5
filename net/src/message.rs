//! What goes along with the bytes of a message.

use crate::address::Address;
use abi::socket::{MsgFlags, Ucred};
use std::sync::Arc;
use vfs::{Caller, FsContext, OpenFile};

/// For whom a socket operation is done, and how.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// Where names of unix sockets are looked up; `None` in `read(2)` and `write(2)`, which take none.
    pub fs: Option<&'a FsContext>,
    /// The call must not block.
    pub nonblock: bool,
}

impl Call<'_> {
    /// Who asks, as `SCM_CREDENTIALS` shows it. Ids are kernel ids.
    pub fn ucred(&self) -> Ucred {
        let creds = &self.caller.creds;
        Ucred { pid: self.caller.process.pid(), uid: creds.uid, gid: creds.gid }
    }
}

/// A control message: `cmsg(3)`.
pub enum Control {
    /// `SCM_RIGHTS`.
    Rights(Vec<Arc<OpenFile>>),
    /// `SCM_CREDENTIALS`. When sent, checked by [`crate::unix`].
    Credentials(Ucred),
    /// Any other one.
    Data {
        /// Its level.
        level: i32,
        /// Its type.
        kind: i32,
        /// Its contents.
        bytes: Vec<u8>,
    },
}

/// A message to send, but for its bytes.
#[derive(Default)]
pub struct Outgoing<'a> {
    /// Where to; `None` for where the socket is connected to.
    pub to: Option<&'a [u8]>,
    /// Flags of the call.
    pub flags: MsgFlags,
    /// Control messages, in order.
    pub controls: Vec<Control>,
}

/// A message that is received, but for its bytes.
#[derive(Default)]
pub struct Incoming {
    /// Flags of the call.
    pub flags: MsgFlags,
    /// Who sent it.
    pub from: Option<Address>,
    /// Control messages, in the order in which they are stored.
    pub controls: Vec<Control>,
    /// Flags of the result: `TRUNC`, `EOR`.
    pub out: MsgFlags,
}

impl Incoming {
    /// For a call with these flags.
    pub fn new(flags: MsgFlags) -> Self {
        Self { flags, ..Self::default() }
    }

    /// The message stays in the queue.
    pub const fn is_peek(&self) -> bool {
        self.flags.contains(MsgFlags::PEEK)
    }
}
