//! Sending and receiving on unix stream sockets.

use super::endpoint::Endpoint;
use super::scm::{self, Scm};
use crate::common::{IN, OUT, Switches};
use crate::lane::{Extra, ReadHow, Senders};
use crate::message::{Call, Incoming, Outgoing};
use abi::Errno;
use abi::socket::MsgFlags;
use mm::{Sink, Source};
use sync::Fail;

impl Endpoint {
    pub(super) fn send_stream(
        &self,
        call: &Call<'_>,
        source: &mut dyn Source,
        message: Outgoing<'_>,
    ) -> Result<usize, Fail> {
        let Scm { files, ucred } = scm::parse(call, message.controls)?;
        if message.flags.contains(MsgFlags::OOB) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let end = self.end.get();
        if message.to.is_some() {
            return Err(if end.is_some() { Errno::EISCONN } else { Errno::EOPNOTSUPP }.into());
        }
        let end = end.ok_or(Errno::ENOTCONN)?;
        let shows_sender = self.common.has(Switches::PASSCRED) || end.other().has(Switches::PASSCRED);
        let mut extra =
            Extra { ucred: ucred.or_else(|| shows_sender.then(|| call.ucred())), rights: None, is_more: false };
        if !files.is_empty() {
            let peer = self.peer().ok_or(Errno::EPIPE)?;
            extra.rights = Some(self.net.rights().attach(call.caller, files, &peer.node)?);
        }
        let mut sent = 0;
        loop {
            let step = self.common.wait(call, OUT, self.common.send_timeout(), || end.write(source, &mut extra));
            match step {
                Ok(done) => sent += done,
                Err(_) if sent > 0 => return Ok(sent),
                Err(fail) => return Err(fail),
            }
            if source.left() == 0 {
                return Ok(sent);
            }
        }
    }

    pub(super) fn receive_stream(
        &self,
        call: &Call<'_>,
        sink: &mut dyn Sink,
        message: &mut Incoming,
    ) -> Result<usize, Fail> {
        if message.flags.contains(MsgFlags::OOB) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let end = self.end.get().ok_or(Errno::EINVAL)?;
        let wants_sender = self.common.has(Switches::PASSCRED);
        let all = message.flags.contains(MsgFlags::WAITALL);
        let target = if all { sink.room() } else { self.common.rcvlowat().min(sink.room()) };
        let mut how = ReadHow { peek: message.is_peek(), ..ReadHow::default() };
        if wants_sender {
            how.senders = Senders::Apart;
        }
        let mut received = 0;
        let mut first = None;
        loop {
            let step = self.common.wait(call, IN, self.common.receive_timeout(), || end.read(sink, &how));
            let found = match step {
                Ok(found) => found,
                Err(_) if received > 0 => break,
                Err(fail) => return Err(fail),
            };
            received += found.bytes;
            let sender = *first.get_or_insert(found.sender);
            let is_end = found.bytes == 0 || received >= target || how.peek;
            if found.files.is_some() {
                scm::deliver(&self.common, sender, found.files, message);
                self.name_sender(message);
                return Ok(received);
            }
            if is_end {
                break;
            }
            if wants_sender {
                how.senders = Senders::Same(sender);
            }
        }
        if received > 0 {
            scm::deliver(&self.common, first.flatten(), None, message);
            self.name_sender(message);
        }
        Ok(received)
    }

    fn name_sender(&self, message: &mut Incoming) {
        message.from = self.peer_name.get().and_then(Option::as_ref).map(|name| name.address);
    }
}
