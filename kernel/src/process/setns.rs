//! Entering namespaces: `setns(2)`.

use crate::namespace::Namespace;
use crate::task::CurrentTask;
use abi::Errno;
use abi::sched::CloneFlags;
use std::sync::Arc;
use vfs::{Capability, Credentials, FsContext, MountNamespace, UserNamespace};

impl CurrentTask {
    /// Enters namespaces, all or none. `EINVAL`, `EPERM`, `EUSERS`.
    pub fn enter(&mut self, targets: &[Namespace]) -> Result<(), Errno> {
        let mut creds = None;
        let mut mounts = None;
        let mut namespaces = self.task().attributes().namespaces;
        // The user namespace comes first: what it gives counts for the others.
        let is_user = |target: &&Namespace| matches!(target, Namespace::User(_));
        for target in targets.iter().filter(is_user).chain(targets.iter().filter(|target| !is_user(target))) {
            let now = creds.as_ref().unwrap_or(&**self.creds());
            match target {
                Namespace::User(ns) => creds = Some(self.check_user(ns)?),
                Namespace::Mount(ns) => {
                    self.check_mounts(ns, now)?;
                    mounts = Some(ns.clone());
                }
                Namespace::Uts(ns) => {
                    self.check_owner(&ns.owner, now)?;
                    namespaces.uts = ns.clone();
                }
                Namespace::Ipc(ns) => {
                    self.check_owner(&ns.owner, now)?;
                    namespaces.ipc = ns.clone();
                }
                Namespace::Pid(ns) => {
                    self.check_owner(&ns.owner, now)?;
                    if !ns.is_within(&self.task().pid_namespace()) {
                        return Err(Errno::EINVAL);
                    }
                    namespaces.pid_for_children = ns.clone();
                }
                Namespace::Cgroup(ns) => {
                    self.check_owner(&ns.owner, now)?;
                    namespaces.cgroup = ns.clone();
                }
                Namespace::Net(ns) => {
                    self.check_owner(ns.owner(), now)?;
                    namespaces.net = ns.clone();
                }
                Namespace::Time(ns) => {
                    if self.has_company() {
                        return Err(Errno::EUSERS);
                    }
                    self.check_owner(&ns.owner, now)?;
                    namespaces.time = ns.clone();
                    namespaces.time_for_children = ns.clone();
                }
            }
        }
        if targets.iter().any(|target| target.kind() == CloneFlags::NEWIPC) {
            self.task().set_undo(None);
        }
        self.task().with_attributes(|attributes| attributes.namespaces = namespaces);
        self.task().enter_time();
        if let Some(mounts) = mounts {
            let fs = self.fs().fork();
            fs.enter(mounts);
            self.set_fs(fs);
        }
        match creds {
            Some(creds) => self.set_creds(creds),
            None => self.tell_stub(),
        }
        Ok(())
    }

    /// `CAP_SYS_ADMIN` both in the owner of a namespace and in one's own user namespace: `EPERM`.
    fn check_owner(&self, owner: &Arc<UserNamespace>, creds: &Credentials) -> Result<(), Errno> {
        let is_allowed = self.creds().has_in(owner, Capability::SysAdmin)
            && self.creds().has_in(&creds.user_ns, Capability::SysAdmin);
        if is_allowed { Ok(()) } else { Err(Errno::EPERM) }
    }

    fn check_user(&self, ns: &Arc<UserNamespace>) -> Result<Credentials, Errno> {
        let creds = self.creds();
        // Coming again would give back capabilities that were dropped.
        if Arc::ptr_eq(ns, &creds.user_ns) || self.group().tasks().len() > 1 || self.shares_fs() {
            return Err(Errno::EINVAL);
        }
        if creds.has_in(ns, Capability::SysAdmin) { Ok(creds.entering(ns.clone())) } else { Err(Errno::EPERM) }
    }

    fn check_mounts(&self, ns: &Arc<MountNamespace>, creds: &Credentials) -> Result<(), Errno> {
        let own = self.creds();
        let is_allowed = own.has_in(ns.owner(), Capability::SysAdmin)
            && own.has_in(&creds.user_ns, Capability::SysChroot)
            && own.has_in(&creds.user_ns, Capability::SysAdmin);
        if !is_allowed {
            return Err(Errno::EPERM);
        }
        if self.shares_fs() { Err(Errno::EINVAL) } else { Ok(()) }
    }

    /// Another thread, or a process that shares the memory, exists.
    fn has_company(&self) -> bool {
        let own = self.mm();
        // This task's own, and what it shows of itself.
        self.group().tasks().len() > 1
            || Arc::strong_count(own) > 2 && self.other_lives().any(|live| Arc::ptr_eq(&live.mm, own))
    }

    /// Another task shares root and working directory.
    pub(crate) fn shares_fs(&self) -> bool {
        let own: &Arc<FsContext> = self.fs();
        Arc::strong_count(own) > 2 && self.other_lives().any(|live| Arc::ptr_eq(&live.fs, own))
    }

    /// What the other tasks of the sandbox have.
    fn other_lives(&self) -> impl Iterator<Item = crate::task::Live> {
        let own = self.task().serial();
        let tasks = self.kernel().groups().into_iter().flat_map(|group| group.all_tasks());
        tasks.filter(move |task| task.serial() != own).filter_map(|task| task.live())
    }
}
