//! `connect(2)` of TCP sockets.

use super::address::{Route, any, parse_remote, route_by, source_for};
use super::listener::Admission;
use super::tcp::{Phase, State, Tcp};
use crate::address::family;
use crate::common::OUT;
use crate::message::Call;
use abi::Errno;
use abi::socket::AF_UNSPEC;
use std::net::SocketAddr;
use std::sync::Arc;
use sync::Fail;

impl Tcp {
    pub(super) fn connect_to(self: &Arc<Self>, call: &Call<'_>, address: &[u8]) -> Result<(), Fail> {
        let given = family(address).ok_or(Errno::EINVAL)?;
        if given == AF_UNSPEC {
            return self.disconnect().map_err(Fail::Errno);
        }
        let (from, to) = {
            let mut state = self.state.lock();
            match &mut state.phase {
                Phase::Closed => self.start(&mut state, address)?,
                Phase::Connected { reported } if !*reported => {
                    *reported = true;
                    return Ok(());
                }
                Phase::Connected { .. } | Phase::Listening(_) => return Err(Errno::EISCONN.into()),
                Phase::Connecting if call.nonblock => return Err(Errno::EALREADY.into()),
                Phase::Connecting | Phase::Failed => {
                    drop(state);
                    return self.wait_connected(call);
                }
                Phase::Released => return Err(Errno::EINVAL.into()),
            }
        };
        let listener = self.net.tcp.lock().find(to, |claim| claim.listening.then_some(0));
        let admission = listener.map_or(Admission::Refused, |listener| listener.admit(self, from, to));
        match admission {
            Admission::Done => {
                self.connected(!call.nonblock);
                // Epoll may have been told of the socket before.
                self.common.queue.notify(OUT);
            }
            Admission::Refused => self.fail(Errno::ECONNREFUSED),
            Admission::Waits => {}
        }
        if call.nonblock { Err(Errno::EINPROGRESS.into()) } else { self.wait_connected(call) }
    }

    /// Begins a connection: takes a port, notes the addresses.
    fn start(self: &Arc<Self>, state: &mut State, address: &[u8]) -> Result<(SocketAddr, SocketAddr), Errno> {
        let to = parse_remote(address, self.is_v6, false)?;
        if route_by(self.net.device(), to.ip()) != Route::Local {
            return Err(Errno::ENETUNREACH);
        }
        if to.is_ipv4() && self.is_v6_only() {
            return Err(Errno::ENETUNREACH);
        }
        if state.binding.is_none() {
            self.take_port(state, any(self.is_v6), false)?;
        }
        let binding = state.binding.as_mut().ok_or(Errno::EADDRNOTAVAIL)?;
        if binding.local.ip().is_unspecified() {
            binding.local.set_ip(source_for(to.ip()));
            binding.claim.ip = binding.local.ip();
            self.net.tcp.lock().narrow(binding.local.port(), binding.claim, self);
        } else if binding.local.is_ipv4() != to.is_ipv4() {
            return Err(Errno::ENETUNREACH);
        }
        let from = binding.local;
        state.remote = Some(to);
        state.phase = Phase::Connecting;
        Ok((from, to))
    }

    /// Waits for the listener: `EINPROGRESS` when it takes too long.
    fn wait_connected(&self, call: &Call<'_>) -> Result<(), Fail> {
        let result = self.common.wait(call, OUT, self.common.send_timeout(), || {
            let mut state = self.state.lock();
            match &mut state.phase {
                Phase::Connecting => Err(Errno::EAGAIN),
                Phase::Connected { reported } => {
                    *reported = true;
                    Ok(())
                }
                _ => {
                    state.phase = Phase::Closed;
                    self.forget_remote(&mut state);
                    Err(self.common.take_error().unwrap_or(Errno::ECONNABORTED))
                }
            }
        });
        result.map_err(|fail| if fail == Fail::Errno(Errno::EAGAIN) { Errno::EINPROGRESS.into() } else { fail })
    }

    /// Back to how it was before `connect(2)`.
    fn forget_remote(&self, state: &mut State) {
        state.remote = None;
        if state.binding.is_some_and(|binding| !binding.explicit) {
            self.drop_port(state);
        }
    }

    /// `connect(2)` with `AF_UNSPEC`. A socket that had a connection cannot get another one.
    fn disconnect(&self) -> Result<(), Errno> {
        if let Some(end) = self.end.get() {
            end.close(true);
            return Ok(());
        }
        let mut state = self.state.lock();
        match state.phase {
            Phase::Listening(_) | Phase::Released => Err(Errno::EINVAL),
            _ => {
                state.phase = Phase::Closed;
                self.forget_remote(&mut state);
                Ok(())
            }
        }
    }
}
