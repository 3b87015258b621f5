//! The life of the sentry.

use crate::boot::{Container, Machine};
use crate::control::{Report, Server, Sources};
use crate::failure::Failure;
use crate::launch;
use crate::life::Ending;
use crate::lockdown::{self, OnViolation};
use crate::plan::{Descriptors, Plan};
use crate::sandbox::Sandbox;
use host::launch::Context;
use std::sync::Arc;

/// Runs a sandbox to its end, in the process that was cloned for it. Returns the status to exit with: that of
/// the first guest process as a shell reports it, or 125 to 127 when it did not start.
pub fn run(plan: Plan, mut given: Descriptors) -> u8 {
    if let Some(log) = given.log.take() {
        host::log::open(log);
    }
    match start(plan, &mut given) {
        Ok((sandbox, ending)) => {
            let status = ending.wait();
            sandbox.await_visitors();
            host::debug!("the sandbox ends with status {status}");
            sandbox.say(&Report::Exited { status });
            status
        }
        Err(failure) => {
            host::debug!("the sandbox did not start: {}", failure.text);
            // Without a starter nobody wants to know.
            let _ = given.link.report(&failure.to_report());
            failure.status()
        }
    }
}

fn start(plan: Plan, given: &mut Descriptors) -> Result<(Arc<Sandbox>, Ending), Failure> {
    let (reach, window) = launch::leave_host(&plan, given)?;
    let link = given.link.share().step("share the link to the starter")?;
    let listener = given.listener.take();
    let machine = Machine::build(&plan, reach.proc)?;
    let streams = std::mem::take(&mut given.streams);
    let namespaces = machine.namespaces()?;
    let container = Container::build(&machine, &plan, namespaces, reach.trees, streams, &given.link)?;
    let (sandbox, ending) = Sandbox::new(machine, container, link);
    let sources = Sources { listener, window, dies_with_starter: true };
    Server::start(Arc::clone(&sandbox), sources).step("start the control thread")?;
    lock_down()?;
    if plan.awaits_start {
        sandbox.first().container().look()?;
    }
    sandbox.say(&Report::Ready);
    if !plan.awaits_start {
        sandbox.first().start()?;
        sandbox.say(&Report::Done);
    }
    Ok((sandbox, ending))
}

fn lock_down() -> Result<(), Failure> {
    // The first look at a clock asks the host where its vDSO is.
    let _ = sync::now(sync::Clock::Monotonic);
    let on_violation = match host::log::descriptor() {
        Some(log) => {
            host::launch::report_violations(log)?;
            OnViolation::Report
        }
        None => OnViolation::Kill,
    };
    Ok(lockdown::install(on_violation).step("lock the sentry down")?)
}
