//! The guest's machine and its first program.

use super::mounts::Builder;
use super::program::Program;
use super::streams::streams;
use crate::control::{ConsoleSize, Order, Target};
use crate::failure::Failure;
use crate::launch::Reach;
use crate::plan::{Descriptors, Plan};
use abi::Errno;
use abi::signal::SigInfo;
use fs::memfd::MemFd;
use fs::tmpfs::TmpfsType;
use fs::tty::HostConsole;
use kernel::{Container, Kernel, Terminal, ThreadGroup};
use platform::Platform;
use std::sync::Arc;
use sync::{Mutex, Rank};
use vfs::{UserNamespace, Vfs};

/// Tasks without a limit of the plan's: as many as ids.
const TASKS: u64 = 1 << 22;

/// `SI_USER` of sigaction(2): sent by kill(2).
const SI_USER: i32 = 0;

/// The guest's machine.
pub(crate) struct Machine {
    kernel: Arc<Kernel>,
    container: Arc<Container>,
    /// Until it is started: it has the only hold on the program's descriptors.
    program: Mutex<Option<Program>>,
    console: Option<Arc<HostConsole>>,
}

/// The first program, running.
pub(crate) struct Running {
    group: Arc<ThreadGroup>,
    console: Option<Arc<HostConsole>>,
}

impl Machine {
    /// Builds it. Before the sentry is locked down.
    pub(crate) fn build(plan: &Plan, reach: Reach, given: &mut Descriptors) -> Result<Self, Failure> {
        let user_ns = UserNamespace::root();
        let kernel = kernel(plan, reach.proc, &user_ns)?;
        let vfs = Vfs::new();
        let terminals = fs::pseudo::register(&kernel, &vfs);
        vfs.register_filesystem(Arc::new(TmpfsType));
        vfs.set_memory_files(MemFd::new());
        let mut builder = Builder {
            kernel: &kernel,
            vfs: &vfs,
            terminals: &terminals,
            user_ns: &user_ns,
            plan,
            trees: reach.trees.into_iter().map(Some).collect(),
            devpts: None,
        };
        let files = builder.build()?;
        let (console, fds) = streams(&mut builder, &files, given)?;
        let terminal = console.as_ref().map(|console| console.pty().clone() as Arc<dyn Terminal>);
        let program = Program::new(plan, user_ns.clone(), files, fds, terminal);
        let container = kernel.new_container();
        Ok(Self { kernel, container, program: Mutex::new(Rank::Leaf, Some(program)), console })
    }

    /// Loads and starts the first program.
    pub(crate) fn start(&self) -> Result<Running, Failure> {
        let Some(program) = self.program.lock().take() else {
            return Err(Failure::boot("the program has been started before"));
        };
        let group = program.start(&self.kernel, &self.container)?;
        Ok(Running { group, console: self.console.clone() })
    }

    /// Sends a signal from outside.
    pub(crate) fn signal(&self, signal: u8, target: Target) -> Result<(), Errno> {
        let info = SigInfo::sent(signal, SI_USER, 0, 0);
        match target {
            Target::Init => self.kernel.group(1).ok_or(Errno::ESRCH)?.send_user(info, true),
            Target::InitGroup => {
                self.kernel.signal_process_group(1, info);
                Ok(())
            }
            Target::All => {
                for group in self.kernel.groups_of(&self.container) {
                    // One that ends just now needs no signal.
                    let _ = group.send_user(info, true);
                }
                Ok(())
            }
        }
    }

    /// Stops every task. False: one does not stop, and the others go on.
    pub(crate) fn pause(&self) -> bool {
        self.kernel.pause(&self.container)
    }

    /// Lets the tasks go on.
    pub(crate) fn resume(&self) {
        self.kernel.resume(&self.container);
    }

    /// The tasks are stopped.
    pub(crate) fn is_paused(&self) -> bool {
        self.container.is_paused()
    }

    /// The host's terminal is lent, taken back or refused.
    pub(crate) fn lend_terminal(&self, order: &Order) {
        match (&self.console, order) {
            (Some(console), Order::LendTerminal) => console.lend(),
            (Some(console), Order::TakeTerminalBack) => console.take_back(),
            (Some(console), Order::RefuseTerminal) => console.refuse(),
            _ => {}
        }
    }

    /// The host's terminal has another size.
    pub(crate) fn resize(&self, size: ConsoleSize) {
        if let Some(console) = &self.console {
            console.set_size(size.rows, size.columns);
        }
    }
}

impl Running {
    /// Waits for its end, and until its output is out: status as a shell reports it.
    pub(crate) fn wait(&self) -> u8 {
        let status = self.group.wait_exit();
        if let Some(console) = &self.console {
            console.drain();
        }
        status.to_shell()
    }
}

fn kernel(plan: &Plan, proc: std::os::fd::OwnedFd, user_ns: &Arc<UserNamespace>) -> Result<Arc<Kernel>, Failure> {
    let config = platform::Config { proc, oom_score_adj: Some(stub_oom_score_adj(plan)), may_reach: true };
    let platform = Platform::start(config)
        .map_err(|error| Failure::boot(format_args!("cannot start a process for application memory: {error}")))?;
    Ok(Kernel::new(kernel::Config {
        platform,
        dispatch: syscalls::dispatch,
        user_ns: user_ns.clone(),
        hostname: plan.hostname.clone(),
        domainname: plan.domainname.clone(),
        strace: plan.strace,
        pids_limit: plan.pids_limit.unwrap_or(TASKS),
    }))
}

/// When memory runs out the host shall take an application, never the sentry.
fn stub_oom_score_adj(plan: &Plan) -> i32 {
    let own = std::fs::read_to_string("/proc/self/oom_score_adj").ok().and_then(|text| text.trim().parse().ok());
    let own: i32 = own.unwrap_or(0);
    plan.oom_score_adj.unwrap_or(own).max(own.saturating_add(200)).min(1000)
}
