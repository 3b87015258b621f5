//! A unix socket: its state and its life.

use super::name::{Name, unnamed};
use super::rights::Node;
use crate::address::Address;
use crate::common::{ALL, Common, IN, OUT, Peer};
use crate::mailbox::Mailbox;
use crate::message::Call;
use crate::namespace::NetNamespace;
use crate::protocol::Halves;
use crate::stream::{Connection, End, Flavor};
use abi::Errno;
use abi::poll::Events;
use abi::socket::{AF_UNIX, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, OnceLock, Weak};
use sync::{Mutex, Rank};

/// Type of a unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Stream,
    Dgram,
    Seqpacket,
}

/// Connections that wait to be accepted.
pub(crate) struct Backlog {
    pub(crate) queue: VecDeque<Arc<Endpoint>>,
    pub(crate) max: usize,
    /// Sockets that wait for a place.
    pub(crate) waiting: Vec<Weak<Common>>,
    /// Who listens.
    pub(crate) owner: Peer,
}

/// What a socket does.
pub(crate) enum State {
    Idle,
    Listening(Backlog),
    Connected,
    Closed,
}

/// A unix socket.
pub struct Endpoint {
    pub(crate) common: Arc<Common>,
    pub(crate) kind: Kind,
    pub(crate) net: Arc<NetNamespace>,
    pub(crate) node: Arc<Node>,
    pub(crate) name: Mutex<Option<Arc<Name>>>,
    pub(crate) state: Mutex<State>,
    /// Of a stream socket that is connected.
    pub(crate) end: OnceLock<End>,
    /// Messages, of the other types.
    pub(crate) mailbox: Mailbox,
    /// The socket at the other end, or that messages go to by default.
    pub(crate) peer: Mutex<Option<Weak<Endpoint>>>,
    /// The name of the other end of a connection.
    pub(crate) peer_name: OnceLock<Option<Arc<Name>>>,
    /// Sends no more messages.
    pub(crate) write_shut: AtomicBool,
}

impl Endpoint {
    /// A new socket; `ESOCKTNOSUPPORT`.
    pub(crate) fn new(net: &Arc<NetNamespace>, uid: u32, socket_type: i32) -> Result<Arc<Self>, Errno> {
        // Linux makes a datagram socket of a raw one.
        let (kind, number) = match socket_type {
            SOCK_STREAM => (Kind::Stream, SOCK_STREAM),
            SOCK_DGRAM | abi::socket::SOCK_RAW => (Kind::Dgram, SOCK_DGRAM),
            SOCK_SEQPACKET => (Kind::Seqpacket, SOCK_SEQPACKET),
            _ => return Err(Errno::ESOCKTNOSUPPORT),
        };
        Ok(Self::with(net, kind, Common::new(AF_UNIX, number, 0, uid)))
    }

    pub(crate) fn with(net: &Arc<NetNamespace>, kind: Kind, common: Common) -> Arc<Self> {
        let endpoint = Arc::new(Self {
            common: Arc::new(common),
            kind,
            net: net.clone(),
            node: net.rights().node(),
            name: Mutex::new(Rank::Leaf, None),
            state: Mutex::new(Rank::Socket, State::Idle),
            end: OnceLock::new(),
            mailbox: Mailbox::new(),
            peer: Mutex::new(Rank::Leaf, None),
            peer_name: OnceLock::new(),
            write_shut: AtomicBool::new(false),
        });
        net.unix_sockets.add(&endpoint);
        endpoint
    }

    /// Two sockets connected to each other: `socketpair(2)`.
    pub(crate) fn pair(
        call: &Call<'_>,
        net: &Arc<NetNamespace>,
        socket_type: i32,
    ) -> Result<(Arc<Self>, Arc<Self>), Errno> {
        let uid = call.caller.creds.euid;
        let (one, two) = (Self::new(net, uid, socket_type)?, Self::new(net, uid, socket_type)?);
        let peer = Peer::of(call);
        one.join(&two, peer.clone(), peer)?;
        for endpoint in [&one, &two] {
            *endpoint.state.lock() = State::Connected;
        }
        Ok((one, two))
    }

    /// Connects `self` to `other`, a fresh socket; `EISCONN` when `self` has a connection. States are the
    /// caller's business.
    pub(crate) fn join(self: &Arc<Self>, other: &Arc<Self>, own: Peer, others: Peer) -> Result<(), Errno> {
        if self.kind == Kind::Stream {
            let (here, there) = Connection::join(Flavor::Unix, [self.common.clone(), other.common.clone()]);
            // Whoever comes second finds the place taken.
            self.end.set(here).map_err(|_| Errno::EISCONN)?;
            other.end.set(there).map_err(|_| Errno::EISCONN)?;
        }
        {
            let mut peer = self.peer.lock();
            if peer.is_some() && self.kind != Kind::Dgram {
                return Err(Errno::EISCONN);
            }
            *peer = Some(Arc::downgrade(other));
        }
        *other.peer.lock() = Some(Arc::downgrade(self));
        // Fresh cells: nobody else sets them.
        let _ = (self.common.peer.set(others), other.common.peer.set(own));
        let _ = self.peer_name.set(other.name());
        let _ = other.peer_name.set(self.name());
        Ok(())
    }

    /// What it is bound to.
    pub(crate) fn name(&self) -> Option<Arc<Name>> {
        self.name.lock().clone()
    }

    /// The address of a name, or of having none.
    pub(crate) fn address_of(name: Option<&Name>) -> Address {
        name.map_or_else(unnamed, |name| name.address)
    }

    /// The other socket, while it lives.
    pub(crate) fn peer(&self) -> Option<Arc<Self>> {
        self.peer.lock().as_ref()?.upgrade()
    }

    /// Connected, or (a datagram socket) with a default destination.
    pub(crate) fn has_peer(&self) -> bool {
        self.peer.lock().is_some()
    }

    /// `self` is the default destination of `other`.
    pub(crate) fn is_peer_of(&self, other: &Self) -> bool {
        other.peer.lock().as_ref().is_some_and(|peer| std::ptr::eq(peer.as_ptr(), self))
    }

    /// Throws away what lies in its queues: nobody can receive it.
    pub(crate) fn purge(&self) {
        self.mailbox.clear();
        if let Some(end) = self.end.get() {
            end.purge();
        }
        let children: Vec<_> = match &*self.state.lock() {
            State::Listening(backlog) => backlog.queue.iter().cloned().collect(),
            _ => Vec::new(),
        };
        // A connection that waits to be accepted does not listen: this is one step deep.
        for child in children {
            child.purge();
        }
    }

    /// Ends one or both directions.
    pub(crate) fn shut(&self, halves: Halves) {
        if let Some(end) = self.end.get() {
            end.shutdown(halves);
            return;
        }
        if halves.contains(Halves::READ) {
            self.mailbox.shut();
        }
        if halves.contains(Halves::WRITE) {
            self.write_shut.store(true, SeqCst);
        }
        self.common.queue.notify(ALL);
        if self.kind == Kind::Seqpacket
            && let Some(peer) = self.peer()
        {
            if halves.contains(Halves::WRITE) {
                peer.mailbox.shut();
            }
            if halves.contains(Halves::READ) {
                peer.write_shut.store(true, SeqCst);
            }
            peer.common.queue.notify(ALL);
        }
    }

    /// The socket's last descriptor is gone, or the connection was never accepted (`abort`).
    pub(crate) fn release(&self, abort: bool) {
        let old = std::mem::replace(&mut *self.state.lock(), State::Closed);
        let name = self.name();
        if let Some(name) = &name
            && name.place.is_none()
        {
            self.net.unix_names.release(name.bytes(), self);
        }
        if let State::Listening(backlog) = old {
            for child in backlog.queue {
                child.release(true);
            }
            for waiter in backlog.waiting.iter().filter_map(Weak::upgrade) {
                waiter.queue.notify(ALL);
            }
        }
        let unread = self.mailbox.close();
        if let Some(end) = self.end.get() {
            end.close(abort);
        } else if self.kind == Kind::Seqpacket
            && let Some(peer) = self.peer()
        {
            if abort || unread {
                peer.common.set_error(Errno::ECONNRESET);
            }
            peer.mailbox.shut();
            peer.write_shut.store(true, SeqCst);
            peer.common.queue.notify(ALL);
        }
    }

    /// What it is ready for.
    pub(crate) fn ready(&self) -> Events {
        let mut events = Events::empty();
        if self.common.error().is_some() {
            events |= Events::ERR;
        }
        if let Some(end) = self.end.get() {
            return events | end.readiness(1);
        }
        if let State::Listening(backlog) = &*self.state.lock() {
            return if backlog.queue.is_empty() { events } else { events | IN };
        }
        match self.kind {
            Kind::Stream => events | OUT | Events::HUP,
            Kind::Dgram | Kind::Seqpacket => events | self.packet_readiness(),
        }
    }
}
