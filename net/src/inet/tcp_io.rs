//! Sending and receiving on TCP sockets.

use super::tcp::{Phase, Tcp};
use crate::common::{IN, OUT, Switches};
use crate::lane::{Extra, ReadHow};
use crate::message::{Call, Incoming};
use crate::stream::End;
use abi::Errno;
use abi::socket::MsgFlags;
use mm::{Sink, Source};
use std::sync::atomic::Ordering::Relaxed;
use sync::Fail;

impl Tcp {
    /// The connection, once it has come about: `idle` when none is on its way.
    fn connection(&self, call: &Call<'_>, idle: Errno, is_send: bool) -> Result<&End, Fail> {
        if let Some(end) = self.end.get() {
            return Ok(end);
        }
        let timeout = if is_send { self.common.send_timeout() } else { self.common.receive_timeout() };
        self.common.wait(call, OUT, timeout, || {
            if let Some(end) = self.end.get() {
                return Ok(end);
            }
            match self.state.lock().phase {
                Phase::Connecting => Err(Errno::EAGAIN),
                _ => Err(self.common.take_error().unwrap_or(idle)),
            }
        })
    }

    pub(super) fn send_bytes(&self, call: &Call<'_>, source: &mut dyn Source, flags: MsgFlags) -> Result<usize, Fail> {
        if flags.contains(MsgFlags::FASTOPEN) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let end = self.connection(call, Errno::EPIPE, true)?;
        let is_more = flags.contains(MsgFlags::MORE) || self.is_corked.load(Relaxed);
        let mut sent = 0;
        loop {
            let step = self.common.wait(call, OUT, self.common.send_timeout(), || {
                if flags.contains(MsgFlags::OOB) {
                    end.write_urgent(source)
                } else {
                    end.write(source, &mut Extra { is_more, ..Extra::default() })
                }
            });
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

    pub(super) fn receive_bytes(
        &self,
        call: &Call<'_>,
        sink: &mut dyn Sink,
        message: &mut Incoming,
    ) -> Result<usize, Fail> {
        let end = self.connection(call, Errno::ENOTCONN, false)?;
        let inline = self.common.has(Switches::OOBINLINE);
        if message.flags.contains(MsgFlags::OOB) {
            let byte = end.read_urgent(message.is_peek(), inline)?;
            message.out |= MsgFlags::OOB;
            return Ok(sink.put(&[byte])?);
        }
        let all = message.flags.contains(MsgFlags::WAITALL);
        let target = if all { sink.room() } else { self.common.rcvlowat().min(sink.room()) };
        let how = ReadHow {
            peek: message.is_peek(),
            discard: message.flags.contains(MsgFlags::TRUNC),
            least: if all && message.is_peek() { target.min(end.capacity() / 2) } else { 0 },
            ..ReadHow::default()
        };
        if !inline && !how.peek && end.is_at_mark() {
            end.skip_urgent();
        }
        let mut received = 0;
        loop {
            let step = self.common.wait(call, IN, self.common.receive_timeout(), || end.read(sink, &how));
            match step {
                Ok(found) => {
                    received += found.bytes;
                    if found.bytes == 0 || received >= target || how.peek || how.discard {
                        return Ok(received);
                    }
                }
                Err(_) if received > 0 => return Ok(received),
                Err(fail) => return Err(fail),
            }
        }
    }
}
