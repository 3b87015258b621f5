//! Names of the machine: `uts_namespaces(7)`.

use std::sync::Arc;
use sync::{Mutex, Rank};
use vfs::Owner;

/// Release of the kernel that the sandbox shows: `uname(2)`, /proc/sys/kernel/osrelease.
pub const RELEASE: &str = "6.12.0-nacre";
/// Version of it: `uname(2)`, /proc/sys/kernel/version.
pub const VERSION: &str = "#1 SMP PREEMPT_DYNAMIC Nacre";

/// A UTS namespace.
#[derive(Debug)]
pub struct UtsNamespace {
    /// Number in /proc/PID/ns.
    pub id: u64,
    /// The namespace whose root may change the names.
    pub owner: Owner,
    names: Mutex<(Vec<u8>, Vec<u8>)>,
}

impl UtsNamespace {
    /// A namespace with these names, at most 64 bytes each.
    pub fn new(id: u64, owner: impl Into<Owner>, hostname: Vec<u8>, domainname: Vec<u8>) -> Arc<Self> {
        Arc::new(Self { id, owner: owner.into(), names: Mutex::new(Rank::Leaf, (hostname, domainname)) })
    }

    /// A namespace with the same names: `CLONE_NEWUTS`.
    pub(crate) fn copy(&self, id: u64, owner: impl Into<Owner>) -> Arc<Self> {
        let (hostname, domainname) = self.names.lock().clone();
        Self::new(id, owner, hostname, domainname)
    }

    /// Host name.
    pub fn hostname(&self) -> Vec<u8> {
        self.names.lock().0.clone()
    }

    /// NIS domain name.
    pub fn domainname(&self) -> Vec<u8> {
        self.names.lock().1.clone()
    }

    /// `sethostname(2)`; length and rights were checked.
    pub fn set_hostname(&self, name: Vec<u8>) {
        self.names.lock().0 = name;
    }

    /// `setdomainname(2)`; length and rights were checked.
    pub fn set_domainname(&self, name: Vec<u8>) {
        self.names.lock().1 = name;
    }
}
