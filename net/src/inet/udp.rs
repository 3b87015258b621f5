//! A UDP socket: its state and its life.

use super::address::{Route, any, encode, parse_remote, route_by, source_for};
use super::options::{is_on, value};
use super::ports::{Claim, Ports};
use super::tcp::{Binding, check_port, local_address};
use super::udp_io::Datagram;
use crate::address::{Address, family};
use crate::common::{ALL, Common, IN, OUT, Switches};
use crate::mailbox::Mailbox;
use crate::message::{Call, Incoming, Outgoing};
use crate::namespace::NetNamespace;
use crate::protocol::{Halves, Protocol};
use abi::Errno;
use abi::inet::{IPPROTO_UDPLITE, ip, ipv6};
use abi::poll::Events;
use abi::socket::level::{SOL_IP, SOL_IPV6};
use abi::socket::{AF_INET6, AF_UNSPEC, SOCK_DGRAM};
use mm::{Sink, Source};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use sync::{Fail, Mutex, Rank};

pub(crate) struct State {
    pub(crate) binding: Option<Binding>,
    pub(crate) remote: Option<SocketAddr>,
    /// Groups that it is a member of.
    pub(crate) groups: Vec<IpAddr>,
    pub(crate) write_shut: bool,
    /// Every datagram is to be continued: `UDP_CORK`.
    pub(super) is_corked: bool,
    /// A datagram that is to be continued.
    pub(super) begun: Option<Datagram>,
}

/// A UDP socket.
pub(crate) struct Udp {
    pub(crate) common: Arc<Common>,
    pub(crate) net: Arc<NetNamespace>,
    pub(crate) is_v6: bool,
    protocol: i32,
    pub(crate) state: Mutex<State>,
    pub(crate) mailbox: Mailbox,
}

impl Udp {
    /// A new socket of `IPPROTO_UDP` or `IPPROTO_UDPLITE`.
    pub(crate) fn new(net: &Arc<NetNamespace>, family: u16, protocol: i32, uid: u32) -> Arc<Self> {
        let state =
            State { binding: None, remote: None, groups: Vec::new(), write_shut: false, is_corked: false, begun: None };
        let socket = Arc::new(Self {
            common: Arc::new(Common::new(family, SOCK_DGRAM, protocol, uid)),
            net: net.clone(),
            is_v6: family == AF_INET6,
            protocol,
            state: Mutex::new(Rank::Socket, state),
            mailbox: Mailbox::new(),
        });
        net.udp_sockets.add(&socket);
        socket
    }

    pub(crate) const fn is_lite(&self) -> bool {
        self.protocol == IPPROTO_UDPLITE
    }

    /// The ports of its protocol.
    pub(super) fn ports(&self) -> &Mutex<Ports<Self>> {
        if self.is_lite() { &self.net.udplite } else { &self.net.udp }
    }

    /// Own and remote address, as far as there are any.
    pub(crate) fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        let state = self.state.lock();
        (state.binding.map(|binding| binding.local), state.remote)
    }

    fn claim(&self, ip: IpAddr) -> Claim {
        Claim {
            ip,
            v6_only: self.is_v6 && is_on(&self.common, SOL_IPV6, ipv6::V6ONLY),
            reuse_addr: self.common.has(Switches::REUSEADDR),
            reuse_port: self.common.has(Switches::REUSEPORT),
            uid: self.common.uid,
            listening: false,
            peer: None,
        }
    }

    /// Takes the port of `local`, or any: `EADDRINUSE`.
    fn take_port(self: &Arc<Self>, state: &mut State, local: SocketAddr, explicit: bool) -> Result<(), Errno> {
        let claim = self.claim(local.ip());
        let mut ports = self.ports().lock();
        let port = match local.port() {
            0 => ports
                .bind_any(self.net.port_range(), claim, self)
                .map_err(|errno| if explicit { errno } else { Errno::EAGAIN })?,
            port => {
                ports.bind(port, claim, self)?;
                port
            }
        };
        state.binding = Some(Binding { local: SocketAddr::new(local.ip(), port), claim, explicit, is_child: false });
        Ok(())
    }

    /// The socket's address, taken now if it has none.
    pub(super) fn ensure_bound(self: &Arc<Self>, state: &mut State) -> Result<SocketAddr, Errno> {
        if state.binding.is_none() {
            self.take_port(state, any(self.is_v6), false)?;
        }
        state.binding.map(|binding| binding.local).ok_or(Errno::EADDRNOTAVAIL)
    }

    fn drop_port(&self, state: &mut State) {
        if let Some(binding) = state.binding.take() {
            self.ports().lock().release(binding.local.port(), self);
        }
    }

    /// Says which address and sender the socket takes datagrams for.
    fn publish(&self, state: &mut State) {
        if let Some(binding) = &mut state.binding {
            binding.claim.ip = binding.local.ip();
            binding.claim.peer = state.remote;
            self.ports().lock().narrow(binding.local.port(), binding.claim, self);
        }
    }

    /// May it send there? `EACCES`, `ENETUNREACH`.
    pub(super) fn check_route(&self, to: SocketAddr) -> Result<Route, Errno> {
        if to.is_ipv4() && self.is_v6 && is_on(&self.common, SOL_IPV6, ipv6::V6ONLY) {
            return Err(Errno::ENETUNREACH);
        }
        let route = route_by(self.net.device(), to.ip());
        match route {
            Route::Local => Ok(route),
            Route::Broadcast if self.common.has(Switches::BROADCAST) => Ok(route),
            Route::Broadcast => Err(Errno::EACCES),
            Route::Multicast if self.multicast_device() != 0 => Ok(route),
            Route::Multicast | Route::None => Err(Errno::ENETUNREACH),
        }
    }

    /// What `IP_MULTICAST_IF` or `IPV6_MULTICAST_IF` says; 0 for no device.
    fn multicast_device(&self) -> i32 {
        if self.is_v6 {
            value(&self.common, SOL_IPV6, ipv6::MULTICAST_IF, 0)
        } else {
            value(&self.common, SOL_IP, ip::MULTICAST_IF, 0)
        }
    }

    fn disconnect(&self) {
        let mut state = self.state.lock();
        state.remote = None;
        match &mut state.binding {
            Some(binding) if binding.explicit => {
                self.publish(&mut state);
            }
            _ => self.drop_port(&mut state),
        }
    }
}

impl Protocol for Udp {
    fn common(&self) -> &Common {
        &self.common
    }

    fn readiness(&self) -> Events {
        let mut events = OUT;
        if self.common.error().is_some() {
            events |= Events::ERR;
        }
        if !self.mailbox.is_empty() {
            events |= IN;
        }
        if self.mailbox.is_shut() {
            events |= IN | Events::RDHUP;
            if self.state.lock().write_shut {
                events |= Events::HUP;
            }
        }
        events
    }

    fn bind(self: Arc<Self>, call: &Call<'_>, address: &[u8]) -> Result<(), Errno> {
        let local = local_address(&self.net, &self.common, address, self.is_v6)?;
        check_port(call, &self.net, local.port())?;
        let mut state = self.state.lock();
        if state.binding.is_some() {
            return Err(Errno::EINVAL);
        }
        self.take_port(&mut state, local, true)
    }

    fn connect(self: Arc<Self>, _call: &Call<'_>, address: &[u8]) -> Result<(), Fail> {
        if family(address).ok_or(Errno::EINVAL)? == AF_UNSPEC {
            self.disconnect();
            return Ok(());
        }
        let to = parse_remote(address, self.is_v6, self.is_v6)?;
        self.check_route(to)?;
        let mut state = self.state.lock();
        self.ensure_bound(&mut state)?;
        if let Some(binding) = &mut state.binding
            && binding.local.ip().is_unspecified()
        {
            binding.local.set_ip(source_for(to.ip()));
        }
        state.remote = Some(to);
        self.publish(&mut state);
        Ok(())
    }

    fn local_address(&self) -> Result<Address, Errno> {
        Ok(encode(self.addresses().0.unwrap_or(any(self.is_v6)), self.is_v6))
    }

    fn peer_address(&self) -> Result<Address, Errno> {
        Ok(encode(self.addresses().1.ok_or(Errno::ENOTCONN)?, self.is_v6))
    }

    fn send(self: Arc<Self>, call: &Call<'_>, source: &mut dyn Source, message: Outgoing<'_>) -> Result<usize, Fail> {
        self.send_datagram(call, source, message).map_err(Fail::Errno)
    }

    fn receive(&self, call: &Call<'_>, sink: &mut dyn Sink, message: &mut Incoming) -> Result<usize, Fail> {
        self.receive_datagram(call, sink, message)
    }

    fn shutdown(&self, halves: Halves) -> Result<(), Errno> {
        // Without a connection it is refused, but wakes who waits all the same.
        let connected = {
            let mut state = self.state.lock();
            state.write_shut |= halves.contains(Halves::WRITE);
            state.remote.is_some()
        };
        if halves.contains(Halves::READ) {
            self.mailbox.shut();
        }
        self.common.queue.notify(ALL);
        if connected { Ok(()) } else { Err(Errno::ENOTCONN) }
    }

    fn option(&self, _call: &Call<'_>, level: i32, name: i32) -> Result<Vec<u8>, Errno> {
        self.get_option(level, name)
    }

    fn set_option(&self, _call: &Call<'_>, level: i32, name: i32, value: &[u8]) -> Result<(), Errno> {
        self.put_option(level, name, value)
    }

    fn unread(&self) -> Result<usize, Errno> {
        Ok(self.mailbox.first_len())
    }

    fn unsent(&self) -> Result<usize, Errno> {
        Ok(0)
    }

    fn close(&self) {
        let begun = {
            let mut state = self.state.lock();
            self.drop_port(&mut state);
            state.begun.take()
        };
        drop(begun);
        self.mailbox.close();
    }
}
