//! Standard streams of the first program.

use super::mounts::Builder;
use super::outside;
use crate::control::{Link, Report};
use crate::failure::Failure;
use crate::plan::{Descriptors, Terminal};
use abi::fs::OpenFlags;
use fs::host::Inherited;
use fs::tty::{HostConsole, Lender};
use std::sync::Arc;
use vfs::{Credentials, FdTable, FsContext, OpenFile, OpenHow, Walk};

/// The console and the descriptors 0 to 2.
pub(super) fn streams(
    builder: &mut Builder<'_>,
    fs: &FsContext,
    given: &mut Descriptors,
) -> Result<(Option<Arc<HostConsole>>, Arc<FdTable>), Failure> {
    let console = given.terminal.take().map(|terminal| console(builder, terminal, &given.link)).transpose()?;
    let slave = console.as_ref().map(|console| open(builder, fs, console)).transpose()?;
    let table = FdTable::new();
    for (number, stream) in (0..).zip(&mut given.streams) {
        let file = match (stream.take(), &slave) {
            (Some(fd), _) => Inherited::open(fd)
                .map_err(|error| Failure::boot(format_args!("cannot pass on standard stream {number}: {error}")))?,
            (None, Some(slave)) => slave.clone(),
            (None, None) => continue,
        };
        table.set(number, file, false).map_err(|errno| Failure::boot(errno.text()))?;
    }
    Ok((console, table))
}

/// Asks the starter for its terminal.
struct Starter(Link);

impl Lender for Starter {
    fn ask(&self, is_urgent: bool) {
        // Without a starter the terminal stays as it is.
        let _ = self.0.report(&Report::WantsTerminal { is_urgent });
    }
}

fn console(builder: &mut Builder<'_>, terminal: Terminal, link: &Link) -> Result<Arc<HostConsole>, Failure> {
    let Some(devpts) = &builder.devpts else {
        return Err(Failure::boot("a terminal needs a devpts: mount one at /dev/pts"));
    };
    let cannot = |why: &str| Failure::boot(format_args!("cannot make the sandbox's terminal: {why}"));
    let pty = devpts.new_console(builder.plan.process.uid).map_err(|errno| cannot(errno.text()))?;
    builder.terminals.console().set(pty.clone());
    let Terminal { input, output, size, is_own } = terminal;
    let starter = || link.share().map(|link| Arc::new(Starter(link)) as Arc<dyn Lender>);
    let lender = (!is_own).then(starter).transpose().map_err(|error| cannot(&error.to_string()))?;
    let console = HostConsole::start(pty, input, output, lender).map_err(|error| cannot(&error.to_string()))?;
    console.set_size(size.rows, size.columns);
    Ok(console)
}

/// The terminal by its name below /dev/pts, so that `ttyname(3)` finds it.
fn open(builder: &Builder<'_>, fs: &FsContext, console: &HostConsole) -> Result<Arc<OpenFile>, Failure> {
    let caller = outside::caller(Credentials::root(builder.user_ns.clone()));
    let path = format!("/dev/pts/{}", console.pty().index());
    let how = OpenHow::lenient(OpenFlags::RDWR | OpenFlags::NOCTTY, 0);
    let file = Walk::new(&caller, fs).open(path.as_bytes(), &how);
    file.map_err(|fail| Failure::boot(format_args!("cannot open {path} in the sandbox: {fail:?}")))
}
