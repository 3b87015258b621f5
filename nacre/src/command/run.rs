//! `nacre run`.

use crate::bundle::Bundle;
use crate::cli::{Global, Run};
use crate::container::{Made, Member, Moment, ask, make, make_member, run_hooks};
use crate::error::{Result, bail};
use crate::starter::{Keys, accompany, let_go_of_streams};
use sentry::control::Order;

/// Makes a container, starts it and waits for its end: the program's status.
pub(crate) fn run(global: &Global, command: &Run) -> Result<u8> {
    let bundle = Bundle::load(&command.making.bundle)?;
    if let Some(sandbox) = bundle.sandbox()? {
        return in_sandbox(global, command, &bundle, sandbox);
    }
    if command.detach {
        return detached(global, command, &bundle);
    }
    let mut keys = Keys::catch()?;
    let mut made = make(global, &command.making, &bundle, true)?;
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

fn detached(global: &Global, command: &Run, bundle: &Bundle) -> Result<u8> {
    let made: Made = make(global, &command.making, bundle, false)?;
    // A program that can't be started leaves nothing behind.
    ask(&made.entry, &made.record, &Order::Start)?;
    run_hooks(&made.record, Moment::Started)?;
    made.let_go()?;
    Ok(0)
}

fn in_sandbox(global: &Global, command: &Run, bundle: &Bundle, sandbox: &str) -> Result<u8> {
    if !command.detach {
        bail!("a container in sandbox \"{sandbox}\" can't be waited for: use --detach");
    }
    let member: Member = make_member(global, &command.making, bundle, sandbox)?;
    ask(&member.entry, &member.record, &Order::Start)?;
    run_hooks(&member.record, Moment::Started)?;
    member.let_go()?;
    Ok(0)
}
