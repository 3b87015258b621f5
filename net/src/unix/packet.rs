//! Sending and receiving on unix sockets of messages: datagrams and sequenced packets.

use super::endpoint::{Endpoint, Kind};
use super::scm::{self, Scm};
use crate::common::{Common, IN, OUT, Switches};
use crate::mailbox::{Charge, From, Packet, Refused, take_all};
use crate::message::{Call, Incoming, Outgoing};
use crate::namespace::DGRAM_QUEUE_MAX;
use crate::options::stamp;
use abi::Errno;
use abi::poll::Events;
use abi::socket::MsgFlags;
use mm::{Sink, Source};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use sync::Fail;

impl Endpoint {
    pub(super) fn send_packet(
        self: &Arc<Self>,
        call: &Call<'_>,
        source: &mut dyn Source,
        message: Outgoing<'_>,
    ) -> Result<usize, Fail> {
        let Scm { files, ucred } = scm::parse(call, message.controls)?;
        if message.flags.contains(MsgFlags::OOB) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let to = message.to.filter(|_| self.kind == Kind::Dgram);
        if to.is_none() && !self.has_peer() {
            return Err(Errno::ENOTCONN.into());
        }
        if self.common.has(Switches::PASSCRED) {
            self.bind_auto()?;
        }
        let len = source.left();
        if len > (self.common.sndbuf.load(SeqCst) as usize).saturating_sub(32) {
            return Err(Errno::EMSGSIZE.into());
        }
        if self.write_shut.load(SeqCst) {
            return Err(Errno::EPIPE.into());
        }
        let mut packet = Packet::new(take_all(source)?, From::Unix(self.name()));
        packet.ucred = ucred;
        let mut files = Some(files).filter(|files| !files.is_empty());
        let mut packet = Some(packet);
        self.common.wait(call, OUT, self.common.send_timeout(), || {
            let other = self.destination(call, to)?;
            let Some(message) = &mut packet else { return Err(Errno::EIO) };
            let shows_sender = self.common.has(Switches::PASSCRED) || other.common.has(Switches::PASSCRED);
            if shows_sender && message.ucred.is_none() {
                message.ucred = Some(call.ucred());
            }
            if let Some(files) = files.take() {
                message.rights = Some(self.net.rights().attach(call.caller, files, &other.node)?);
            }
            self.try_push(&other, &mut packet)
        })?;
        Ok(len)
    }

    /// Where a message goes.
    fn destination(&self, call: &Call<'_>, to: Option<&[u8]>) -> Result<Arc<Self>, Errno> {
        let other = match to {
            Some(address) => self.find(call, address)?,
            None => match self.peer() {
                Some(peer) => peer,
                None if self.kind == Kind::Seqpacket => return Err(Errno::EPIPE),
                None if self.has_peer() => {
                    self.peer.lock().take();
                    return Err(Errno::ECONNREFUSED);
                }
                None => return Err(Errno::ENOTCONN),
            },
        };
        if self.kind == Kind::Dgram {
            self.check_may_send(&other)?;
        }
        Ok(other)
    }

    /// `EAGAIN` when there is no room.
    fn try_push(self: &Arc<Self>, other: &Arc<Self>, packet: &mut Option<Packet>) -> Result<(), Errno> {
        if self.write_shut.load(SeqCst) {
            return Err(Errno::EPIPE);
        }
        if let Some(packet) = packet {
            packet.charge = Some(Charge::new(&self.common, packet.bytes.len())?);
        }
        let refused = match other.mailbox.push(packet, self.is_full(other), Some(&self.common)) {
            Ok(()) => {
                other.common.queue.notify(IN);
                return Ok(());
            }
            Err(refused) => refused,
        };
        if let Some(packet) = packet {
            packet.charge = None;
        }
        Err(match refused {
            Refused::Full => Errno::EAGAIN,
            Refused::Shut => Errno::EPIPE,
            Refused::Closed if self.kind == Kind::Seqpacket => Errno::EPIPE,
            Refused::Closed => Errno::ECONNREFUSED,
        })
    }

    /// How many packets of this socket the other one takes: between two that are connected to each other
    /// only the account of the sender counts.
    fn is_full(&self, other: &Self) -> impl FnOnce(usize, usize) -> bool + use<> {
        let is_mutual = std::ptr::eq(self, other) || self.is_peer_of(other);
        move |count, _bytes| !is_mutual && count > DGRAM_QUEUE_MAX
    }

    pub(super) fn receive_packet(
        &self,
        call: &Call<'_>,
        sink: &mut dyn Sink,
        message: &mut Incoming,
    ) -> Result<usize, Fail> {
        if message.flags.contains(MsgFlags::OOB) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        if self.kind == Kind::Seqpacket && !self.has_peer() {
            return Err(Errno::ENOTCONN.into());
        }
        let received = self.mailbox.wait(call, &self.common, message.is_peek(), sink.room())?;
        let Some(received) = received else { return Ok(0) };
        let done = received.put(sink, message)?;
        if let From::Unix(Some(name)) = &received.from {
            message.from = Some(name.address);
        }
        stamp(&self.common, received.time, message);
        scm::deliver(&self.common, received.ucred, received.files, message);
        Ok(done)
    }

    pub(super) fn packet_readiness(&self) -> Events {
        let mut events = Events::empty();
        let shut = self.mailbox.is_shut();
        if shut {
            events |= IN | Events::RDHUP;
        }
        if !self.mailbox.is_empty() {
            events |= IN;
        }
        let write_shut = self.write_shut.load(SeqCst);
        if (shut && write_shut) || (self.kind == Kind::Seqpacket && !self.has_peer()) {
            events |= Events::HUP;
        }
        if self.has_account_room(&self.common) && self.peer_has_room() {
            events |= OUT;
        }
        events
    }

    fn has_account_room(&self, common: &Common) -> bool {
        common.in_flight.load(SeqCst) * 4 <= common.sndbuf.load(SeqCst) as usize
    }

    fn peer_has_room(&self) -> bool {
        self.peer().is_none_or(|peer| peer.mailbox.has_room(self.is_full(&peer), &self.common))
    }
}
