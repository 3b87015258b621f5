//! Open sockets.

use crate::address::Address;
use crate::common::Common;
use crate::inet::{Tcp, Udp};
use crate::message::{Call, Incoming, Outgoing};
use crate::namespace::NetNamespace;
use crate::netlink::Netlink;
use crate::protocol::{Halves, Protocol};
use crate::unix::Endpoint;
use crate::{device, options};
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use abi::inet::{IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_IP, IPPROTO_MAX, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE};
use abi::poll::Events;
use abi::socket::level::SOL_SOCKET;
use abi::socket::{AF_INET, AF_INET6, AF_MAX, AF_NETLINK, AF_UNIX, MsgFlags, SOMAXCONN, ioctl};
use abi::socket::{SOCK_DGRAM, SOCK_PACKET, SOCK_RAW, SOCK_STREAM};
use mm::{Sink, Source, UserAddr, UserMemory, UserPtr};
use std::any::Any;
use std::sync::Arc;
use sync::{Fail, WaitQueue};
use vfs::{AnonymousNode, Caller, Capability, File, Io, OpenFile};

/// `SIGPIPE`.
const SIGPIPE: u8 = 13;

/// An open socket. `ENOTSOCK` is for files that are none.
pub struct Socket {
    protocol: Arc<dyn Protocol>,
    net: Arc<NetNamespace>,
}

/// The protocol that `socket(2)` asks for.
fn create(
    call: &Call<'_>,
    net: &Arc<NetNamespace>,
    family: i32,
    kind: i32,
    protocol: i32,
) -> Result<Arc<dyn Protocol>, Errno> {
    if !(0..AF_MAX).contains(&family) {
        return Err(Errno::EAFNOSUPPORT);
    }
    if !(0..=SOCK_PACKET).contains(&kind) {
        return Err(Errno::EINVAL);
    }
    let uid = call.caller.creds.euid;
    match family as u16 {
        AF_UNIX => {
            check_unix_protocol(protocol)?;
            Ok(Endpoint::new(net, uid, kind)?)
        }
        family @ (AF_INET | AF_INET6) => inet(call, net, family, kind, protocol),
        AF_NETLINK => Ok(Netlink::new(net, uid, kind, protocol)?),
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

fn check_unix_protocol(protocol: i32) -> Result<(), Errno> {
    if protocol == 0 || protocol == i32::from(AF_UNIX) { Ok(()) } else { Err(Errno::EPROTONOSUPPORT) }
}

fn inet(
    call: &Call<'_>,
    net: &Arc<NetNamespace>,
    family: u16,
    kind: i32,
    protocol: i32,
) -> Result<Arc<dyn Protocol>, Errno> {
    if !(0..IPPROTO_MAX).contains(&protocol) {
        return Err(Errno::EINVAL);
    }
    let uid = call.caller.creds.euid;
    match (kind, protocol) {
        (SOCK_STREAM, IPPROTO_IP | IPPROTO_TCP) => Ok(Tcp::new(net, family, uid)),
        (SOCK_DGRAM, IPPROTO_IP | IPPROTO_UDP) => Ok(Udp::new(net, family, IPPROTO_UDP, uid)),
        (SOCK_DGRAM, IPPROTO_UDPLITE) => Ok(Udp::new(net, family, IPPROTO_UDPLITE, uid)),
        // /proc/sys/net/ipv4/ping_group_range is empty.
        (SOCK_DGRAM, IPPROTO_ICMP) if family == AF_INET => Err(Errno::EACCES),
        (SOCK_DGRAM, IPPROTO_ICMPV6) if family == AF_INET6 => Err(Errno::EACCES),
        (SOCK_RAW, protocol)
            if protocol != IPPROTO_IP && !call.caller.creds.has_in(net.owner(), Capability::NetRaw) =>
        {
            Err(Errno::EPERM)
        }
        (SOCK_STREAM | SOCK_DGRAM | SOCK_RAW, _) => Err(Errno::EPROTONOSUPPORT),
        _ => Err(Errno::ESOCKTNOSUPPORT),
    }
}

impl Socket {
    /// A socket: `socket(2)`. Flags of the type argument were taken out.
    pub fn create(
        call: &Call<'_>,
        net: &Arc<NetNamespace>,
        family: i32,
        kind: i32,
        protocol: i32,
    ) -> Result<Self, Errno> {
        Ok(Self { protocol: create(call, net, family, kind, protocol)?, net: net.clone() })
    }

    /// Two connected sockets: `socketpair(2)`.
    pub fn pair(
        call: &Call<'_>,
        net: &Arc<NetNamespace>,
        family: i32,
        kind: i32,
        protocol: i32,
    ) -> Result<(Self, Self), Errno> {
        if family != i32::from(AF_UNIX) {
            // The sockets could be made, but not joined.
            create(call, net, family, kind, protocol)?.close();
            return Err(Errno::EOPNOTSUPP);
        }
        if !(0..=SOCK_PACKET).contains(&kind) {
            return Err(Errno::EINVAL);
        }
        check_unix_protocol(protocol)?;
        let (one, two) = Endpoint::pair(call, net, kind)?;
        Ok((Self { protocol: one, net: net.clone() }, Self { protocol: two, net: net.clone() }))
    }

    /// An open file description of the socket.
    pub fn into_file(self, nonblock: bool) -> Arc<OpenFile> {
        let mut flags = OpenFlags::RDWR;
        flags.set(OpenFlags::NONBLOCK, nonblock);
        OpenFile::anonymous(Box::new(self), flags)
    }

    /// What every socket has.
    pub fn common(&self) -> &Common {
        self.protocol.common()
    }

    /// Its network namespace.
    pub const fn net(&self) -> &Arc<NetNamespace> {
        &self.net
    }

    /// The unix socket that it is.
    pub(crate) fn endpoint(&self) -> Option<&Endpoint> {
        let protocol: &dyn Any = &*self.protocol;
        protocol.downcast_ref()
    }

    /// `bind(2)`.
    pub fn bind(&self, call: &Call<'_>, address: &[u8]) -> Result<(), Errno> {
        self.protocol.clone().bind(call, address)
    }

    /// `listen(2)`.
    pub fn listen(&self, call: &Call<'_>, backlog: i32) -> Result<(), Errno> {
        self.protocol.clone().listen(call, (backlog as u32).min(SOMAXCONN))
    }

    /// `connect(2)`.
    pub fn connect(&self, call: &Call<'_>, address: &[u8]) -> Result<(), Fail> {
        self.protocol.clone().connect(call, address)
    }

    /// `accept(2)`.
    pub fn accept(&self, call: &Call<'_>) -> Result<Self, Fail> {
        Ok(Self { protocol: self.protocol.accept(call)?, net: self.net.clone() })
    }

    /// `getsockname(2)`.
    pub fn local_address(&self) -> Result<Address, Errno> {
        self.protocol.local_address()
    }

    /// `getpeername(2)`.
    pub fn peer_address(&self) -> Result<Address, Errno> {
        self.protocol.peer_address()
    }

    /// `sendmsg(2)`; sends `SIGPIPE` too.
    pub fn send(&self, call: &Call<'_>, source: &mut dyn Source, message: Outgoing<'_>) -> Result<usize, Fail> {
        let is_quiet = message.flags.contains(MsgFlags::NOSIGNAL);
        let result = self.protocol.clone().send(call, source, message);
        if matches!(result, Err(Fail::Errno(Errno::EPIPE))) && !is_quiet && self.common().kind == SOCK_STREAM {
            call.caller.process.signal_self(SIGPIPE);
        }
        result
    }

    /// `recvmsg(2)`.
    pub fn receive(&self, call: &Call<'_>, sink: &mut dyn Sink, message: &mut Incoming) -> Result<usize, Fail> {
        if message.flags.contains(MsgFlags::ERRQUEUE) {
            return Err(Errno::EAGAIN.into());
        }
        self.protocol.receive(call, sink, message)
    }

    /// `shutdown(2)`: `EINVAL` for an unknown `how`.
    pub fn shutdown(&self, how: i32) -> Result<(), Errno> {
        let halves = match how {
            0 => Halves::READ,
            1 => Halves::WRITE,
            2 => Halves::READ | Halves::WRITE,
            _ => return Err(Errno::EINVAL),
        };
        self.protocol.shutdown(halves)
    }

    /// `getsockopt(2)`: the whole value; the caller cuts it.
    pub fn option(&self, call: &Call<'_>, level: i32, name: i32) -> Result<Vec<u8>, Errno> {
        match level {
            SOL_SOCKET => options::get(call, &*self.protocol, name),
            _ => self.protocol.option(call, level, name),
        }
    }

    /// It is a netlink socket, which takes messages of the kernel's.
    pub fn takes_messages(&self) -> bool {
        self.protocol.takes_messages()
    }

    /// Puts a message of the kernel's into a netlink socket. `EINVAL`: it is none.
    pub fn put_message(&self, message: Vec<u8>) -> Result<(), Errno> {
        self.protocol.put_message(message)
    }

    /// `setsockopt(2)`.
    pub fn set_option(&self, call: &Call<'_>, level: i32, name: i32, value: &[u8]) -> Result<(), Errno> {
        match level {
            SOL_SOCKET => options::set(call, &self.net, &*self.protocol, name, value),
            _ => self.protocol.set_option(call, level, name, value),
        }
    }
}

/// The call that a file operation is.
const fn call<'a>(io: &Io<'a>) -> Call<'a> {
    Call { caller: io.caller, fs: None, nonblock: io.is_nonblock() }
}

impl File for Socket {
    fn read(&self, io: &Io<'_>, dst: &mut dyn Sink, _offset: &mut u64) -> Result<usize, Fail> {
        if dst.room() == 0 {
            return Ok(0);
        }
        self.protocol.receive(&call(io), dst, &mut Incoming::default())
    }

    fn write(&self, io: &Io<'_>, src: &mut dyn Source, _offset: &mut u64) -> Result<usize, Fail> {
        self.send(&call(io), src, Outgoing::default())
    }

    fn readiness(&self) -> Events {
        self.protocol.readiness()
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.protocol.common().queue)
    }

    fn sends_signals(&self) -> bool {
        true
    }

    fn ioctl(&self, io: &Io<'_>, command: u32, arg: u64, memory: &dyn UserMemory) -> Result<u64, Fail> {
        let number = UserPtr::<i32>::new(UserAddr(arg));
        match command {
            ioctl::FIONREAD => number.write(memory, &(self.protocol.unread()? as i32))?,
            ioctl::TIOCOUTQ => number.write(memory, &(self.protocol.unsent()? as i32))?,
            ioctl::SIOCGSTAMP | ioctl::SIOCGSTAMPNS => return Err(Errno::ENOENT.into()),
            _ => {
                return match device::control(&self.net, io.caller, command, arg, memory) {
                    Err(Errno::ENOTTY) => self.protocol.ioctl(&call(io), command, arg, memory),
                    other => other.map_err(Fail::Errno),
                };
            }
        }
        Ok(0)
    }

    fn flush(&self, _caller: &Caller) -> Result<(), Errno> {
        self.protocol.descriptor_closed();
        Ok(())
    }

    fn anonymous_node(&self) -> AnonymousNode {
        AnonymousNode { kind: Some(FileType::Socket), mode: 0o777, ino: self.protocol.common().ino }
    }

    fn anonymous_name(&self) -> Option<String> {
        Some(format!("socket:[{}]", self.protocol.common().ino))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.protocol.close();
    }
}
