//! The process of a sandbox, from the outside.

use crate::cli::Global;
use crate::error::{Error, Result, Try, bail};
use host::launch::{Child, Ended, IdMaps, spawn};
use sentry::control::{Link, Order, Report};
use sentry::{Descriptors, Plan};
use std::cell::Cell;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::foreground::Partner;
use super::streams::Streams;

const SIGKILL: u8 = 9;
const SIGSYS: u8 = 31;

/// What a sandbox is made from.
pub(crate) struct Blueprint {
    /// What it is to be.
    pub plan: Plan,
    /// Its ids on the host.
    pub id_maps: IdMaps,
    /// Standard streams and terminal of its program.
    pub streams: Streams,
    /// Where later commands connect. The starter may give it its name later.
    pub listener: Option<OwnedFd>,
    /// The debug log.
    pub log: Option<OwnedFd>,
    /// `oom_score_adj` of the sentry, if it is to have another than this process.
    pub sentry_oom_score_adj: Option<i32>,
}

/// A sandbox that was made. It is killed when this is dropped, unless it was detached.
pub(crate) struct Sandbox {
    /// Its process, the sentry.
    pub child: Child,
    /// The control connection.
    pub link: Link,
    is_bound: Cell<bool>,
}

impl Sandbox {
    /// Makes the process. It waits for [`Self::proceed`].
    pub(crate) fn make(blueprint: Blueprint) -> Result<Self> {
        let Blueprint { plan, id_maps, streams, listener, log, sentry_oom_score_adj } = blueprint;
        let (link, theirs) = Link::pair().to("make a control socket")?;
        let given = Descriptors { link: theirs, listener, streams: streams.into_given(), log };
        let mut given = Some((plan, given));
        let child = spawn(|| match given.take() {
            Some((plan, given)) => sentry::run(plan, given),
            None => 125,
        });
        let child = child.map_err(|error| explain_refusal(&error))?;
        // The child has its copies: this process must not keep pipes open.
        drop(given);
        let sandbox = Self { child, link, is_bound: Cell::new(true) };
        if let Some(score) = sentry_oom_score_adj {
            // Lower than this process's own needs a capability; then it stays as it is.
            let _ = fs::write(format!("/proc/{}/oom_score_adj", sandbox.pid()), score.to_string());
        }
        id_maps.write(sandbox.child.pid)?;
        Ok(sandbox)
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        self.child.pid.as_raw_nonzero().get()
    }

    /// Lets it boot, in the control groups of these files `tasks`.
    pub(crate) fn proceed(&self, groups: &[OwnedFd]) -> Result<()> {
        let groups: Vec<_> = groups.iter().map(AsFd::as_fd).collect();
        reached(self.link.order_with(&Order::Proceed, &groups))
    }

    /// Waits until it is ready to start its program.
    pub(crate) fn await_ready(&self) -> Result<()> {
        match self.link.next_report().to("hear from the sandbox")? {
            Some(Report::Ready) => Ok(()),
            Some(Report::Failed { text, .. }) => Err(Error::new(text)),
            Some(report) => bail!("the sandbox said {report:?} before it was ready"),
            None => Err(self.explain_end()),
        }
    }

    /// Gives it an order.
    pub(crate) fn order(&self, order: &Order) -> Result<()> {
        Partner::order(self, order)
    }

    /// It lives on without this process.
    pub(crate) fn detach(&self) -> Result<()> {
        self.link.order(&Order::Detach).to("let the sandbox go")?;
        self.is_bound.set(false);
        Ok(())
    }

    /// Kills it, unless it was detached, and waits until nothing of it is left.
    pub(crate) fn end(&self) {
        if self.is_bound.replace(false) {
            self.child.kill();
            // An error means that it is reaped already.
            let _ = self.child.wait();
        }
    }

    /// Reaps it; it has ended without a report.
    pub(crate) fn explain_end(&self) -> Error {
        let text = match self.child.wait() {
            Ok(Ended::Signaled(SIGSYS)) => "the sandbox made a host call that it must not make and was killed; \
                 run it again with --debug-log to learn which, and report it"
                .to_owned(),
            Ok(Ended::Signaled(SIGKILL)) => return Error::new("the sandbox was killed").with_status(137),
            Ok(Ended::Signaled(signal)) => format!("the sandbox was killed by signal {signal}; this is a bug of nacre"),
            Ok(Ended::Exited(status)) if status == 128 + SIGSYS => {
                "the sandbox made a host call that it must not make and ended; the debug log names the call".to_owned()
            }
            Ok(Ended::Exited(status)) => {
                format!("the sandbox ended with status {status} and without a word; --debug-log may tell more")
            }
            Err(error) => format!("cannot wait for the sandbox: {error}"),
        };
        Error::new(text).with_status(125)
    }
}

impl Partner for Sandbox {
    fn link(&self) -> &Link {
        &self.link
    }

    fn explain_end(&self) -> Error {
        Self::explain_end(self)
    }

    fn is_gone(&self) {
        // An error means that it is reaped already.
        let _ = self.child.wait();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.end();
    }
}

/// What came of telling the sandbox something.
pub(super) fn reached(result: io::Result<()>) -> Result<()> {
    match result {
        // It has ended: its last report or its status tells why.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.to("talk to the sandbox"),
    }
}

fn explain_refusal(error: &host::launch::Error) -> Error {
    let hint = match error.source.raw_os_error().map(|code| abi::Errno(code as u16)) {
        Some(abi::Errno::EPERM | abi::Errno::EACCES) => {
            "; ordinary users need user namespaces: see the sysctls kernel.unprivileged_userns_clone and \
             kernel.apparmor_restrict_unprivileged_userns, or run as root"
        }
        Some(abi::Errno::ENOSPC | abi::Errno::EUSERS) => {
            "; the host's limits for namespaces are reached: see the sysctls user.max_user_namespaces and \
             user.max_pid_namespaces"
        }
        Some(abi::Errno::EINVAL) => "; the host's kernel lacks namespaces that a sandbox needs",
        _ => "",
    };
    Error::new(format_args!("{error}{hint}"))
}

/// Opens the debug log that the options name. `--strace` alone goes to standard error.
pub(crate) fn log_of(global: &Global) -> Result<Option<OwnedFd>> {
    let path = match (&global.debug_log, &global.log) {
        (Some(path), _) => path,
        (None, Some(path)) if global.debug => path,
        _ if global.strace || global.debug => {
            return rustix::stdio::stderr().try_clone_to_owned().map(Some).to("copy standard error");
        }
        _ => return Ok(None),
    };
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.map(|file| Some(file.into())).to(format_args!("open the debug log {}", path.display()))
}
