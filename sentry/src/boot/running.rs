//! A program that was started from outside, and its terminal.

use super::container::SI_USER;
use super::streams::Console;
use crate::control::{ConsoleSize, Order, Target};
use abi::Errno;
use abi::signal::SigInfo;
use fs::tty::HostConsole;
use kernel::ThreadGroup;
use std::sync::Arc;

/// A program that was started from outside.
#[derive(Clone)]
pub(crate) struct Running {
    group: Arc<ThreadGroup>,
    console: Option<Arc<Console>>,
}

impl Running {
    pub(super) const fn new(group: Arc<ThreadGroup>, console: Option<Arc<Console>>) -> Self {
        Self { group, console }
    }

    pub(super) const fn group(&self) -> &Arc<ThreadGroup> {
        &self.group
    }

    /// Waits for its end, and until its output is out: status as a shell reports it.
    pub(crate) fn wait(&self) -> u8 {
        let status = self.group.wait_exit();
        if let Some(console) = &self.console {
            console.host.drain();
        }
        status.to_shell()
    }

    /// Sends it a signal, or the group that it leads.
    pub(crate) fn signal(&self, signal: u8, target: Target) -> Result<(), Errno> {
        let info = SigInfo::sent(signal, SI_USER, 0, 0);
        if target == Target::InitGroup {
            self.group.kernel().signal_group_of(&self.group, info);
            return Ok(());
        }
        match self.group.status() {
            Some(_) => Err(Errno::ESRCH),
            None => self.group.send_user(info, true),
        }
    }

    /// It has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.group.status().is_some()
    }

    /// Carries out an order of the one who started it.
    pub(crate) fn carry_out(&self, order: &Order) {
        match order {
            // It may have ended.
            Order::Signal { signal, target } if *signal <= 64 => drop(self.signal(*signal, *target)),
            Order::Resize(size) => self.resize(*size),
            order => self.lend_terminal(order),
        }
    }

    /// Nobody cares for it any more: it ends, and whoever is in its session.
    pub(crate) fn end(&self) {
        self.group.kernel().kill_session_of(&self.group);
        self.release();
    }

    /// The host's terminal is not used any more.
    pub(crate) fn release(&self) {
        if let Some(console) = &self.console {
            console.end();
        }
    }

    /// The host's terminal has another size.
    fn resize(&self, size: ConsoleSize) {
        if let Some(console) = &self.console {
            console.host.set_size(size.rows, size.columns);
        }
    }

    /// The host's terminal is lent, taken back or refused.
    fn lend_terminal(&self, order: &Order) {
        if let Some(console) = &self.console {
            lend(&console.host, order);
        }
    }
}

/// Lends a terminal, takes it back or refuses it.
pub(super) fn lend(console: &HostConsole, order: &Order) {
    match order {
        Order::LendTerminal => console.lend(),
        Order::TakeTerminalBack => console.take_back(),
        Order::RefuseTerminal => console.refuse(),
        _ => {}
    }
}
