//! A TCP socket: its state and its life.

use super::address::{any, can_bind, encode, parse_local};
use super::listener::Backlog;
use super::options::is_on;
use super::ports::Claim;
use crate::address::Address;
use crate::common::{ALL, Common, IN, OUT, Switches};
use crate::message::{Call, Incoming, Outgoing};
use crate::namespace::NetNamespace;
use crate::protocol::{Halves, Protocol};
use crate::stream::End;
use abi::Errno;
use abi::inet::{IPPROTO_TCP, ip, ipv6, tcp_state};
use abi::poll::Events;
use abi::socket::level::{SOL_IP, SOL_IPV6};
use abi::socket::{AF_INET6, SOCK_STREAM, ioctl};
use mm::{Sink, Source, UserAddr, UserMemory, UserPtr};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use sync::{Fail, Mutex, Rank};
use vfs::Capability;

/// Default of `SO_SNDBUF`: /proc/sys/net/ipv4/tcp_wmem, as it grows on the loopback device.
const SNDBUF: u32 = 131_072;
/// Default of `SO_RCVBUF`: /proc/sys/net/ipv4/tcp_rmem.
const RCVBUF: u32 = 131_072;

/// Where a TCP socket stands.
pub(crate) enum Phase {
    /// Fresh, or a connection could not be made and the program knows.
    Closed,
    Listening(Backlog),
    /// The listener has no place yet.
    Connecting,
    /// `reported`: a `connect(2)` said so.
    Connected {
        reported: bool,
    },
    /// No connection could be made; `connect(2)` has not said so.
    Failed,
    /// The last descriptor is gone.
    Released,
}

/// A port that the socket has.
#[derive(Clone, Copy)]
pub(crate) struct Binding {
    pub(crate) local: SocketAddr,
    pub(crate) claim: Claim,
    /// The program asked for the port.
    pub(crate) explicit: bool,
    /// It came with an accepted connection.
    pub(crate) is_child: bool,
}

pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) binding: Option<Binding>,
    pub(crate) remote: Option<SocketAddr>,
}

/// A TCP socket.
pub(crate) struct Tcp {
    pub(crate) common: Arc<Common>,
    pub(crate) net: Arc<NetNamespace>,
    pub(crate) is_v6: bool,
    pub(crate) state: Mutex<State>,
    /// Its end of the connection, once there is one.
    pub(crate) end: OnceLock<End>,
    /// More is to come behind whatever is sent: `TCP_CORK`.
    pub(crate) is_corked: AtomicBool,
}

impl Tcp {
    /// A new socket.
    pub(crate) fn new(net: &Arc<NetNamespace>, family: u16, uid: u32) -> Arc<Self> {
        let common = Common::new(family, SOCK_STREAM, IPPROTO_TCP, uid);
        common.sndbuf.store(SNDBUF, SeqCst);
        common.rcvbuf.store(RCVBUF, SeqCst);
        Self::with(net, common, State { phase: Phase::Closed, binding: None, remote: None })
    }

    pub(crate) fn with(net: &Arc<NetNamespace>, common: Common, state: State) -> Arc<Self> {
        let socket = Arc::new(Self {
            is_v6: common.family == AF_INET6,
            common: Arc::new(common),
            net: net.clone(),
            state: Mutex::new(Rank::Socket, state),
            end: OnceLock::new(),
            is_corked: AtomicBool::new(false),
        });
        net.tcp_sockets.add(&socket);
        socket
    }

    pub(crate) fn is_v6_only(&self) -> bool {
        self.is_v6 && is_on(&self.common, SOL_IPV6, ipv6::V6ONLY)
    }

    pub(crate) fn claim(&self, ip: std::net::IpAddr) -> Claim {
        Claim {
            ip,
            v6_only: self.is_v6_only(),
            reuse_addr: self.common.has(Switches::REUSEADDR),
            reuse_port: self.common.has(Switches::REUSEPORT),
            uid: self.common.uid,
            listening: false,
            peer: None,
        }
    }

    /// Takes the port of `local`, or any: `EADDRINUSE`.
    pub(crate) fn take_port(
        self: &Arc<Self>,
        state: &mut State,
        local: SocketAddr,
        explicit: bool,
    ) -> Result<(), Errno> {
        let claim = self.claim(local.ip());
        let mut ports = self.net.tcp.lock();
        let port = match local.port() {
            0 => ports.bind_any(self.net.port_range(), claim, self)?,
            port => {
                ports.bind(port, claim, self)?;
                port
            }
        };
        state.binding = Some(Binding { local: SocketAddr::new(local.ip(), port), claim, explicit, is_child: false });
        Ok(())
    }

    /// Gives the port back.
    pub(crate) fn drop_port(&self, state: &mut State) {
        let Some(binding) = state.binding.take() else { return };
        let mut ports = self.net.tcp.lock();
        let port = binding.local.port();
        if binding.is_child {
            ports.remove_child(port, binding.claim);
        } else {
            ports.release(port, self);
        }
    }

    /// No connection came about.
    pub(crate) fn fail(&self, errno: Errno) {
        {
            let mut state = self.state.lock();
            if !matches!(state.phase, Phase::Connecting) {
                return;
            }
            state.phase = Phase::Failed;
        }
        self.common.set_error(errno);
        self.common.queue.notify(ALL);
    }

    /// State as `tcp_info` shows it.
    pub(crate) fn state_number(&self) -> u8 {
        if let Some(end) = self.end.get() {
            let shut = end.shut();
            return match (end.is_over(), shut.contains(Halves::READ), shut.contains(Halves::WRITE)) {
                (true, _, _) => tcp_state::CLOSE,
                (_, _, true) => tcp_state::FIN_WAIT2,
                (_, true, _) => tcp_state::CLOSE_WAIT,
                _ => tcp_state::ESTABLISHED,
            };
        }
        match self.state.lock().phase {
            Phase::Listening(_) => tcp_state::LISTEN,
            Phase::Connecting => tcp_state::SYN_SENT,
            _ => tcp_state::CLOSE,
        }
    }
}

/// May the caller bind to `port`? `EACCES`.
pub(super) fn check_port(call: &Call<'_>, net: &NetNamespace, port: u16) -> Result<(), Errno> {
    let is_free = port == 0 || u32::from(port) >= net.unprivileged_port();
    if is_free || call.caller.creds.has_in(net.owner(), Capability::NetBindService) {
        Ok(())
    } else {
        Err(Errno::EACCES)
    }
}

/// An address that the socket may be bound to: `EADDRNOTAVAIL`, `EINVAL`, what parsing says.
pub(super) fn local_address(
    net: &NetNamespace,
    common: &Common,
    address: &[u8],
    is_v6: bool,
) -> Result<SocketAddr, Errno> {
    let local = parse_local(address, is_v6)?;
    if is_v6 && local.is_ipv4() && is_on(common, SOL_IPV6, ipv6::V6ONLY) {
        return Err(Errno::EINVAL);
    }
    let anywhere = is_on(common, SOL_IP, ip::FREEBIND) || is_on(common, SOL_IPV6, ipv6::FREEBIND);
    if can_bind(net.device(), local.ip()) || anywhere { Ok(local) } else { Err(Errno::EADDRNOTAVAIL) }
}

impl Protocol for Tcp {
    fn common(&self) -> &Common {
        &self.common
    }

    fn readiness(&self) -> Events {
        let mut events = Events::empty();
        if self.common.error().is_some() {
            events |= Events::ERR;
        }
        if let Some(end) = self.end.get() {
            if end.has_urgent() {
                events |= Events::PRI;
            }
            return events | end.readiness(self.common.rcvlowat());
        }
        match &self.state.lock().phase {
            Phase::Listening(backlog) if backlog.is_empty() => events,
            Phase::Listening(_) => events | IN,
            Phase::Connecting => events,
            Phase::Failed => events | IN | OUT | Events::HUP | Events::RDHUP,
            Phase::Closed | Phase::Connected { .. } | Phase::Released => events | OUT | Events::HUP,
        }
    }

    fn bind(self: Arc<Self>, call: &Call<'_>, address: &[u8]) -> Result<(), Errno> {
        let local = local_address(&self.net, &self.common, address, self.is_v6)?;
        check_port(call, &self.net, local.port())?;
        let mut state = self.state.lock();
        if state.binding.is_some() || !matches!(state.phase, Phase::Closed) {
            return Err(Errno::EINVAL);
        }
        self.take_port(&mut state, local, true)
    }

    fn listen(self: Arc<Self>, _call: &Call<'_>, backlog: u32) -> Result<(), Errno> {
        self.start_listening(backlog as usize)
    }

    fn connect(self: Arc<Self>, call: &Call<'_>, address: &[u8]) -> Result<(), Fail> {
        self.connect_to(call, address)
    }

    fn accept(&self, call: &Call<'_>) -> Result<Arc<dyn Protocol>, Fail> {
        Ok(self.accept_one(call)?)
    }

    fn local_address(&self) -> Result<Address, Errno> {
        let local = self.state.lock().binding.map_or(any(self.is_v6), |binding| binding.local);
        Ok(encode(local, self.is_v6))
    }

    fn peer_address(&self) -> Result<Address, Errno> {
        let end = self.end.get().ok_or(Errno::ENOTCONN)?;
        if end.is_over() {
            return Err(Errno::ENOTCONN);
        }
        let remote = self.state.lock().remote.ok_or(Errno::ENOTCONN)?;
        Ok(encode(remote, self.is_v6))
    }

    fn send(self: Arc<Self>, call: &Call<'_>, source: &mut dyn Source, message: Outgoing<'_>) -> Result<usize, Fail> {
        self.send_bytes(call, source, message.flags)
    }

    fn receive(&self, call: &Call<'_>, sink: &mut dyn Sink, message: &mut Incoming) -> Result<usize, Fail> {
        self.receive_bytes(call, sink, message)
    }

    fn shutdown(&self, halves: Halves) -> Result<(), Errno> {
        if let Some(end) = self.end.get() {
            if end.is_over() {
                return Err(Errno::ENOTCONN);
            }
            end.shutdown(halves);
            return Ok(());
        }
        self.shutdown_unconnected(halves)
    }

    fn option(&self, _call: &Call<'_>, level: i32, name: i32) -> Result<Vec<u8>, Errno> {
        self.get_option(level, name)
    }

    fn set_option(&self, _call: &Call<'_>, level: i32, name: i32, value: &[u8]) -> Result<(), Errno> {
        self.put_option(level, name, value)
    }

    fn unread(&self) -> Result<usize, Errno> {
        if self.is_listening() {
            return Err(Errno::EINVAL);
        }
        Ok(self.end.get().map_or(0, End::unread))
    }

    fn unsent(&self) -> Result<usize, Errno> {
        if self.is_listening() {
            return Err(Errno::EINVAL);
        }
        // What was sent and is not held back has arrived.
        Ok(self.end.get().map_or(0, End::held))
    }

    fn ioctl(&self, _call: &Call<'_>, command: u32, arg: u64, memory: &dyn UserMemory) -> Result<u64, Fail> {
        if command != ioctl::SIOCATMARK {
            return Err(Errno::ENOTTY.into());
        }
        let at_mark = self.end.get().is_some_and(End::is_at_mark);
        UserPtr::<i32>::new(UserAddr(arg)).write(memory, &i32::from(at_mark))?;
        Ok(0)
    }

    fn is_listening(&self) -> bool {
        self.end.get().is_none() && matches!(self.state.lock().phase, Phase::Listening(_))
    }

    fn close(&self) {
        let abort = self.common.linger() == Some(0);
        self.release(abort);
    }
}
