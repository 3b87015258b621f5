//! A unix socket as a [`Protocol`].

use super::endpoint::{Endpoint, Kind, State};
use crate::address::Address;
use crate::common::Common;
use crate::message::{Call, Incoming, Outgoing};
use crate::protocol::{Halves, Protocol};
use abi::Errno;
use abi::poll::Events;
use abi::socket::so;
use mm::{Sink, Source};
use std::sync::Arc;
use sync::Fail;

impl Protocol for Endpoint {
    fn common(&self) -> &Common {
        &self.common
    }

    fn readiness(&self) -> Events {
        self.ready()
    }

    fn bind(self: Arc<Self>, call: &Call<'_>, address: &[u8]) -> Result<(), Errno> {
        self.bind_to(call, address)
    }

    fn listen(self: Arc<Self>, call: &Call<'_>, backlog: u32) -> Result<(), Errno> {
        self.start_listening(call, backlog)
    }

    fn connect(self: Arc<Self>, call: &Call<'_>, address: &[u8]) -> Result<(), Fail> {
        self.connect_to(call, address)
    }

    fn accept(&self, call: &Call<'_>) -> Result<Arc<dyn Protocol>, Fail> {
        Ok(self.accept_one(call)?)
    }

    fn local_address(&self) -> Result<Address, Errno> {
        Ok(Self::address_of(self.name().as_deref()))
    }

    fn peer_address(&self) -> Result<Address, Errno> {
        if !self.has_peer() {
            return Err(Errno::ENOTCONN);
        }
        let name = match self.kind {
            Kind::Dgram => self.peer().ok_or(Errno::ENOTCONN)?.name(),
            Kind::Stream | Kind::Seqpacket => self.peer_name.get().cloned().flatten(),
        };
        Ok(Self::address_of(name.as_deref()))
    }

    fn send(self: Arc<Self>, call: &Call<'_>, source: &mut dyn Source, message: Outgoing<'_>) -> Result<usize, Fail> {
        match self.kind {
            Kind::Stream => self.send_stream(call, source, message),
            Kind::Dgram | Kind::Seqpacket => self.send_packet(call, source, message),
        }
    }

    fn receive(&self, call: &Call<'_>, sink: &mut dyn Sink, message: &mut Incoming) -> Result<usize, Fail> {
        match self.kind {
            Kind::Stream => self.receive_stream(call, sink, message),
            Kind::Dgram | Kind::Seqpacket => self.receive_packet(call, sink, message),
        }
    }

    fn shutdown(&self, halves: Halves) -> Result<(), Errno> {
        self.shut(halves);
        Ok(())
    }

    fn option(&self, _call: &Call<'_>, level: i32, name: i32) -> Result<Vec<u8>, Errno> {
        match (level, name) {
            (abi::socket::level::SOL_SOCKET, so::PEERNAME) => Ok(self.peer_address()?.as_bytes().to_vec()),
            (abi::socket::level::SOL_SOCKET, _) => Err(Errno::ENOPROTOOPT),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    fn set_option(&self, _call: &Call<'_>, _level: i32, _name: i32, _value: &[u8]) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn unread(&self) -> Result<usize, Errno> {
        if self.is_listening() {
            return Err(Errno::EINVAL);
        }
        Ok(match self.end.get() {
            Some(end) => end.unread(),
            None if self.kind == Kind::Seqpacket => self.mailbox.total_len(),
            None => self.mailbox.first_len(),
        })
    }

    fn unsent(&self) -> Result<usize, Errno> {
        Ok(match self.end.get() {
            Some(end) => end.unsent(),
            None => self.common.in_flight.load(std::sync::atomic::Ordering::SeqCst),
        })
    }

    fn is_listening(&self) -> bool {
        matches!(*self.state.lock(), State::Listening(_))
    }

    fn descriptor_closed(&self) {
        self.net.rights().collect();
    }

    fn close(&self) {
        self.release(false);
        self.net.rights().collect();
    }
}
