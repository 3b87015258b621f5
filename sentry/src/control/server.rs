//! The thread that listens to the starter and to later commands.

use super::client::Client;
use super::link::Link;
use super::message::{ConsoleSize, Order, Report};
use crate::sandbox::Sandbox;
use host::launch::Signals;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{SocketFlags, accept_with};
use rustix::termios::tcgetwinsize;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Commands that may be connected at a time; a further one waits.
const CLIENTS: usize = 16;

/// What the control thread listens to.
#[derive(Default)]
pub(crate) struct Sources {
    /// Where later commands connect, from [`Order::Listen`] on.
    pub listener: Option<OwnedFd>,
    /// Signals of the sandbox's own terminal, and the terminal.
    pub window: Option<(Signals, OwnedFd)>,
    /// The process ends when the starter hangs up; until it says [`Order::Detach`].
    pub dies_with_starter: bool,
}

/// The thread that listens to the starter and to later commands.
pub(crate) struct Server {
    sandbox: Arc<Sandbox>,
    sources: Sources,
    has_starter: bool,
    is_listening: bool,
    clients: Vec<Client>,
}

#[derive(Clone, Copy)]
enum Source {
    Starter,
    Listener,
    Window,
    Client(usize),
}

impl Server {
    /// Starts it.
    pub(crate) fn start(sandbox: Arc<Sandbox>, sources: Sources) -> io::Result<()> {
        let mut server = Self { sandbox, sources, has_starter: true, is_listening: false, clients: Vec::new() };
        let body = move || {
            while let Ok(ready) = server.wait() {
                // Backwards: a client that hangs up is removed from the list.
                ready.into_iter().rev().for_each(|source| server.serve(source));
            }
        };
        std::thread::Builder::new().name("control".into()).stack_size(128 << 10).spawn(body)?;
        Ok(())
    }

    fn sources(&self) -> Vec<(Source, BorrowedFd<'_>)> {
        let mut sources = Vec::with_capacity(3 + self.clients.len());
        if self.has_starter {
            sources.push((Source::Starter, self.sandbox.link().as_fd()));
        }
        let commands = self.clients.iter().filter(|client| client.is_command()).count();
        let takes_more = self.is_listening && commands < CLIENTS;
        if let Some(listener) = self.sources.listener.as_ref().filter(|_| takes_more) {
            sources.push((Source::Listener, listener.as_fd()));
        }
        if let Some((signals, _)) = &self.sources.window {
            sources.push((Source::Window, signals.as_fd()));
        }
        let clients = self.clients.iter().enumerate();
        sources.extend(clients.map(|(index, client)| (Source::Client(index), client.as_fd())));
        sources
    }

    fn wait(&self) -> io::Result<Vec<Source>> {
        let sources = self.sources();
        let mut fds: Vec<_> = sources.iter().map(|(_, fd)| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
        loop {
            match poll(&mut fds, None) {
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let ready = sources.iter().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty());
        Ok(ready.map(|((source, _), _)| *source).collect())
    }

    fn serve(&mut self, source: Source) {
        match source {
            Source::Starter => self.serve_starter(),
            Source::Listener => self.accept(),
            Source::Window => self.resize(),
            Source::Client(index) => {
                let companions = self.clients.iter().filter(|client| !client.is_command()).count();
                let Some(client) = self.clients.get_mut(index) else { return };
                if !self.sandbox.answering(|| client.serve(&self.sandbox, companions)) {
                    self.clients.swap_remove(index).end(&self.sandbox);
                }
            }
        }
    }

    fn serve_starter(&mut self) {
        if let Ok(Some(order)) = self.sandbox.link().next_order() {
            match order {
                Order::Detach => self.sources.dies_with_starter = false,
                Order::Listen => self.is_listening = true,
                _ => {}
            }
            let first = self.sandbox.first();
            let report = first.carry_out(&order);
            match &report {
                Report::Failed { .. } if order == Order::Start => self.sandbox.say(&report),
                // Nobody waits for an answer to anything else.
                Report::Failed { text, .. } => host::debug!("an order of the starter failed: {text}"),
                _ => {}
            }
            first.end_after(&order, &report);
            return;
        }
        self.has_starter = false;
        if self.sources.dies_with_starter {
            host::debug!("the starter is gone");
            std::process::exit(137);
        }
    }

    fn accept(&mut self) {
        let Some(listener) = &self.sources.listener else { return };
        if let Ok(socket) = accept_with(listener, SocketFlags::CLOEXEC) {
            self.clients.push(Client::new(Link::new(socket)));
        }
    }

    fn resize(&self) {
        let Some((signals, terminal)) = &self.sources.window else { return };
        while signals.next().is_some() {}
        if let Ok(size) = tcgetwinsize(terminal) {
            let size = ConsoleSize { rows: size.ws_row, columns: size.ws_col };
            self.sandbox.first().container().resize(size);
        }
    }
}
