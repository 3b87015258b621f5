//! A socket that carries messages whole: `SOCK_SEQPACKET`.

use super::message::{LONGEST, Order, Report, VERSION};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Most descriptors that come with a message: `SCM_MAX_FD`.
pub const FILES_MAX: usize = 253;
const CONTROL: usize = rustix::cmsg_space!(ScmRights(FILES_MAX));

/// One end of a control connection.
#[derive(Debug)]
pub struct Link {
    socket: OwnedFd,
}

impl Link {
    /// Two ends that are connected.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self { socket: a }, Self { socket: b }))
    }

    /// An end that was connected or accepted elsewhere.
    pub const fn new(socket: OwnedFd) -> Self {
        Self { socket }
    }

    /// The same end once more.
    pub fn share(&self) -> io::Result<Self> {
        Ok(Self { socket: self.socket.try_clone()? })
    }

    /// Sends to the sentry.
    pub fn order(&self, order: &Order) -> io::Result<()> {
        self.send(order, &[])
    }

    /// Sends to the sentry, with descriptors.
    pub fn order_with(&self, order: &Order, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.send(order, fds)
    }

    /// Sends to the command line.
    pub fn report(&self, report: &Report) -> io::Result<()> {
        self.send(report, &[])
    }

    /// The next order; `None` when the other end is gone.
    pub fn next_order(&self) -> io::Result<Option<Order>> {
        Ok(self.receive()?.map(|(order, _)| order))
    }

    /// The next order with its descriptors; `None` when the other end is gone.
    pub fn next_order_with(&self) -> io::Result<Option<(Order, Vec<OwnedFd>)>> {
        self.receive()
    }

    /// The next report; `None` when the other end is gone.
    pub fn next_report(&self) -> io::Result<Option<Report>> {
        Ok(self.receive()?.map(|(report, _)| report))
    }

    fn send(&self, message: &impl Serialize, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let packet = encode(message)?;
        let mut space = vec![MaybeUninit::uninit(); if fds.is_empty() { 0 } else { CONTROL }];
        loop {
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
                return Err(io::Error::other("too many descriptors"));
            }
            match sendmsg(&self.socket, &[IoSlice::new(&packet)], &mut control, SendFlags::NOSIGNAL) {
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn receive<T: DeserializeOwned>(&self) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        let mut buffer = vec![0; LONGEST + 1];
        let mut space = vec![MaybeUninit::uninit(); CONTROL];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut was_reset = false;
        let len = loop {
            let slices = &mut [IoSliceMut::new(&mut buffer)];
            match recvmsg(&self.socket, slices, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Ok(message) => break message.bytes,
                Err(rustix::io::Errno::INTR) => {}
                // The other end has left something unread. What it said before is still to come.
                Err(rustix::io::Errno::CONNRESET) if !was_reset => was_reset = true,
                Err(rustix::io::Errno::CONNRESET) => break 0,
                Err(error) => return Err(error.into()),
            }
        };
        let mut fds = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                fds.extend(rights);
            }
        }
        if len == 0 {
            return Ok(None);
        }
        decode(buffer.get(..len).unwrap_or_default()).map(|message| Some((message, fds)))
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let packet = postcard::to_extend(message, VERSION.to_le_bytes().to_vec()).map_err(io::Error::other)?;
    if packet.len() > LONGEST {
        return Err(io::Error::other("the message is too long"));
    }
    Ok(packet)
}

fn decode<T: DeserializeOwned>(packet: &[u8]) -> io::Result<T> {
    let bad = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text.to_owned());
    let Some((version, body)) = packet.split_first_chunk() else {
        return Err(bad("a message without a version"));
    };
    if u16::from_le_bytes(*version) != VERSION {
        return Err(bad("the sandbox was started by another version of nacre"));
    }
    if packet.len() > LONGEST {
        return Err(bad("a message that is too long"));
    }
    match postcard::take_from_bytes(body) {
        Ok((message, [])) => Ok(message),
        _ => Err(bad("a message that makes no sense")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::{ConsoleSize, Stage, Target};
    use super::*;

    #[test]
    fn messages_arrive_as_sent() {
        let (starter, sentry) = Link::pair().unwrap();
        let orders = [
            Order::Proceed,
            Order::Signal { signal: 15, target: Target::All },
            Order::Resize(ConsoleSize { rows: 24, columns: 80 }),
        ];
        for order in &orders {
            starter.order(order).unwrap();
        }
        for order in orders {
            assert_eq!(sentry.next_order().unwrap(), Some(order));
        }
        let null = std::fs::File::open("/dev/null").unwrap();
        starter.order_with(&Order::Start, &[null.as_fd(), null.as_fd()]).unwrap();
        let (order, fds) = sentry.next_order_with().unwrap().unwrap();
        assert_eq!((order, fds.len()), (Order::Start, 2));
        let report = Report::Failed { stage: Stage::Exec, errno: 2, text: "cannot run x".to_owned() };
        sentry.report(&report).unwrap();
        assert_eq!(starter.next_report().unwrap(), Some(report));
        drop(sentry);
        assert_eq!(starter.next_report().unwrap(), None);
        assert!(starter.order(&Order::Start).is_err());
    }

    #[test]
    fn the_last_word_arrives_whatever_was_not_heard() {
        let (starter, sentry) = Link::pair().unwrap();
        starter.order(&Order::Proceed).unwrap();
        sentry.report(&Report::Done).unwrap();
        drop(sentry);
        assert_eq!(starter.next_report().unwrap(), Some(Report::Done));
        assert_eq!(starter.next_report().unwrap(), None);
    }

    #[test]
    fn bad_packets_are_refused() {
        assert!(decode::<Order>(&[]).is_err());
        assert!(decode::<Order>(&[1]).is_err());
        assert!(decode::<Order>(&[9, 9, 0]).is_err(), "version");
        assert!(decode::<Order>(&[3, 0, 200]).is_err(), "variant");
        assert!(decode::<Order>(&[3, 0, 0, 0]).is_err(), "trailing bytes");
        assert_eq!(decode::<Order>(&[3, 0, 0]).unwrap(), Order::Proceed);
        let long = Report::Failed { stage: Stage::Boot, errno: 0, text: "x".repeat(LONGEST) };
        assert!(encode(&long).is_err());
    }
}
