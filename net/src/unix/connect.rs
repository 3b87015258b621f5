//! Finding, binding and connecting unix sockets: `bind(2)`, `listen(2)`, `connect(2)`, `accept(2)`.

use super::endpoint::{Backlog, Endpoint, Kind, State};
use super::name::{Name, Target, parse};
use crate::address::family;
use crate::common::{IN, OUT, Peer, Switches};
use crate::message::Call;
use abi::Errno;
use abi::fs::FileType;
use abi::socket::AF_UNSPEC;
use std::any::Any;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Weak};
use sync::Fail;
use vfs::Walk;

/// Permission to write.
const MAY_WRITE: u32 = 2;

impl Endpoint {
    /// `bind(2)`.
    pub(crate) fn bind_to(self: &Arc<Self>, call: &Call<'_>, address: &[u8]) -> Result<(), Errno> {
        match parse(address)? {
            Target::Unnamed => self.bind_auto(),
            Target::Abstract(name) => {
                if self.name().is_some() {
                    return Err(Errno::EINVAL);
                }
                let name = self.net.unix_names.bind(name, self)?;
                self.set_name(name)
            }
            Target::Path(path) => {
                if self.name().is_some() {
                    return Err(Errno::EINVAL);
                }
                let fs = call.fs.ok_or(Errno::EINVAL)?;
                let walk = Walk::new(call.caller, fs);
                let made = walk.make_node(path, FileType::Socket, 0o777, 0);
                let place = made.map_err(|errno| if errno == Errno::EEXIST { Errno::EADDRINUSE } else { errno })?;
                let socket: Arc<dyn Any + Send + Sync> = self.clone();
                place.inode()?.attachments().bind_socket(&socket);
                self.set_name(Name::path(path, place))
            }
        }
    }

    fn set_name(&self, name: Arc<Name>) -> Result<(), Errno> {
        let mut own = self.name.lock();
        if own.is_some() {
            drop(own);
            if name.place.is_none() {
                self.net.unix_names.release(name.bytes(), self);
            }
            return Err(Errno::EINVAL);
        }
        *own = Some(name);
        Ok(())
    }

    /// Takes an abstract name unless it has a name.
    pub(crate) fn bind_auto(self: &Arc<Self>) -> Result<(), Errno> {
        if self.name().is_some() {
            return Ok(());
        }
        let name = self.net.unix_names.bind_auto(self)?;
        self.set_name(name)
    }

    /// The socket that an address names: `ECONNREFUSED`, `EPROTOTYPE`, `EACCES`, what a walk says.
    pub(crate) fn find(&self, call: &Call<'_>, address: &[u8]) -> Result<Arc<Self>, Errno> {
        let found = match parse(address)? {
            Target::Unnamed => return Err(Errno::EINVAL),
            Target::Abstract(name) => self.net.unix_names.find(name),
            Target::Path(path) => {
                let fs = call.fs.ok_or(Errno::EINVAL)?;
                let place = Walk::new(call.caller, fs).find(path, true)?;
                let inode = place.inode()?;
                inode.permission(call.caller, MAY_WRITE)?;
                if inode.kind() != FileType::Socket {
                    return Err(Errno::ECONNREFUSED);
                }
                inode.attachments().socket().and_then(|socket| socket.downcast::<Self>().ok())
            }
        };
        let found = found.ok_or(Errno::ECONNREFUSED)?;
        if found.kind != self.kind {
            return Err(Errno::EPROTOTYPE);
        }
        Ok(found)
    }

    /// `listen(2)`.
    pub(crate) fn start_listening(&self, call: &Call<'_>, max: u32) -> Result<(), Errno> {
        if self.kind == Kind::Dgram {
            return Err(Errno::EOPNOTSUPP);
        }
        if self.name().is_none() {
            return Err(Errno::EINVAL);
        }
        let owner = Peer::of(call);
        let waiting = {
            let mut state = self.state.lock();
            match &mut *state {
                State::Idle => {
                    let new = Backlog {
                        queue: std::collections::VecDeque::new(),
                        max: max as usize,
                        waiting: Vec::new(),
                        owner,
                    };
                    *state = State::Listening(new);
                    Vec::new()
                }
                State::Listening(backlog) => {
                    backlog.max = max as usize;
                    backlog.owner = owner;
                    std::mem::take(&mut backlog.waiting)
                }
                State::Connected | State::Closed => return Err(Errno::EINVAL),
            }
        };
        for waiter in waiting.iter().filter_map(Weak::upgrade) {
            waiter.queue.notify(OUT);
        }
        Ok(())
    }

    /// `connect(2)`.
    pub(crate) fn connect_to(self: &Arc<Self>, call: &Call<'_>, address: &[u8]) -> Result<(), Fail> {
        if self.kind == Kind::Dgram {
            return self.set_destination(call, address).map_err(Fail::Errno);
        }
        if self.common.has(Switches::PASSCRED) {
            self.bind_auto()?;
        }
        let own = Peer::of(call);
        self.common.wait(call, OUT, self.common.send_timeout(), || {
            let listener = self.find(call, address)?;
            self.try_connect(&listener, &own)
        })
    }

    /// Puts a new socket, joined with this one, into the listener's queue; `EAGAIN` when that is full.
    fn try_connect(self: &Arc<Self>, listener: &Arc<Self>, own: &Peer) -> Result<(), Errno> {
        match &*self.state.lock() {
            State::Idle => {}
            State::Connected => return Err(Errno::EISCONN),
            State::Listening(_) | State::Closed => return Err(Errno::EINVAL),
        }
        {
            let mut state = listener.state.lock();
            let State::Listening(backlog) = &mut *state else { return Err(Errno::ECONNREFUSED) };
            if listener.mailbox.is_shut() {
                return Err(Errno::ECONNREFUSED);
            }
            if backlog.queue.len() > backlog.max {
                backlog.waiting.retain(|waiter| waiter.strong_count() > 0);
                backlog.waiting.push(Arc::downgrade(&self.common));
                return Err(Errno::EAGAIN);
            }
            let child = Self::with(&listener.net, listener.kind, listener.common.inherit());
            *child.name.lock() = listener.name();
            *child.state.lock_nested() = State::Connected;
            child.node.listener.store(listener.node.id(), SeqCst);
            self.join(&child, own.clone(), backlog.owner.clone())?;
            backlog.queue.push_back(child);
        }
        *self.state.lock() = State::Connected;
        listener.common.queue.notify(IN);
        Ok(())
    }

    /// Sets or (with `AF_UNSPEC`) clears where datagrams go.
    fn set_destination(self: &Arc<Self>, call: &Call<'_>, address: &[u8]) -> Result<(), Errno> {
        if family(address) == Some(AF_UNSPEC) {
            let old = self.peer.lock().take();
            drop(old);
            return Ok(());
        }
        if self.common.has(Switches::PASSCRED) {
            self.bind_auto()?;
        }
        let other = self.find(call, address)?;
        self.check_may_send(&other)?;
        let old = self.peer.lock().replace(Arc::downgrade(&other));
        drop(old);
        self.common.queue.notify(OUT);
        Ok(())
    }

    /// A connected datagram socket only takes messages of its peer: `EPERM`.
    pub(crate) fn check_may_send(&self, other: &Self) -> Result<(), Errno> {
        if !other.has_peer() || self.is_peer_of(other) { Ok(()) } else { Err(Errno::EPERM) }
    }

    /// `accept(2)`.
    pub(crate) fn accept_one(&self, call: &Call<'_>) -> Result<Arc<Self>, Fail> {
        if self.kind == Kind::Dgram {
            return Err(Errno::EOPNOTSUPP.into());
        }
        self.common.wait_in_turn(call, || self.try_accept())
    }

    fn try_accept(&self) -> Result<Arc<Self>, Errno> {
        let (child, waiting) = {
            let mut state = self.state.lock();
            let State::Listening(backlog) = &mut *state else { return Err(Errno::EINVAL) };
            let Some(child) = backlog.queue.pop_front() else {
                return Err(if self.mailbox.is_shut() { Errno::EINVAL } else { Errno::EAGAIN });
            };
            (child, std::mem::take(&mut backlog.waiting))
        };
        child.node.listener.store(0, SeqCst);
        for waiter in waiting.iter().filter_map(Weak::upgrade) {
            waiter.queue.notify(OUT);
        }
        Ok(child)
    }
}
