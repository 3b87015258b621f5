//! The guest's machine: what its containers have in common.

use crate::failure::Failure;
use crate::plan::Plan;
use fs::memfd::MemFd;
use fs::tmpfs::TmpfsType;
use fs::tty::Terminals;
use kernel::ipc::IpcNamespace;
use kernel::{Kernel, Namespaces, PidNamespace, UtsNamespace};
use platform::Platform;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use vfs::{UserNamespace, Vfs};

/// The guest's machine: what its containers have in common.
pub(crate) struct Machine {
    pub(super) kernel: Arc<Kernel>,
    pub(super) vfs: Arc<Vfs>,
    pub(super) terminals: Arc<Terminals>,
    pub(super) user_ns: Arc<UserNamespace>,
    pub(super) has_console: AtomicBool,
}

impl Machine {
    /// Builds it; `proc` shows the processes of the sandbox's host pid namespace. Before the sentry is locked down.
    pub(crate) fn build(plan: &Plan, proc: OwnedFd) -> Result<Arc<Self>, Failure> {
        if let Some(bytes) = plan.memory {
            host::file::limit_memory(bytes);
        }
        let user_ns = UserNamespace::root();
        let kernel = kernel(plan, proc, &user_ns)?;
        let vfs = Vfs::new();
        vfs.count_changes(kernel.platform().name_changes());
        let terminals = fs::pseudo::register(&kernel, &vfs);
        vfs.register_filesystem(Arc::new(TmpfsType));
        vfs.set_memory_files(MemFd::new());
        Ok(Arc::new(Self { kernel, vfs, terminals, user_ns, has_console: AtomicBool::new(false) }))
    }

    /// The namespaces of the first container. No process is in the root pid namespace itself: there each container
    /// would see all others.
    pub(crate) fn namespaces(&self) -> Result<Namespaces, Failure> {
        Ok(Namespaces { pid_for_children: self.new_pids()?, ..self.kernel.root_namespaces().clone() })
    }

    fn new_pids(&self) -> Result<Arc<PidNamespace>, Failure> {
        let pids = self.kernel.root_pids().child(self.kernel.new_namespace_id(), self.user_ns.clone());
        pids.ok_or_else(|| Failure::boot("there is no room for a pid namespace"))
    }

    /// Namespaces for a further container that has nothing in common with the first.
    pub(crate) fn new_namespaces(&self, plan: &Plan) -> Result<Namespaces, Failure> {
        let (kernel, owner) = (&self.kernel, &self.user_ns);
        let mut namespaces = kernel.root_namespaces().clone();
        let names = (plan.hostname.clone(), plan.domainname.clone());
        namespaces.uts = UtsNamespace::new(kernel.new_namespace_id(), owner.clone(), names.0, names.1);
        namespaces.ipc = IpcNamespace::new(kernel.new_namespace_id(), owner.clone());
        namespaces.net = namespaces.net.unshare(owner.clone());
        namespaces.net.set_id(kernel.new_namespace_id());
        namespaces.pid_for_children = self.new_pids()?;
        Ok(namespaces)
    }
}

fn kernel(plan: &Plan, proc: OwnedFd, user_ns: &Arc<UserNamespace>) -> Result<Arc<Kernel>, Failure> {
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
    }))
}

/// When memory runs out the host shall take an application, never the sentry.
fn stub_oom_score_adj(plan: &Plan) -> i32 {
    let own = std::fs::read_to_string("/proc/self/oom_score_adj").ok().and_then(|text| text.trim().parse().ok());
    let own: i32 = own.unwrap_or(0);
    plan.oom_score_adj.unwrap_or(own).max(own.saturating_add(200)).min(1000)
}
