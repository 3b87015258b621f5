//! Namespaces as things that can be named, held open and entered: `namespaces(7)`.

use crate::ipc::IpcNamespace;
use crate::pid::PidNamespace;
use crate::timens::TimeNamespace;
use crate::uts::UtsNamespace;
use abi::sched::CloneFlags;
use net::NetNamespace;
use std::sync::Arc;
use vfs::{MountNamespace, Owner, UserNamespace};

/// A cgroup namespace: `cgroup_namespaces(7)`. All processes are in the one group that there is, so that all these
/// namespaces have the same root.
#[derive(Debug)]
pub struct CgroupNamespace {
    /// Number in /proc/PID/ns.
    pub id: u64,
    /// The namespace whose root rules here.
    pub owner: Owner,
}

impl CgroupNamespace {
    /// A namespace whose root is the group of its maker.
    pub(crate) fn new(id: u64, owner: impl Into<Owner>) -> Arc<Self> {
        Arc::new(Self { id, owner: owner.into() })
    }
}

/// A namespace of any kind.
#[derive(Clone, Debug)]
pub enum Namespace {
    /// Users, groups and capabilities.
    User(Arc<UserNamespace>),
    /// Mounts.
    Mount(Arc<MountNamespace>),
    /// Names of the machine.
    Uts(Arc<UtsNamespace>),
    /// System V IPC and message queues.
    Ipc(Arc<IpcNamespace>),
    /// Process ids.
    Pid(Arc<PidNamespace>),
    /// Control groups.
    Cgroup(Arc<CgroupNamespace>),
    /// Network.
    Net(Arc<NetNamespace>),
    /// Clocks.
    Time(Arc<TimeNamespace>),
}

impl Namespace {
    /// Name of the kind and number, as in `mnt:[4026531832]`.
    pub fn label(&self) -> (&'static str, u64) {
        match self {
            Self::User(ns) => ("user", ns.id),
            Self::Mount(ns) => ("mnt", ns.id().unwrap_or_default()),
            Self::Uts(ns) => ("uts", ns.id),
            Self::Ipc(ns) => ("ipc", ns.id),
            Self::Pid(ns) => ("pid", ns.id),
            Self::Cgroup(ns) => ("cgroup", ns.id),
            Self::Net(ns) => ("net", ns.id().unwrap_or_default()),
            Self::Time(ns) => ("time", ns.id),
        }
    }

    /// The `CLONE_NEW*` flag of the kind.
    pub const fn kind(&self) -> CloneFlags {
        match self {
            Self::User(_) => CloneFlags::NEWUSER,
            Self::Mount(_) => CloneFlags::NEWNS,
            Self::Uts(_) => CloneFlags::NEWUTS,
            Self::Ipc(_) => CloneFlags::NEWIPC,
            Self::Pid(_) => CloneFlags::NEWPID,
            Self::Cgroup(_) => CloneFlags::NEWCGROUP,
            Self::Net(_) => CloneFlags::NEWNET,
            Self::Time(_) => CloneFlags::NEWTIME,
        }
    }

    /// The user namespace that owns it; of a user namespace, its parent. `None` for the root user namespace.
    pub fn owner(&self) -> Option<Arc<UserNamespace>> {
        match self {
            Self::User(ns) => ns.parent.clone(),
            Self::Mount(ns) => Some(ns.owner().clone()),
            Self::Uts(ns) => Some(ns.owner.clone()),
            Self::Ipc(ns) => Some(ns.owner.clone()),
            Self::Pid(ns) => Some(ns.owner.clone()),
            Self::Cgroup(ns) => Some(ns.owner.clone()),
            Self::Net(ns) => Some(ns.owner().clone()),
            Self::Time(ns) => Some(ns.owner.clone()),
        }
    }
}
