//! Commands to a container that runs.

use super::store::Entry;
use crate::error::{Error, Result, Try, bail};
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
    let address = address(entry).to(what)?;
    bind(socket, &address).to(what)?;
    listen(socket, 16).to(what)
}

/// Gives a container an order and waits for it to be carried out.
pub(crate) fn ask(entry: &Entry, order: &Order) -> Result<()> {
    match exchange(entry, order).to(format_args!("talk to container \"{}\"", entry.id))? {
        Some(Report::Done) => Ok(()),
        Some(Report::Failed { text, .. }) => Err(Error::new(text)),
        Some(report) => bail!("container \"{}\" answered {report:?}", entry.id),
        None => bail!("container \"{}\" ended instead of answering", entry.id),
    }
}

/// Where it says to be in its life.
pub(super) fn phase(entry: &Entry) -> Option<Phase> {
    match exchange(entry, &Order::State) {
        Ok(Some(Report::State(phase))) => Some(phase),
        _ => None,
    }
}

fn exchange(entry: &Entry, order: &Order) -> io::Result<Option<Report>> {
    let socket = seqpacket()?;
    for timeout in [Timeout::Recv, Timeout::Send] {
        set_socket_timeout(&socket, timeout, Some(PATIENCE))?;
    }
    connect(&socket, &address(entry)?)?;
    let link = Link::new(socket);
    link.order(order)?;
    link.next_report()
}

/// Has a further program run in the container: the connection to it. Its start is yet to be told.
pub(crate) fn enter(entry: &Entry, process: &Process, streams: &Streams) -> Result<Link> {
    let what = format!("talk to container \"{}\"", entry.id);
    let body = pack(process).to(format_args!("send the program to container \"{}\"", entry.id))?;
    let socket = seqpacket().to(&what)?;
    connect(&socket, &address(entry).to(&what)?).to(&what)?;
    let link = Link::new(socket);
    let mut fds = vec![body.as_fd()];
    fds.extend(streams.descriptors());
    link.order_with(&Order::Enter(streams.outfit()), &fds).to(&what)?;
    Ok(link)
}

fn seqpacket() -> rustix::io::Result<OwnedFd> {
    socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
}

/// By way of the directory's descriptor: socket addresses are short, paths are not.
fn address(entry: &Entry) -> rustix::io::Result<SocketAddrUnix> {
    SocketAddrUnix::new(format!("/proc/self/fd/{}/{SOCKET}", entry.fd.as_raw_fd()))
}
