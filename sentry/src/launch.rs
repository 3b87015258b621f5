//! The first steps of the sentry: it leaves the host behind.

use crate::control::Order;
use crate::failure::Failure;
use crate::plan::{Descriptors, Plan, Terminal};
use host::launch::{Context, MountTrees, Signals, close_others, die_with_parent, drop_capabilities, leave_session};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

const SIGWINCH: u8 = 28;

/// What the sentry reaches of the host once it has left it.
pub(crate) struct Reach {
    /// Directories and files of the plan, in its order.
    pub trees: Vec<OwnedFd>,
    /// Process files of the sandbox's host pid namespace.
    pub proc: OwnedFd,
}

/// Signals that tell of a new size of the sandbox's own terminal, and the terminal.
pub(crate) type Window = (Signals, OwnedFd);

/// Waits for the starter, then leaves mounts, descriptors, capabilities and terminal of the host.
pub(crate) fn leave_host(plan: &Plan, given: &Descriptors) -> Result<(Reach, Option<Window>), Failure> {
    // First of all: the starter's end of the link is among them, and hides its end.
    close_others(&kept(given))?;
    let Some((Order::Proceed, groups)) = given.link.next_order_with().step("hear from the starter")? else {
        return Err(Failure::boot("the starter ended early"));
    };
    enter_control_groups(&groups)?;
    drop(groups);
    host::launch::restore_signals();
    leave_session()?;
    let_go_of_streams(given)?;
    let window = given.streams.terminal.as_ref().filter(|terminal| terminal.is_own).map(own_window).transpose()?;
    let mounts = MountTrees::take(&plan.trees)?;
    mounts.leave_the_rest()?;
    if plan.becomes_root {
        host::launch::become_root()?;
    }
    raise_limits();
    drop_capabilities()?;
    if plan.dies_with_starter {
        die_with_parent(given.link.as_fd())?;
    }
    let Some(proc) = mounts.proc else {
        return Err(Failure::boot(
            "cannot mount a procfs for the sandbox: the host hides a part of its own /proc, as containers do; \
             start this container with its /proc unmasked",
        ));
    };
    Ok((Reach { trees: mounts.trees, proc }, window))
}

/// Enters control groups by their files `tasks`. Moving others costs the host an RCU grace period, several ms; a thread
/// that moves itself waits for nobody. There is only this one yet.
fn enter_control_groups(groups: &[OwnedFd]) -> Result<(), Failure> {
    for group in groups {
        rustix::io::write(group, b"0").step("enter a control group")?;
    }
    Ok(())
}

/// Makes the terminal the one of this session, so that it tells of its size.
fn own_window(terminal: &Terminal) -> Result<Window, Failure> {
    let signals = Signals::catch(&[SIGWINCH])?;
    let step = "take the terminal";
    rustix::process::ioctl_tiocsctty(&terminal.output).step(step)?;
    Ok((signals, terminal.output.try_clone().step(step)?))
}

/// Standard input and output belong to the program, not to the sentry: when the program closes its own, the
/// other end shall see it. Standard error stays for the last words of a sentry with a bug, unless the container has
/// a terminal made for it: then it is that of the command that makes the container, whose caller reads to its end.
fn let_go_of_streams(given: &Descriptors) -> Result<(), Failure> {
    let step = "open /dev/null";
    let null = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).step(step)?;
    dup2_stdin(&null).step(step)?;
    dup2_stdout(&null).step(step)?;
    if given.streams.terminal.as_ref().is_some_and(|terminal| terminal.is_own) {
        dup2_stderr(&null).step(step)?;
    }
    Ok(())
}

fn kept(given: &Descriptors) -> Vec<BorrowedFd<'_>> {
    let stdio = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
    let terminal = given.streams.terminal.iter().flat_map(|terminal| [&terminal.input, &terminal.output]);
    let owned = given.streams.standard.iter().flatten().chain(terminal).chain(&given.listener).map(AsFd::as_fd);
    stdio.into_iter().chain([given.link.as_fd()]).chain(host::log::descriptor()).chain(owned).collect()
}

/// The sentry stands for many processes: it takes what its starter's hard limits grant. No core dumps.
fn raise_limits() {
    // Read once and kept, since that call is not in the lock-down's list.
    host::file::descriptor_limit();
    for resource in [Resource::As, Resource::Data, Resource::Fsize, Resource::Cpu, Resource::Nproc] {
        let limit = getrlimit(resource);
        // A limit that can't be raised is met later, as an error of the one call that needs more.
        let _ = setrlimit(resource, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    let maximum = getrlimit(Resource::Core).maximum;
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
}
