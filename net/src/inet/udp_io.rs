//! Sending and receiving datagrams.

use super::address::{Route, encode, parse_remote, route, source_for, v6_octets};
use super::options::{is_on, short_int, value};
use super::udp::Udp;
use crate::common::IN;
use crate::mailbox::{From, Header, Packet, Received, take_all};
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

/// A datagram on its way out.
pub(super) struct Datagram {
    bytes: Vec<u8>,
    header: Header,
    to: SocketAddr,
    route: Route,
    /// Its sender hears of it when nobody has the port.
    is_connected: bool,
}

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
        let is_more = message.flags.contains(MsgFlags::MORE);
        if self.state.lock().begun.is_some() {
            // Where it goes was said with its first part.
            self.go_on(take_all(source)?, is_more, None)?;
            return Ok(len);
        }
        let given = message.to.map(|to| parse_remote(to, self.is_v6, true)).transpose()?;
        let chosen = Chosen::parse(&message.controls)?;
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
        let own = chosen.source.unwrap_or(from.ip());
        let is_usable = !own.is_unspecified() && !own.is_multicast() && own.is_ipv4() == to.is_ipv4();
        let from = SocketAddr::new(if is_usable { own } else { source_for(to.ip()) }, from.port());
        let (hops, class) = self.hops_and_class(route, &chosen);
        let header = Header { from, to: to.ip(), hops, class };
        let bytes = take_all(source)?;
        let datagram = Datagram { bytes: Vec::new(), header, to, route, is_connected: connected };
        self.go_on(bytes, is_more, Some(datagram))?;
        Ok(len)
    }

    /// Adds to the datagram that was begun, else to `new`, and sends it unless there is more to come: `MSG_MORE`,
    /// `UDP_CORK`. `EMSGSIZE`: what was begun is lost.
    fn go_on(&self, bytes: Vec<u8>, is_more: bool, new: Option<Datagram>) -> Result<(), Errno> {
        let datagram = {
            let mut state = self.state.lock();
            // Another thread may just have sent what was begun.
            let mut datagram = state.begun.take().or(new).ok_or(Errno::EDESTADDRREQ)?;
            if datagram.bytes.is_empty() {
                datagram.bytes = bytes;
            } else if datagram.bytes.len() + bytes.len() > DATAGRAM_MAX {
                return Err(Errno::EMSGSIZE);
            } else {
                datagram.bytes.extend(bytes);
            }
            if is_more || state.is_corked {
                state.begun = Some(datagram);
                return Ok(());
            }
            datagram
        };
        self.transmit(datagram);
        Ok(())
    }

    /// `UDP_CORK`: off sends what was begun.
    pub(super) fn set_corked(&self, is_corked: bool) {
        let begun = {
            let mut state = self.state.lock();
            state.is_corked = is_corked;
            if is_corked { None } else { state.begun.take() }
        };
        if let Some(datagram) = begun {
            self.transmit(datagram);
        }
    }

    fn transmit(&self, datagram: Datagram) {
        let Datagram { bytes, header, to, route, is_connected } = datagram;
        if route != Route::Local {
            return self.send_to_many(&bytes, header, to.port());
        }
        let receiver = self.ports().lock().find(to, |claim| match claim.peer {
            None => Some(0),
            Some(peer) => (peer == header.from).then_some(1),
        });
        match receiver {
            Some(receiver) => receiver.deliver(bytes, header),
            None => self.refused(is_connected),
        }
    }

    /// Hops and class of a datagram: what its control messages say, else the options.
    fn hops_and_class(&self, route: Route, chosen: &Chosen) -> (i32, i32) {
        let option = |level, name, initial| value(&self.common, level, name, initial);
        let many = route == Route::Multicast;
        let (hops, class) = match (self.is_v6, many) {
            (true, true) => (option(SOL_IPV6, ipv6::MULTICAST_HOPS, 1), option(SOL_IPV6, ipv6::TCLASS, 0)),
            (true, false) => (option(SOL_IPV6, ipv6::UNICAST_HOPS, 64), option(SOL_IPV6, ipv6::TCLASS, 0)),
            (false, true) => (option(SOL_IP, ip::MULTICAST_TTL, 1), option(SOL_IP, ip::TOS, 0)),
            (false, false) => (option(SOL_IP, ip::TTL, 64), option(SOL_IP, ip::TOS, 0)),
        };
        (chosen.hops.unwrap_or(hops), chosen.class.unwrap_or(class))
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
    fn send_to_many(&self, bytes: &[u8], header: Header, port: u16) {
        let group = header.to;
        let takes = |peer: Option<SocketAddr>| peer.is_none_or(|peer| peer == header.from);
        let all = self.ports().lock().all(port, |claim| claim.covers(group) && takes(claim.peer));
        let is_multicast = route(group) == Route::Multicast;
        let loops = value(&self.common, SOL_IP, ip::MULTICAST_LOOP, 1) != 0
            && value(&self.common, SOL_IPV6, ipv6::MULTICAST_LOOP, 1) != 0;
        if is_multicast && (!loops || !all.iter().any(|socket| socket.is_member(group))) {
            return;
        }
        for receiver in all {
            if !is_multicast || receiver.is_member(group) || value(&receiver.common, SOL_IP, ip::MULTICAST_ALL, 1) != 0
            {
                receiver.deliver(bytes.to_vec(), header);
            }
        }
    }

    fn is_member(&self, group: IpAddr) -> bool {
        self.state.lock().groups.contains(&group)
    }

    /// Puts a datagram into the mailbox; one that does not fit is lost.
    fn deliver(&self, bytes: Vec<u8>, header: Header) {
        let limit = self.common.rcvbuf.load(SeqCst) as usize;
        let packet = Packet::new(bytes, From::Inet(header));
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
        let received = self.mailbox.wait(call, &self.common, message.is_peek(), sink.room())?;
        let Some(received) = received else { return Ok(0) };
        let done = received.put(sink, message)?;
        self.describe(&received, message);
        Ok(done)
    }

    /// Sender and what the receiver asked to be told beside.
    fn describe(&self, received: &Received, message: &mut Incoming) {
        let From::Inet(Header { from, to, hops, class }) = received.from else { return };
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
            add(SOL_IP, ip::RECVTTL, ip::TTL, &hops.to_ne_bytes());
            add(SOL_IP, ip::RECVTOS, ip::TOS, &[class as u8]);
            let port = self.addresses().0.map_or(0, |local| local.port());
            let orig = encode(SocketAddr::new(to.into(), port), false);
            add(SOL_IP, ip::RECVORIGDSTADDR, ip::RECVORIGDSTADDR, orig.as_bytes());
        }
        if self.is_v6 {
            let info = In6Pktinfo { addr: v6_octets(to), ifindex: 1 };
            add(SOL_IPV6, ipv6::RECVPKTINFO, ipv6::PKTINFO, info.as_bytes());
            add(SOL_IPV6, ipv6::RECVHOPLIMIT, ipv6::HOPLIMIT, &hops.to_ne_bytes());
            add(SOL_IPV6, ipv6::RECVTCLASS, ipv6::TCLASS, &class.to_ne_bytes());
        }
    }
}

/// What control messages say of a datagram to send.
#[derive(Default)]
struct Chosen {
    source: Option<IpAddr>,
    hops: Option<i32>,
    class: Option<i32>,
}

impl Chosen {
    /// `EINVAL`, `ENODEV`.
    fn parse(controls: &[Control]) -> Result<Self, Errno> {
        let mut chosen = Self::default();
        for control in controls {
            let Control::Data { level, kind, bytes } = control else { continue };
            match (*level, *kind) {
                (SOL_IP, ip::PKTINFO) => {
                    let (info, _) = InPktinfo::read_from_prefix(bytes).map_err(|_| Errno::EINVAL)?;
                    chosen.set_source(info.ifindex, IpAddr::V4(Ipv4Addr::from(info.spec_dst)))?;
                }
                (SOL_IPV6, ipv6::PKTINFO) => {
                    let (info, _) = In6Pktinfo::read_from_prefix(bytes).map_err(|_| Errno::EINVAL)?;
                    chosen.set_source(info.ifindex, Ipv6Addr::from(info.addr).to_canonical())?;
                }
                (SOL_IP, ip::TTL) => chosen.hops = Some(within(short_int(bytes)?, 1)?),
                (SOL_IP, ip::TOS) => chosen.class = Some(within(short_int(bytes)?, 0)?),
                (SOL_IPV6, ipv6::HOPLIMIT) => chosen.hops = chosen_v6(bytes)?,
                (SOL_IPV6, ipv6::TCLASS) => chosen.class = chosen_v6(bytes)?,
                (SOL_IP, _) => return Err(Errno::EINVAL),
                _ => {}
            }
        }
        Ok(chosen)
    }

    fn set_source(&mut self, index: i32, addr: IpAddr) -> Result<(), Errno> {
        if !(0..=1).contains(&index) {
            return Err(Errno::ENODEV);
        }
        if !addr.is_unspecified() {
            if route(addr) != Route::Local {
                return Err(Errno::EINVAL);
            }
            self.source = Some(addr);
        }
        Ok(())
    }
}

/// A byte of at least `min`: `EINVAL`.
fn within(value: i32, min: i32) -> Result<i32, Errno> {
    if (min..=255).contains(&value) { Ok(value) } else { Err(Errno::EINVAL) }
}

/// A byte, or -1 for what the options say: `EINVAL`.
fn chosen_v6(bytes: &[u8]) -> Result<Option<i32>, Errno> {
    let value = crate::options::int(bytes)?;
    within(value, -1).map(|value| (value >= 0).then_some(value))
}
