//! `nacre run`.

use crate::cli::{Global, Run};
use crate::container::{Made, Moment, ask, make, run_hooks};
use crate::error::Result;
use crate::starter::{Keys, accompany, let_go_of_streams};
use sentry::control::Order;

/// Makes a container, starts it and waits for its end: the program's status.
pub(crate) fn run(global: &Global, command: &Run) -> Result<u8> {
    if command.detach {
        return detached(global, command);
    }
    let mut keys = Keys::catch()?;
    let mut made = make(global, &command.making, true)?;
    if made.has_own_terminal {
        keys.share_terminal()?;
    }
    if command.keep {
        made.keep()?;
    }
    made.entry.unlock();
    let_go_of_streams();
    run_hooks(&made.record, Moment::Started)?;
    let status = accompany(&made.sandbox, keys);
    if !command.keep {
        made.remove()?;
    }
    status
}

fn detached(global: &Global, command: &Run) -> Result<u8> {
    let made: Made = make(global, &command.making, false)?;
    // A program that can't be started leaves nothing behind.
    ask(&made.entry, &Order::Start)?;
    run_hooks(&made.record, Moment::Started)?;
    made.let_go()?;
    Ok(0)
}
