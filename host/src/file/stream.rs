//! Pipes, sockets, terminals and other files that were inherited: used without blocking, and without a
//! change that others who have them would see.

use super::at::At;
use super::open::reopen_with;
use super::stat::stat;
use super::{errno, retry};
use abi::Errno;
use abi::fs::FileType;
use abi::poll::Events;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::OFlags;
use rustix::io::ReadWriteFlags;
use rustix::net::{RecvFlags, SendFlags};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How a stream is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file or block device: has offsets, is always ready.
    Seekable,
    /// A socket.
    Socket,
    /// An open file description of our own, that never blocks.
    Own,
    /// A description shared with others, that may block (a pipe).
    Shared,
}

/// An inherited file.
#[derive(Debug)]
pub struct Stream {
    fd: OwnedFd,
    kind: Kind,
}

/// A write of up to this much does not block when a pipe is ready for writing: `pipe(7)`.
const PIPE_BUF: usize = 4096;

impl Stream {
    /// Takes an inherited descriptor over.
    pub fn new(fd: OwnedFd) -> Result<Self, Errno> {
        let mode = stat(At::fd(&fd))?.mode;
        match FileType::from_mode(mode) {
            Some(FileType::Socket) => Ok(Self { fd, kind: Kind::Socket }),
            Some(FileType::Regular | FileType::Directory | FileType::BlockDevice) => {
                Ok(Self { fd, kind: Kind::Seekable })
            }
            Some(FileType::CharDevice) => Ok(Self::own(fd)),
            _ => Ok(Self { fd, kind: Kind::Shared }),
        }
    }

    /// A terminal or another device: opened once more, where the host lets us.
    fn own(fd: OwnedFd) -> Self {
        let flags = rustix::fs::fcntl_getfl(&fd).unwrap_or(OFlags::RDWR) & OFlags::ACCMODE;
        match reopen_with(fd.as_fd(), flags) {
            Ok(own) => Self { fd: own, kind: Kind::Own },
            Err(_) => Self { fd, kind: Kind::Shared },
        }
    }

    /// The descriptor.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// How it is used.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Access mode and status flags: the bits of `open(2)`.
    pub fn flags(&self) -> u32 {
        rustix::fs::fcntl_getfl(&self.fd).map_or(0, |flags| flags.bits())
    }

    /// Reads without blocking; `EAGAIN`.
    pub fn read(&self, buf: &mut [u8]) -> Result<usize, Errno> {
        match self.kind {
            Kind::Seekable | Kind::Own => retry(|| rustix::io::read(&self.fd, &mut *buf)),
            Kind::Socket => retry(|| rustix::net::recv(&self.fd, &mut *buf, RecvFlags::DONTWAIT).map(|(_, len)| len)),
            Kind::Shared => {
                let nowait = ReadWriteFlags::NOWAIT;
                let result =
                    retry(|| rustix::io::preadv2(&self.fd, &mut [IoSliceMut::new(&mut *buf)], u64::MAX, nowait));
                match result {
                    Err(Errno::EOPNOTSUPP) => {
                        self.poll_first(Events::IN)?;
                        retry(|| rustix::io::read(&self.fd, &mut *buf))
                    }
                    other => other,
                }
            }
        }
    }

    /// Writes without blocking; `EAGAIN`, `EPIPE`.
    pub fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        match self.kind {
            Kind::Seekable | Kind::Own => retry(|| rustix::io::write(&self.fd, bytes)),
            Kind::Socket => {
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                retry(|| rustix::net::send(&self.fd, bytes, flags))
            }
            Kind::Shared => {
                let nowait = ReadWriteFlags::NOWAIT;
                match retry(|| rustix::io::pwritev2(&self.fd, &[IoSlice::new(bytes)], u64::MAX, nowait)) {
                    Err(Errno::EOPNOTSUPP) => {
                        self.poll_first(Events::OUT)?;
                        let some = &bytes[..bytes.len().min(PIPE_BUF)];
                        retry(|| rustix::io::write(&self.fd, some))
                    }
                    other => other,
                }
            }
        }
    }

    fn poll_first(&self, wanted: Events) -> Result<(), Errno> {
        let always = Events::ERR | Events::HUP;
        if self.readiness().intersects(wanted | always) { Ok(()) } else { Err(Errno::EAGAIN) }
    }

    /// What it is ready for now.
    pub fn readiness(&self) -> Events {
        readiness(self.fd())
    }
}

/// What a descriptor is ready for now.
pub(crate) fn readiness(fd: BorrowedFd<'_>) -> Events {
    let wanted = PollFlags::IN | PollFlags::PRI | PollFlags::OUT | PollFlags::RDHUP;
    let mut polled = [PollFd::from_borrowed_fd(fd, wanted)];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    match rustix::event::poll(&mut polled, Some(&now)).map_err(errno) {
        Ok(_) => {
            let mut events = Events::from_bits_truncate(u32::from(polled[0].revents().bits()));
            events.set(Events::RDNORM, events.contains(Events::IN));
            events.set(Events::WRNORM, events.contains(Events::OUT));
            events
        }
        Err(_) => Events::empty(),
    }
}
