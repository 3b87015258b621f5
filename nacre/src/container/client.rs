//! Commands to a container that runs.

use super::record::Record;
use super::store::Entry;
use crate::error::{Error, Result, Try, bail};
use rustix::fs::{Mode, OFlags};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with};
use sentry::control::{Link, Order, Phase, Report, pack};
use sentry::{Process, Streams};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::time::Duration;

const SOCKET: &str = "control.sock";

/// A sandbox that does not answer for so long is stuck.
const PATIENCE: Duration = Duration::from_secs(30);

/// A socket for commands to connect to, once it has a name: [`name`].
pub(super) fn listener() -> Result<OwnedFd> {
    seqpacket().to("make a control socket")
}

/// Gives the socket its name in the container's directory.
pub(super) fn name(socket: &OwnedFd, entry: &Entry) -> Result<()> {
    let what = format_args!("make the control socket in {}", entry.dir.display());
    let address = address(&entry.fd).to(what)?;
    bind(socket, &address).to(what)?;
    listen(socket, 16).to(what)
}

/// Gives a container an order and waits for it to be carried out.
pub(crate) fn ask(entry: &Entry, record: &Record, order: &Order) -> Result<()> {
    match exchange(entry, record, order).to(format_args!("talk to container \"{}\"", entry.id))? {
        Some(Report::Done) => Ok(()),
        Some(Report::Failed { text, .. }) => Err(Error::new(text)),
        Some(report) => bail!("container \"{}\" answered {report:?}", entry.id),
        None => bail!("container \"{}\" ended instead of answering", entry.id),
    }
}

/// Where it says to be in its life.
pub(super) fn phase(entry: &Entry, record: &Record) -> Option<Phase> {
    match exchange(entry, record, &Order::State) {
        Ok(Some(Report::State(phase))) => Some(phase),
        _ => None,
    }
}

fn exchange(entry: &Entry, record: &Record, order: &Order) -> io::Result<Option<Report>> {
    let socket = seqpacket()?;
    for timeout in [Timeout::Recv, Timeout::Send] {
        set_socket_timeout(&socket, timeout, Some(PATIENCE))?;
    }
    let link = reach(socket, entry, record)?;
    if record.sandbox.is_some() {
        link.order(&Order::For(entry.id.clone()))?;
    }
    link.order(order)?;
    link.next_report()
}

/// A connection to a container's sandbox.
pub(super) fn open(entry: &Entry, record: &Record) -> Result<Link> {
    let what = "talk to the sandbox";
    reach(seqpacket().to(what)?, entry, record).to(what)
}

/// By way of the directory's descriptor: socket addresses are short, paths are not.
fn reach(socket: OwnedFd, entry: &Entry, record: &Record) -> io::Result<Link> {
    match &record.sandbox {
        None => connect(&socket, &address(&entry.fd)?)?,
        Some(sandbox) => {
            let dir = entry.dir.with_file_name(sandbox);
            let dir = rustix::fs::open(dir, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
            connect(&socket, &address(&dir)?)?;
        }
    }
    Ok(Link::new(socket))
}

/// Has a further program run in the container: the connection to it. Its start is yet to be told.
pub(crate) fn enter(entry: &Entry, record: &Record, process: &Process, streams: &Streams) -> Result<Link> {
    let what = format!("talk to container \"{}\"", entry.id);
    let body = pack(process).to(format_args!("send the program to container \"{}\"", entry.id))?;
    let link = open(entry, record)?;
    if record.sandbox.is_some() {
        link.order(&Order::For(entry.id.clone())).to(&what)?;
    }
    let mut fds = vec![body.as_fd()];
    fds.extend(streams.descriptors());
    link.order_with(&Order::Enter(streams.outfit()), &fds).to(&what)?;
    Ok(link)
}

fn seqpacket() -> rustix::io::Result<OwnedFd> {
    socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
}

fn address(dir: &OwnedFd) -> rustix::io::Result<SocketAddrUnix> {
    SocketAddrUnix::new(format!("/proc/self/fd/{}/{SOCKET}", dir.as_raw_fd()))
}
