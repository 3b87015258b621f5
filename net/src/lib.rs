//! Sockets: unix, inet and netlink.
//!
//! Above `vfs`, below `kernel`.
//! - [`Socket`]: an open socket, a [`vfs::File`] over a [`Protocol`].
//! - [`NetNamespace`]: ports, abstract names, devices: all that sockets of a namespace share.
//! - [`unix`], `inet`, `netlink`: the protocols. Inet knows the loopback device only: its connections
//!   are byte streams that join two sockets directly, no packets.
//! - [`Call`], [`Outgoing`], [`Incoming`], [`Control`], [`Address`]: what operations take and give.
//! - [`text`]: the files of /proc/net.
#![forbid(unsafe_code)]

mod address;
mod common;
mod device;
mod hold;
mod inet;
mod lane;
mod mailbox;
mod message;
mod namespace;
mod netlink;
mod options;
mod protocol;
mod roster;
mod socket;
mod stream;
#[cfg(test)]
mod testing;
pub mod text;
pub mod unix;

pub use address::Address;
pub use common::{Common, Switches};
pub use device::Device;
pub use message::{Call, Control, Incoming, Outgoing};
pub use namespace::NetNamespace;
pub use protocol::{Halves, Protocol};
pub use socket::Socket;
