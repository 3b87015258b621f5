//! Sending and receiving datagrams.

use super::address::{Route, encode, parse_remote, route, source_for, v6_octets};
use super::options::{is_on, value};
use super::udp::Udp;
use crate::common::IN;
use crate::mailbox::{From, Packet, Received, take_all};
use crate::message::{Call, Control, Incoming, Outgoing};
use crate::options::stamp;
use abi::Errno;
use abi::inet::{In6Pktinfo, InPktinfo, ip, ipv6};
use abi::poll::Events;
use abi::socket::MsgFlags;
use abi::socket::level::{SOL_IP, SOL_IPV6};
use mm::{Sink, Source};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use sync::Fail;
use zerocopy::{FromBytes, IntoBytes};

/// Largest datagram: what an IPv4 packet of 64 KiB leaves.
const DATAGRAM_MAX: usize = 65507;

impl Udp {
    pub(super) fn send_datagram(
        self: &Arc<Self>,
        call: &Call<'_>,
        source: &mut dyn Source,
        message: Outgoing<'_>,
    ) -> Result<usize, Errno> {
        let _ = call;
        let len = source.left();
        if len > DATAGRAM_MAX {
            return Err(Errno::EMSGSIZE);
        }
        if message.flags.contains(MsgFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        let given = message.to.map(|to| parse_remote(to, self.is_v6, true)).transpose()?;
        let chosen = source_of(&message.controls)?;
        let (from, to, route, connected) = {
            let mut state = self.state.lock();
            let to = given.or(state.remote).ok_or(Errno::EDESTADDRREQ)?;
            if to.port() == 0 {
                return Err(Errno::EINVAL);
            }
            let route = self.check_route(to)?;
            if let Some(errno) = self.common.take_error() {
                return Err(errno);
            }
            if state.write_shut {
                return Err(Errno::EPIPE);
            }
            let local = self.ensure_bound(&mut state)?;
            (local, to, route, state.remote.is_some())
        };
        let own = chosen.unwrap_or(from.ip());
        let is_usable = !own.is_unspecified() && !own.is_multicast() && own.is_ipv4() == to.is_ipv4();
        let from = SocketAddr::new(if is_usable { own } else { source_for(to.ip()) }, from.port());
        let bytes = take_all(source)?;
        if route == Route::Local {
            let receiver = self.net.udp.lock().find(to, |claim| match claim.peer {
                None => Some(0),
                Some(peer) => (peer == from).then_some(1),
            });
            match receiver {
                Some(receiver) => receiver.deliver(bytes, from, to.ip()),
                None => self.refused(connected),
            }
        } else {
            self.send_to_many(&bytes, from, to);
        }
        Ok(len)
    }

    /// Nobody has the port: an ICMP message would say so.
    fn refused(&self, connected: bool) {
        let wants = is_on(&self.common, SOL_IP, ip::RECVERR) || is_on(&self.common, SOL_IPV6, ipv6::RECVERR);
        if connected || wants {
            self.common.set_error(Errno::ECONNREFUSED);
            self.common.queue.notify(Events::ERR);
        }
    }

    /// A datagram to a group or to everybody.
    fn send_to_many(&self, bytes: &[u8], from: SocketAddr, to: SocketAddr) {
        let group = to.ip();
        let takes = |peer: Option<SocketAddr>| peer.is_none_or(|peer| peer == from);
        let all = self.net.udp.lock().all(to.port(), |claim| claim.covers(group) && takes(claim.peer));
        let is_multicast = route(group) == Route::Multicast;
        let loops = value(&self.common, SOL_IP, ip::MULTICAST_LOOP, 1) != 0
            && value(&self.common, SOL_IPV6, ipv6::MULTICAST_LOOP, 1) != 0;
        if is_multicast && (!loops || !all.iter().any(|socket| socket.is_member(group))) {
            return;
        }
        for receiver in all {
            if !is_multicast || receiver.is_member(group) || value(&receiver.common, SOL_IP, ip::MULTICAST_ALL, 1) != 0
            {
                receiver.deliver(bytes.to_vec(), from, group);
            }
        }
    }

    fn is_member(&self, group: IpAddr) -> bool {
        self.state.lock().groups.contains(&group)
    }

    /// Puts a datagram into the mailbox; one that does not fit is lost.
    fn deliver(&self, bytes: Vec<u8>, from: SocketAddr, to: IpAddr) {
        let limit = self.common.rcvbuf.load(SeqCst) as usize;
        let packet = Packet::new(bytes, From::Inet(from, to));
        if self.mailbox.push(&mut Some(packet), |_, charged| charged >= limit, None).is_ok() {
            self.common.queue.notify(IN);
        }
    }

    pub(super) fn receive_datagram(
        &self,
        call: &Call<'_>,
        sink: &mut dyn Sink,
        message: &mut Incoming,
    ) -> Result<usize, Fail> {
        if message.flags.contains(MsgFlags::OOB) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let (peek, room) = (message.is_peek(), sink.room());
        let received =
            self.common.wait(call, IN, self.common.receive_timeout(), || match self.common.take_error() {
                Some(errno) => Err(errno),
                None => self.mailbox.receive(peek, room),
            })?;
        let Some(received) = received else { return Ok(0) };
        let done = received.put(sink, message)?;
        self.describe(&received, message);
        Ok(done)
    }

    /// Sender and what the receiver asked to be told beside.
    fn describe(&self, received: &Received, message: &mut Incoming) {
        let From::Inet(from, to) = received.from else { return };
        message.from = Some(encode(from, self.is_v6));
        stamp(&self.common, received.time, message);
        if self.common.kept.lock().is_empty() {
            return;
        }
        let mut add = |level, name, kind, bytes: &[u8]| {
            if is_on(&self.common, level, name) {
                message.controls.push(Control::Data { level, kind, bytes: bytes.to_vec() });
            }
        };
        if let IpAddr::V4(to) = to {
            let local = if to.is_loopback() { to } else { Ipv4Addr::LOCALHOST };
            let info = InPktinfo { ifindex: 1, spec_dst: local.octets(), addr: to.octets() };
            add(SOL_IP, ip::PKTINFO, ip::PKTINFO, info.as_bytes());
            add(SOL_IP, ip::RECVTTL, ip::TTL, &64i32.to_ne_bytes());
            add(SOL_IP, ip::RECVTOS, ip::TOS, &[0]);
            let port = self.addresses().0.map_or(0, |local| local.port());
            let orig = encode(SocketAddr::new(to.into(), port), false);
            add(SOL_IP, ip::RECVORIGDSTADDR, ip::RECVORIGDSTADDR, orig.as_bytes());
        }
        if self.is_v6 {
            let info = In6Pktinfo { addr: v6_octets(to), ifindex: 1 };
            add(SOL_IPV6, ipv6::RECVPKTINFO, ipv6::PKTINFO, info.as_bytes());
            add(SOL_IPV6, ipv6::RECVHOPLIMIT, ipv6::HOPLIMIT, &64i32.to_ne_bytes());
            add(SOL_IPV6, ipv6::RECVTCLASS, ipv6::TCLASS, &0i32.to_ne_bytes());
        }
    }
}

/// The address to send from that control messages ask for: `EINVAL`, `ENODEV`.
fn source_of(controls: &[Control]) -> Result<Option<IpAddr>, Errno> {
    let mut chosen = None;
    for control in controls {
        let Control::Data { level, kind, bytes } = control else { continue };
        let (index, addr) = match (*level, *kind) {
            (SOL_IP, ip::PKTINFO) => {
                let (info, _) = InPktinfo::read_from_prefix(bytes).map_err(|_| Errno::EINVAL)?;
                (info.ifindex, IpAddr::V4(Ipv4Addr::from(info.spec_dst)))
            }
            (SOL_IPV6, ipv6::PKTINFO) => {
                let (info, _) = In6Pktinfo::read_from_prefix(bytes).map_err(|_| Errno::EINVAL)?;
                (info.ifindex, Ipv6Addr::from(info.addr).to_canonical())
            }
            (SOL_IP, ip::TTL | ip::TOS) | (SOL_IPV6, _) => continue,
            (SOL_IP, _) => return Err(Errno::EINVAL),
            _ => continue,
        };
        if !(0..=1).contains(&index) {
            return Err(Errno::ENODEV);
        }
        if !addr.is_unspecified() {
            if route(addr) != Route::Local {
                return Err(Errno::EINVAL);
            }
            chosen = Some(addr);
        }
    }
    Ok(chosen)
}
