//! Netlink sockets: `netlink(7)`.
//!
//! A request is answered while it is sent: its answers lie in the mailbox when the call returns.
//! - [`Netlink`]: a socket. `route`: the answers of `rtnetlink(7)`. `message`: how they are written.

mod message;
mod port;
mod route;
mod socket;

pub(crate) use port::PortIds;
pub(crate) use socket::Netlink;

#[cfg(test)]
mod tests;
