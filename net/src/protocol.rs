//! What a kind of socket does.

use crate::address::Address;
use crate::common::Common;
use crate::message::{Call, Incoming, Outgoing};
use abi::Errno;
use abi::poll::Events;
use mm::{Sink, Source, UserMemory};
use std::any::Any;
use std::sync::Arc;
use sync::Fail;

bitflags::bitflags! {
    /// Halves of a connection: `shutdown(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Halves: u32 {
        /// Nothing more is received.
        const READ = 1;
        /// Nothing more is sent.
        const WRITE = 2;
    }
}

/// What a kind of socket does. Defaults are what Linux says for a protocol without the operation.
pub trait Protocol: Any + Send + Sync {
    /// What every socket has.
    fn common(&self) -> &Common;

    /// What the socket is ready for.
    fn readiness(&self) -> Events;

    /// `bind(2)`.
    fn bind(self: Arc<Self>, call: &Call<'_>, address: &[u8]) -> Result<(), Errno> {
        let _ = (call, address);
        Err(Errno::EOPNOTSUPP)
    }

    /// `listen(2)`; the backlog is within `SOMAXCONN`.
    fn listen(self: Arc<Self>, call: &Call<'_>, backlog: u32) -> Result<(), Errno> {
        let _ = (call, backlog);
        Err(Errno::EOPNOTSUPP)
    }

    /// `connect(2)`.
    fn connect(self: Arc<Self>, call: &Call<'_>, address: &[u8]) -> Result<(), Fail> {
        let _ = (call, address);
        Err(Errno::EOPNOTSUPP.into())
    }

    /// `accept(2)`.
    fn accept(&self, call: &Call<'_>) -> Result<Arc<dyn Protocol>, Fail> {
        let _ = call;
        Err(Errno::EOPNOTSUPP.into())
    }

    /// `getsockname(2)`.
    fn local_address(&self) -> Result<Address, Errno>;

    /// `getpeername(2)`.
    fn peer_address(&self) -> Result<Address, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// `sendmsg(2)`. `SIGPIPE` is the caller's business.
    fn send(self: Arc<Self>, call: &Call<'_>, source: &mut dyn Source, message: Outgoing<'_>) -> Result<usize, Fail>;

    /// `recvmsg(2)`.
    fn receive(&self, call: &Call<'_>, sink: &mut dyn Sink, message: &mut Incoming) -> Result<usize, Fail>;

    /// `shutdown(2)`.
    fn shutdown(&self, halves: Halves) -> Result<(), Errno> {
        let _ = halves;
        Err(Errno::EOPNOTSUPP)
    }

    /// `getsockopt(2)` at any level but `SOL_SOCKET`, and what that level leaves to protocols.
    fn option(&self, call: &Call<'_>, level: i32, name: i32) -> Result<Vec<u8>, Errno> {
        let _ = (call, level, name);
        Err(Errno::ENOPROTOOPT)
    }

    /// `setsockopt(2)` at any level but `SOL_SOCKET`.
    fn set_option(&self, call: &Call<'_>, level: i32, name: i32, value: &[u8]) -> Result<(), Errno> {
        let _ = (call, level, name, value);
        Err(Errno::ENOPROTOOPT)
    }

    /// It is a netlink socket, which takes messages of the kernel's.
    fn takes_messages(&self) -> bool {
        false
    }

    /// Puts a message of the kernel's into a netlink socket. `EINVAL`: it is none.
    fn put_message(&self, message: Vec<u8>) -> Result<(), Errno> {
        let _ = message;
        Err(Errno::EINVAL)
    }

    /// Bytes to read now: `SIOCINQ`.
    fn unread(&self) -> Result<usize, Errno> {
        Err(Errno::ENOTTY)
    }

    /// Bytes that the other side has not read: `SIOCOUTQ`.
    fn unsent(&self) -> Result<usize, Errno> {
        Err(Errno::ENOTTY)
    }

    /// `ioctl(2)` commands of its own.
    fn ioctl(&self, call: &Call<'_>, command: u32, arg: u64, memory: &dyn UserMemory) -> Result<u64, Fail> {
        let _ = (call, command, arg, memory);
        Err(Errno::ENOTTY.into())
    }

    /// Accepts connections: `SO_ACCEPTCONN`.
    fn is_listening(&self) -> bool {
        false
    }

    /// A descriptor of the socket was closed; there may be others.
    fn descriptor_closed(&self) {}

    /// The last descriptor is gone. Called once.
    fn close(&self);
}
