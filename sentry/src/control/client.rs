//! A command that is connected, or a process that stands for a program or a container.

use super::link::Link;
use super::message::{Order, Outfit, Report};
use crate::boot::Running;
use crate::failure::Failure;
use crate::life::Life;
use crate::sandbox::Sandbox;
use abi::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Connections that stand for a program or a container, at a time.
const COMPANIONS: usize = 512;

/// Most directories and files of one container.
const TREES: usize = 8192;

/// A command that is connected.
pub(super) struct Client {
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
    /// A connection that was accepted.
    pub(super) const fn new(link: Link) -> Self {
        Self { link, name: None, trees: Vec::new(), stands_for: Stand::None }
    }

    /// It stands for nothing: it gives orders and gets answers.
    pub(super) const fn is_command(&self) -> bool {
        matches!(self.stands_for, Stand::None)
    }

    /// Serves what has come. False: it is gone or makes no sense. `companions`: connections that stand for something.
    pub(super) fn serve(&mut self, sandbox: &Arc<Sandbox>, companions: usize) -> bool {
        let Ok(Some((order, fds))) = self.link.next_order_with() else { return false };
        match (&self.stands_for, order) {
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
                self.name = Some(name);
                true
            }
            (Stand::None, Order::Trees) => {
                self.trees.extend(fds);
                self.trees.len() <= TREES
            }
            (Stand::None, Order::Enter(_) | Order::Make { .. }) if companions >= COMPANIONS => {
                self.answer(&Failure::refused(Errno::EAGAIN, "the sandbox runs too many programs already").to_report())
            }
            (Stand::None, Order::Make { name, outfit }) => self.make(sandbox, name, &outfit, fds),
            (Stand::None, Order::Enter(outfit)) => self.enter(sandbox, &outfit, fds),
            (Stand::None, order) => self.obey(sandbox, &order),
        }
    }

    /// It is gone, and what it stands for ends with it.
    pub(super) fn end(self, sandbox: &Sandbox) {
        match (self.stands_for, self.name) {
            (Stand::Program(running), _) if !running.is_over() => running.end(),
            (Stand::Container(_), Some(name)) => sandbox.remove(&name),
            _ => {}
        }
    }

    /// False: it is gone.
    fn answer(&self, report: &Report) -> bool {
        self.link.report(report).is_ok()
    }

    fn make(&mut self, sandbox: &Arc<Sandbox>, name: String, outfit: &Outfit, fds: Vec<OwnedFd>) -> bool {
        let made = sandbox.make(&name, outfit, std::mem::take(&mut self.trees), fds, &self.link);
        let report = made.as_ref().map_or_else(Failure::to_report, |_| Report::Ready);
        if let Ok(life) = made {
            (self.name, self.stands_for) = (Some(name), Stand::Container(life));
        }
        self.answer(&report)
    }

    fn enter(&mut self, sandbox: &Arc<Sandbox>, outfit: &Outfit, fds: Vec<OwnedFd>) -> bool {
        let entered = self.life(sandbox).and_then(|life| life.enter(outfit, fds, &self.link));
        let report = entered.as_ref().map_or_else(Failure::to_report, |_| Report::Done);
        // Its start is told before its end.
        let is_sent = self.answer(&report);
        if let Ok(running) = entered {
            sandbox.watch(&running, &self.link);
            self.stands_for = Stand::Program(running);
        }
        is_sent
    }

    fn obey(&self, sandbox: &Sandbox, order: &Order) -> bool {
        match self.life(sandbox) {
            Ok(life) => {
                let report = life.carry_out(order);
                let is_sent = self.answer(&report);
                life.end_after(order, &report);
                is_sent
            }
            Err(failure) => self.answer(&failure.to_report()),
        }
    }

    /// Whom its orders are for.
    fn life(&self, sandbox: &Sandbox) -> Result<Arc<Life>, Failure> {
        let Some(name) = &self.name else { return Ok(sandbox.first().clone()) };
        let gone = || Failure::refused(Errno::ESRCH, "the sandbox has no such container any more");
        sandbox.other(name).ok_or_else(gone)
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }
}
