//! TCP sockets that accept connections: `listen(2)`, `accept(2)`.

use super::address::any;
use super::tcp::{Binding, Phase, State, Tcp};
use crate::common::{ALL, IN, OUT};
use crate::message::Call;
use crate::protocol::Halves;
use crate::stream::{Connection, Flavor};
use abi::Errno;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use sync::Fail;

/// Connections that wait to be accepted.
#[derive(Default)]
pub(crate) struct Backlog {
    ready: VecDeque<Arc<Tcp>>,
    /// Sockets that there is no place for yet, and where each wanted to go.
    waiting: VecDeque<(Weak<Tcp>, SocketAddr, SocketAddr)>,
    max: usize,
}

/// What became of a request for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Done,
    Waits,
    Refused,
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.ready.len()
    }

    pub(crate) const fn max(&self) -> usize {
        self.max
    }

    fn is_full(&self) -> bool {
        self.ready.len() > self.max
    }
}

impl Tcp {
    pub(super) fn start_listening(self: &Arc<Self>, max: usize) -> Result<(), Errno> {
        let mut state = self.state.lock();
        match &mut state.phase {
            Phase::Listening(backlog) => {
                backlog.max = max;
                return Ok(());
            }
            Phase::Closed if self.end.get().is_none() => {}
            _ => return Err(Errno::EINVAL),
        }
        if state.binding.is_none() {
            self.take_port(&mut state, any(self.is_v6), false)?;
        }
        if let Some(binding) = &mut state.binding {
            let mut claim = self.claim(binding.local.ip());
            claim.listening = true;
            self.net.tcp.lock().change(binding.local.port(), claim, self)?;
            binding.claim = claim;
        }
        state.phase = Phase::Listening(Backlog { max, ..Backlog::default() });
        Ok(())
    }

    /// `client`, at address `from`, wants a connection to `to`, an address of this listener.
    pub(super) fn admit(self: &Arc<Self>, client: &Arc<Self>, from: SocketAddr, to: SocketAddr) -> Admission {
        {
            let mut state = self.state.lock();
            let binding = state.binding;
            let Phase::Listening(backlog) = &mut state.phase else { return Admission::Refused };
            if backlog.is_full() {
                backlog.waiting.retain(|(client, ..)| client.strong_count() > 0);
                backlog.waiting.push_back((Arc::downgrade(client), from, to));
                return Admission::Waits;
            }
            let Some(child) = self.establish(binding, client, from, to) else { return Admission::Refused };
            backlog.ready.push_back(child);
        }
        self.common.queue.notify(IN);
        Admission::Done
    }

    /// A new socket that is connected to `client`; `None` when that has a connection.
    fn establish(
        &self,
        binding: Option<Binding>,
        client: &Arc<Self>,
        from: SocketAddr,
        to: SocketAddr,
    ) -> Option<Arc<Self>> {
        let claim = super::ports::Claim { ip: to.ip(), listening: false, ..binding?.claim };
        let binding = Binding { local: to, claim, explicit: true, is_child: true };
        let state = State { phase: Phase::Connected { reported: true }, binding: Some(binding), remote: Some(from) };
        let child = Self::with(&self.net, self.common.inherit(), state);
        let (here, there) = Connection::join(Flavor::Tcp, [client.common.clone(), child.common.clone()]);
        client.end.set(here).ok()?;
        // The cell of a fresh socket is empty.
        let _ = child.end.set(there);
        self.net.tcp.lock().add_child(to.port(), claim);
        Some(child)
    }

    pub(super) fn accept_one(&self, call: &Call<'_>) -> Result<Arc<Self>, Fail> {
        self.common.wait_in_turn(call, || self.try_accept())
    }

    fn try_accept(&self) -> Result<Arc<Self>, Errno> {
        let mut admitted = Vec::new();
        let child = {
            let mut state = self.state.lock();
            let binding = state.binding;
            let Phase::Listening(backlog) = &mut state.phase else { return Err(Errno::EINVAL) };
            let child = backlog.ready.pop_front().ok_or(Errno::EAGAIN)?;
            while !backlog.is_full()
                && let Some((client, from, to)) = backlog.waiting.pop_front()
            {
                let Some(client) = client.upgrade() else { continue };
                if let Some(child) = self.establish(binding, &client, from, to) {
                    backlog.ready.push_back(child);
                    admitted.push(client);
                }
            }
            child
        };
        for client in &admitted {
            client.connected(false);
            client.common.queue.notify(OUT);
            self.common.queue.notify(IN);
        }
        Ok(child)
    }

    /// A connection has come about.
    pub(super) fn connected(&self, reported: bool) {
        let is_gone = {
            let mut state = self.state.lock();
            let is_gone = matches!(state.phase, Phase::Released);
            if !is_gone {
                state.phase = Phase::Connected { reported };
            }
            is_gone
        };
        if is_gone && let Some(end) = self.end.get() {
            end.close(true);
        }
    }

    /// Stops listening; what waited is refused.
    fn dissolve(&self, backlog: Backlog) {
        for child in backlog.ready {
            child.release(true);
        }
        for (client, ..) in backlog.waiting {
            if let Some(client) = client.upgrade() {
                client.fail(Errno::ECONNREFUSED);
            }
        }
        self.common.queue.notify(ALL);
    }

    /// `shutdown(2)` of a socket without a connection.
    pub(super) fn shutdown_unconnected(&self, halves: Halves) -> Result<(), Errno> {
        let old = {
            let mut state = self.state.lock();
            match &state.phase {
                Phase::Listening(_) if halves.contains(Halves::READ) => {
                    let old = std::mem::replace(&mut state.phase, Phase::Closed);
                    if state.binding.is_some_and(|binding| !binding.explicit) {
                        self.drop_port(&mut state);
                    } else if let Some(binding) = &mut state.binding {
                        binding.claim.listening = false;
                        self.net.tcp.lock().narrow(binding.local.port(), binding.claim, self);
                    }
                    old
                }
                Phase::Listening(_) => return Ok(()),
                Phase::Connecting => std::mem::replace(&mut state.phase, Phase::Closed),
                _ => return Err(Errno::ENOTCONN),
            }
        };
        if let Phase::Listening(backlog) = old {
            self.dissolve(backlog);
        }
        Ok(())
    }

    /// The last descriptor is gone, or (`abort`) the connection is not wanted.
    pub(super) fn release(&self, abort: bool) {
        let old = {
            let mut state = self.state.lock();
            self.drop_port(&mut state);
            std::mem::replace(&mut state.phase, Phase::Released)
        };
        if let Phase::Listening(backlog) = old {
            self.dissolve(backlog);
        }
        if let Some(end) = self.end.get() {
            end.close(abort);
        }
    }
}
