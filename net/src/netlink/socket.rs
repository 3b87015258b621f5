//! Netlink sockets.

use super::message::{Request, Writer, requests};
use super::route;
use crate::address::{Address, family};
use crate::common::{ALL, Common, IN, OUT, Switches};
use crate::inet::options::{is_on, keep, value};
use crate::mailbox::{From, Mailbox, Packet, take_all};
use crate::message::{Call, Control, Incoming, Outgoing};
use crate::namespace::NetNamespace;
use crate::protocol::{Halves, Protocol};
use abi::Errno;
use abi::netlink::{SockaddrNl, family as netlink, nlm_f, nlmsg, option};
use abi::poll::Events;
use abi::socket::level::{SOL_NETLINK, SOL_SOCKET};
use abi::socket::{AF_NETLINK, AF_UNSPEC, MsgFlags, SOCK_DGRAM, SOCK_RAW, Ucred, so};
use mm::{Sink, Source};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use sync::{Fail, Mutex, Rank};
use vfs::Capability;
use zerocopy::{FromBytes, IntoBytes};

/// Highest group that a socket may join.
const GROUP_MAX: i32 = 64;

#[derive(Default)]
struct State {
    /// Port id; `None` until bound.
    id: Option<u32>,
    /// Groups that it listens to, a bit each; the first is number 1.
    groups: u64,
    /// Where `connect(2)` sends: port id and groups.
    peer: (u32, u32),
}

/// A netlink socket.
pub(crate) struct Netlink {
    common: Arc<Common>,
    net: Arc<NetNamespace>,
    state: Mutex<State>,
    mailbox: Mailbox,
}

fn parse(address: &[u8]) -> Result<SockaddrNl, Errno> {
    let (parsed, _) = SockaddrNl::read_from_prefix(address).map_err(|_| Errno::EINVAL)?;
    if parsed.family == AF_NETLINK { Ok(parsed) } else { Err(Errno::EINVAL) }
}

fn encode(pid: u32, groups: u32) -> Address {
    Address::new(SockaddrNl { family: AF_NETLINK, pad: 0, pid, groups }.as_bytes())
}

impl Netlink {
    /// A new socket: `ESOCKTNOSUPPORT`, `EPROTONOSUPPORT`.
    pub(crate) fn new(net: &Arc<NetNamespace>, uid: u32, kind: i32, protocol: i32) -> Result<Arc<Self>, Errno> {
        if kind != SOCK_RAW && kind != SOCK_DGRAM {
            return Err(Errno::ESOCKTNOSUPPORT);
        }
        if !matches!(protocol, netlink::ROUTE | netlink::KOBJECT_UEVENT) {
            return Err(Errno::EPROTONOSUPPORT);
        }
        Ok(Arc::new(Self {
            common: Arc::new(Common::new(AF_NETLINK, kind, protocol, uid)),
            net: net.clone(),
            state: Mutex::new(Rank::Socket, State::default()),
            mailbox: Mailbox::new(),
        }))
    }

    /// The port id, taken now if there is none.
    fn ensure_bound(&self, call: &Call<'_>) -> Result<u32, Errno> {
        let mut state = self.state.lock();
        if let Some(id) = state.id {
            return Ok(id);
        }
        let id = self.net.netlink_ports.take_any(self.common.protocol, call.caller.process.pid())?;
        state.id = Some(id);
        Ok(id)
    }

    fn put(&self, bytes: Vec<u8>) {
        let limit = self.common.rcvbuf.load(SeqCst) as usize;
        let mut packet = Packet::new(bytes, From::Kernel);
        packet.ucred = Some(Ucred::default());
        if self.mailbox.push(&mut Some(packet), |_, charged| charged >= limit, None).is_ok() {
            self.common.queue.notify(IN);
        } else if !is_on(&self.common, SOL_NETLINK, option::NO_ENOBUFS) {
            self.common.set_error(Errno::ENOBUFS);
            self.common.queue.notify(Events::ERR);
        }
    }

    /// Does what a request asks and puts the answers into the mailbox.
    fn serve(&self, call: &Call<'_>, request: &Request<'_>, id: u32) {
        let is_request = request.header.flags & nlm_f::REQUEST != 0 && request.header.kind >= nlmsg::MIN_TYPE;
        let mut error = None;
        let mut answered = false;
        if is_request {
            let is_admin = call.caller.creds.has_in(self.net.owner(), Capability::NetAdmin);
            match route::answer(request, self.net.device(), id, is_admin) {
                Ok(datagrams) => {
                    answered = request.header.flags & nlm_f::DUMP != 0 && !datagrams.is_empty();
                    for bytes in datagrams {
                        self.put(bytes);
                    }
                }
                Err(errno) => error = Some(errno),
            }
        }
        let wants = request.header.flags & nlm_f::ACK != 0 && !answered;
        if wants || error.is_some() {
            let mut writer = Writer::new(request, id);
            writer.acknowledge(request, error, is_on(&self.common, SOL_NETLINK, option::CAP_ACK));
            self.put(writer.bytes);
        }
    }

    fn change_group(&self, group: i32, join: bool) -> Result<(), Errno> {
        if !(1..=GROUP_MAX).contains(&group) {
            return Err(Errno::EINVAL);
        }
        let bit = 1u64 << (group - 1);
        let mut state = self.state.lock();
        state.groups = if join { state.groups | bit } else { state.groups & !bit };
        Ok(())
    }
}

impl Protocol for Netlink {
    fn common(&self) -> &Common {
        &self.common
    }

    fn takes_messages(&self) -> bool {
        true
    }

    fn put_message(&self, message: Vec<u8>) -> Result<(), Errno> {
        self.put(message);
        Ok(())
    }

    fn readiness(&self) -> Events {
        let mut events = OUT;
        if self.common.error().is_some() {
            events |= Events::ERR;
        }
        if !self.mailbox.is_empty() {
            events |= IN;
        }
        events
    }

    fn bind(self: Arc<Self>, call: &Call<'_>, address: &[u8]) -> Result<(), Errno> {
        let address = parse(address)?;
        let own = self.state.lock().id;
        match own {
            Some(id) if id != address.pid => return Err(Errno::EINVAL),
            Some(_) => {}
            None if address.pid == 0 => {
                self.ensure_bound(call)?;
            }
            None => {
                let id = self.net.netlink_ports.take(self.common.protocol, address.pid)?;
                self.state.lock().id = Some(id);
            }
        }
        let mut state = self.state.lock();
        state.groups = state.groups & !u64::from(u32::MAX) | u64::from(address.groups);
        Ok(())
    }

    fn connect(self: Arc<Self>, call: &Call<'_>, address: &[u8]) -> Result<(), Fail> {
        if family(address).ok_or(Errno::EINVAL)? == AF_UNSPEC {
            self.state.lock().peer = (0, 0);
            return Ok(());
        }
        let address = parse(address)?;
        let is_admin = call.caller.creds.has_in(self.net.owner(), Capability::NetAdmin);
        if (address.groups != 0 || address.pid != 0) && !is_admin {
            return Err(Errno::EPERM.into());
        }
        self.ensure_bound(call)?;
        self.state.lock().peer = (address.pid, address.groups);
        Ok(())
    }

    fn local_address(&self) -> Result<Address, Errno> {
        let state = self.state.lock();
        Ok(encode(state.id.unwrap_or(0), state.groups as u32))
    }

    fn peer_address(&self) -> Result<Address, Errno> {
        let (pid, groups) = self.state.lock().peer;
        Ok(encode(pid, groups))
    }

    fn send(self: Arc<Self>, call: &Call<'_>, source: &mut dyn Source, message: Outgoing<'_>) -> Result<usize, Fail> {
        if message.flags.contains(MsgFlags::OOB) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let (pid, groups) = match message.to {
            Some(to) => parse(to).map(|to| (to.pid, to.groups))?,
            None => self.state.lock().peer,
        };
        let is_admin = call.caller.creds.has_in(self.net.owner(), Capability::NetAdmin);
        if (pid != 0 || groups != 0) && !is_admin {
            return Err(Errno::EPERM.into());
        }
        let id = self.ensure_bound(call)?;
        let len = source.left();
        if len > (self.common.sndbuf.load(SeqCst) as usize).saturating_sub(32) {
            return Err(Errno::EMSGSIZE.into());
        }
        let bytes = take_all(source)?;
        if pid != 0 || self.common.protocol != netlink::ROUTE {
            return Err(Errno::ECONNREFUSED.into());
        }
        for request in requests(&bytes) {
            self.serve(call, &request, id);
        }
        Ok(len)
    }

    fn receive(&self, call: &Call<'_>, sink: &mut dyn Sink, message: &mut Incoming) -> Result<usize, Fail> {
        if message.flags.contains(MsgFlags::OOB) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let received = self.mailbox.wait(call, &self.common, message.is_peek(), sink.room())?;
        let Some(received) = received else { return Ok(0) };
        let done = received.put(sink, message)?;
        message.from = Some(encode(0, 0));
        if self.common.has(Switches::PASSCRED) {
            message.controls.push(Control::Credentials(received.ucred.unwrap_or_default()));
        }
        Ok(done)
    }

    fn shutdown(&self, _halves: Halves) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn option(&self, _call: &Call<'_>, level: i32, name: i32) -> Result<Vec<u8>, Errno> {
        match (level, name) {
            (SOL_NETLINK, option::LIST_MEMBERSHIPS) => Ok(self.state.lock().groups.to_ne_bytes().to_vec()),
            (
                SOL_NETLINK,
                option::PKTINFO
                | option::BROADCAST_ERROR
                | option::NO_ENOBUFS
                | option::LISTEN_ALL_NSID
                | option::CAP_ACK
                | option::EXT_ACK
                | option::GET_STRICT_CHK,
            ) => Ok(value(&self.common, level, name, 0).to_ne_bytes().to_vec()),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    fn set_option(&self, _call: &Call<'_>, level: i32, name: i32, bytes: &[u8]) -> Result<(), Errno> {
        // Filters choose among broadcasts, of which there are none.
        if level == SOL_SOCKET && name == so::ATTACH_FILTER {
            return Ok(());
        }
        if level != SOL_NETLINK {
            return Err(Errno::ENOPROTOOPT);
        }
        let number = crate::options::int(bytes)?;
        match name {
            option::ADD_MEMBERSHIP => self.change_group(number, true),
            option::DROP_MEMBERSHIP => self.change_group(number, false),
            option::PKTINFO
            | option::BROADCAST_ERROR
            | option::NO_ENOBUFS
            | option::LISTEN_ALL_NSID
            | option::CAP_ACK
            | option::EXT_ACK
            | option::GET_STRICT_CHK => {
                keep(&self.common, level, name, i32::from(number != 0));
                Ok(())
            }
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    fn close(&self) {
        let id = self.state.lock().id.take();
        if let Some(id) = id {
            self.net.netlink_ports.release(self.common.protocol, id);
        }
        self.mailbox.close();
        self.common.queue.notify(ALL);
    }
}
