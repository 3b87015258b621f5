//! Internet sockets over the loopback device: `ip(7)`, `ipv6(7)`, `tcp(7)`, `udp(7)`.
//!
//! - [`Tcp`]: two connected sockets share a [`crate::stream::Connection`]; there are no packets.
//! - [`Udp`]: a datagram goes straight to the receiver's mailbox.
//! - [`Ports`]: who has which port of a protocol.

mod address;
mod listener;
pub(crate) mod options;
mod ports;
mod tcp;
mod tcp_connect;
mod tcp_io;
mod tcp_options;
mod text;
mod udp;
mod udp_io;
mod udp_options;

pub(crate) use ports::Ports;
pub(crate) use tcp::Tcp;
pub(crate) use text::{proc_net_tcp, proc_net_udp};
pub(crate) use udp::Udp;

#[cfg(test)]
mod tests;
