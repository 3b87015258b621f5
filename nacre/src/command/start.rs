//! `nacre start`.

use crate::cli::{Global, Id};
use crate::container::{Moment, Status, Store, ask, run_hooks};
use crate::error::{Result, bail};
use sentry::control::Order;

/// Starts the program of a container.
pub(crate) fn run(global: &Global, command: &Id) -> Result<u8> {
    let entry = Store::new(global).open(&command.id)?;
    let record = entry.read()?;
    match entry.status(&record) {
        Status::Created => {}
        Status::Creating => bail!("cannot start container \"{}\": it is still being made", command.id),
        Status::Running => bail!("cannot start container \"{}\": it runs already", command.id),
        Status::Paused => bail!("cannot start container \"{}\": it is paused; resume it first", command.id),
        Status::Stopped => {
            bail!("cannot start container \"{}\": it has ended; delete it and make a new one", command.id)
        }
    }
    ask(&entry, &record, &Order::Start)?;
    run_hooks(&record, Moment::Started)?;
    Ok(0)
}
