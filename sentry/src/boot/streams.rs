//! Standard streams of the first program.

use super::machine::Machine;
use super::outside;
use crate::control::{Link, Report};
use crate::failure::Failure;
use crate::plan::{Streams, Terminal};
use abi::fs::OpenFlags;
use fs::devpts::DevPts;
use fs::host::Inherited;
use fs::tty::{HostConsole, Lender};
use std::sync::Arc;
use vfs::{Credentials, FdTable, FsContext, OpenFile, OpenHow, Walk};

/// Where a program's terminal is made.
pub(super) struct Outlets<'a> {
    pub(super) machine: &'a Machine,
    pub(super) devpts: Option<&'a Arc<DevPts>>,
    pub(super) fs: &'a FsContext,
    /// Whose it is.
    pub(super) uid: u32,
}

/// A terminal of the host as a program's.
pub(super) struct Console {
    pub(super) host: Arc<HostConsole>,
    home: Arc<DevPts>,
}

impl Console {
    /// Lets the host's go; who still has the sandbox's sees it hung up.
    pub(super) fn end(&self) {
        self.host.end();
        self.home.end_console(self.host.pty());
    }

    /// As a session has it.
    pub(super) fn terminal(&self) -> Arc<dyn kernel::Terminal> {
        self.host.pty().clone()
    }
}

/// The console and the descriptors 0 to 2. `link`: to the one who lends the terminal.
pub(super) fn streams(
    outlets: &Outlets<'_>,
    given: Streams,
    link: &Link,
) -> Result<(Option<Arc<Console>>, Arc<FdTable>), Failure> {
    let console = given.terminal.map(|terminal| console(outlets, terminal, link)).transpose()?;
    let slave = console.as_ref().map(|console| open(outlets, &console.host)).transpose()?;
    let table = FdTable::new();
    for (number, stream) in (0..).zip(given.standard) {
        let file = match (stream, &slave) {
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

fn console(outlets: &Outlets<'_>, terminal: Terminal, link: &Link) -> Result<Arc<Console>, Failure> {
    let Some(devpts) = outlets.devpts else {
        return Err(Failure::boot("a terminal needs a devpts: mount one at /dev/pts"));
    };
    let cannot = |why: &str| Failure::boot(format_args!("cannot make the sandbox's terminal: {why}"));
    let pty = devpts.new_console(outlets.uid).map_err(|errno| cannot(errno.text()))?;
    let Terminal { input, output, size, is_own } = terminal;
    let starter = || link.share().map(|link| Arc::new(Starter(link)) as Arc<dyn Lender>);
    let lender = (!is_own).then(starter).transpose().map_err(|error| cannot(&error.to_string()))?;
    let console = HostConsole::start(pty, input, output, lender).map_err(|error| cannot(&error.to_string()))?;
    console.set_size(size.rows, size.columns);
    Ok(Arc::new(Console { host: console, home: devpts.clone() }))
}

/// The terminal by its name below /dev/pts, so that `ttyname(3)` finds it.
fn open(outlets: &Outlets<'_>, console: &HostConsole) -> Result<Arc<OpenFile>, Failure> {
    let caller = outside::caller(Credentials::root(outlets.machine.user_ns.clone()));
    let path = format!("/dev/pts/{}", console.pty().index());
    let how = OpenHow::lenient(OpenFlags::RDWR | OpenFlags::NOCTTY, 0);
    let file = Walk::new(&caller, outlets.fs).open(path.as_bytes(), &how);
    file.map_err(|fail| Failure::boot(format_args!("cannot open {path} in the sandbox: {fail:?}")))
}
