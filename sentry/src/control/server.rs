//! The thread that listens to the starter and to later commands.

use super::link::Link;
use super::message::{ConsoleSize, Order, Report};
use crate::boot::Running;
use crate::failure::Failure;
use crate::life::Life;
use crate::sandbox::Sandbox;
use abi::Errno;
use host::launch::Signals;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{SocketFlags, accept_with};
use rustix::termios::tcgetwinsize;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Commands that may be connected at a time; a further one waits.
const CLIENTS: usize = 16;

/// Programs beside the first that commands have started and stay with, at a time.
const VISITORS: usize = 512;

/// Most directories and files of one container.
const TREES: usize = 8192;

/// A command that is connected.
struct Client {
    link: Link,
    /// The further container that its orders are for.
    name: Option<String>,
    /// What it has brought for a container that is to be made.
    trees: Vec<OwnedFd>,
    /// What it stands for.
    stands_for: Stand,
}

/// What a connection stands for: it ends with that.
enum Stand {
    /// Nothing.
    None,
    /// A further program.
    Program(Running),
    /// A further container.
    Container(Arc<Life>),
}

impl Client {
    const fn new(link: Link) -> Self {
        Self { link, name: None, trees: Vec::new(), stands_for: Stand::None }
    }

    const fn is_command(&self) -> bool {
        matches!(self.stands_for, Stand::None)
    }
}

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

impl Client {
    /// Carries out an order of a command and answers it. False: the command is gone.
    fn obey(&mut self, sandbox: &Arc<Sandbox>, order: &Order, fds: Vec<OwnedFd>, visitors: usize) -> bool {
        let is_full = visitors >= VISITORS && matches!(order, Order::Enter(_) | Order::Make { .. });
        if is_full {
            let failure = Failure::refused(Errno::EAGAIN, "the sandbox runs too many programs already");
            return self.link.report(&failure.to_report()).is_ok();
        }
        if let Order::Make { name, outfit } = order {
            let made = sandbox.make(name, outfit, std::mem::take(&mut self.trees), fds, &self.link);
            let report = made.as_ref().map_or_else(Failure::to_report, |_| Report::Ready);
            if let Ok(life) = made {
                (self.name, self.stands_for) = (Some(name.clone()), Stand::Container(life));
            }
            return self.link.report(&report).is_ok();
        }
        let life = match &self.name {
            None => Some(sandbox.first().clone()),
            Some(name) => sandbox.other(name),
        };
        let Some(life) = life else {
            let failure = Failure::refused(Errno::ESRCH, "the sandbox has no such container any more");
            return self.link.report(&failure.to_report()).is_ok();
        };
        if let Order::Enter(outfit) = order {
            let entered = life.enter(outfit, fds, &self.link);
            let report = entered.as_ref().map_or_else(Failure::to_report, |_| Report::Done);
            let is_sent = self.link.report(&report).is_ok();
            if let Ok(running) = entered {
                sandbox.watch(&running, &self.link);
                self.stands_for = Stand::Program(running);
            }
            return is_sent;
        }
        let report = life.carry_out(order);
        let is_sent = self.link.report(&report).is_ok();
        life.end_after(order, &report);
        is_sent
    }
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
        sources.extend(clients.map(|(index, client)| (Source::Client(index), client.link.as_fd())));
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
                if index < self.clients.len() && !self.serve_client(index) {
                    let gone = self.clients.swap_remove(index);
                    self.let_go(&gone);
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

    /// A connection has ended, and what it stands for ends with it.
    fn let_go(&self, gone: &Client) {
        match (&gone.stands_for, &gone.name) {
            (Stand::Program(running), _) if !running.is_over() => running.end(),
            (Stand::Container(_), Some(name)) => self.sandbox.remove(name),
            _ => {}
        }
    }

    /// False: it is gone or makes no sense.
    fn serve_client(&mut self, index: usize) -> bool {
        let visitors = self.clients.iter().filter(|client| !client.is_command()).count();
        let Some(client) = self.clients.get_mut(index) else { return false };
        let Ok(Some((order, fds))) = client.link.next_order_with() else { return false };
        match (&client.stands_for, order) {
            // Nobody waits for an answer.
            (Stand::Program(running), order) => {
                running.carry_out(&order);
                true
            }
            (Stand::Container(life), order) => {
                life.carry_out(&order);
                true
            }
            (Stand::None, Order::For(name)) => {
                client.name = Some(name);
                true
            }
            (Stand::None, Order::Trees) => {
                client.trees.extend(fds);
                client.trees.len() <= TREES
            }
            (Stand::None, order) => client.obey(&self.sandbox, &order, fds, visitors),
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
