//! Credentials: `credentials(7)`, `capabilities(7)`.

use crate::inode::Attr;
use crate::users::UserNamespace;
use abi::Errno;
use std::sync::Arc;

/// A capability, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names of capabilities(7)")]
pub enum Capability {
    Chown = 0,
    DacOverride,
    DacReadSearch,
    Fowner,
    Fsetid,
    Kill,
    Setgid,
    Setuid,
    Setpcap,
    LinuxImmutable,
    NetBindService,
    NetBroadcast,
    NetAdmin,
    NetRaw,
    IpcLock,
    IpcOwner,
    SysModule,
    SysRawio,
    SysChroot,
    SysPtrace,
    SysPacct,
    SysAdmin,
    SysBoot,
    SysNice,
    SysResource,
    SysTime,
    SysTtyConfig,
    Mknod,
    Lease,
    AuditWrite,
    AuditControl,
    Setfcap,
    MacOverride,
    MacAdmin,
    Syslog,
    WakeAlarm,
    BlockSuspend,
    AuditRead,
    Perfmon,
    Bpf,
    CheckpointRestore,
}

impl Capability {
    /// Every capability there is, as a set.
    pub const ALL: u64 = (1 << (Self::CheckpointRestore as u32 + 1)) - 1;

    /// The capability's bit in a set.
    pub const fn bit(self) -> u64 {
        1 << self as u32
    }
}

/// Identity and rights of a task. Immutable: a change makes a new one. Ids are kernel ids (ids of the
/// sandbox's root user namespace).
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names of credentials(7) and capabilities(7)")]
pub struct Credentials {
    pub uid: u32,
    pub gid: u32,
    pub euid: u32,
    pub egid: u32,
    pub suid: u32,
    pub sgid: u32,
    pub fsuid: u32,
    pub fsgid: u32,
    /// Supplementary groups, sorted.
    pub groups: Arc<[u32]>,
    pub permitted: u64,
    pub effective: u64,
    pub inheritable: u64,
    pub bounding: u64,
    pub ambient: u64,
    pub securebits: u32,
    pub user_ns: Arc<UserNamespace>,
}

impl Credentials {
    /// Root with every capability.
    pub fn root(user_ns: Arc<UserNamespace>) -> Self {
        Self {
            uid: 0,
            gid: 0,
            euid: 0,
            egid: 0,
            suid: 0,
            sgid: 0,
            fsuid: 0,
            fsgid: 0,
            groups: Arc::from([]),
            permitted: Capability::ALL,
            effective: Capability::ALL,
            inheritable: 0,
            bounding: Capability::ALL,
            ambient: 0,
            securebits: 0,
            user_ns,
        }
    }

    /// The identity of `other`, and no right that it has not.
    pub fn is_within(&self, other: &Self) -> bool {
        let ids = |of: &Self| [of.uid, of.euid, of.suid, of.fsuid, of.gid, of.egid, of.sgid, of.fsgid];
        ids(self) == ids(other)
            && self.groups == other.groups
            && Arc::ptr_eq(&self.user_ns, &other.user_ns)
            && self.is_subset_of(other)
    }

    /// The same as one who enters a user namespace: every capability there, and none of what went with the old
    /// one (`user_namespaces(7)`, "Capabilities").
    pub fn entering(&self, user_ns: Arc<UserNamespace>) -> Self {
        Self {
            permitted: Capability::ALL,
            effective: Capability::ALL,
            inheritable: 0,
            bounding: Capability::ALL,
            ambient: 0,
            securebits: 0,
            user_ns,
            ..self.clone()
        }
    }

    /// These rights are among those of `old`: no more capabilities in the same namespace, or a namespace that the
    /// owner of `old` made.
    pub fn is_subset_of(&self, old: &Self) -> bool {
        let mut ns = &self.user_ns;
        if Arc::ptr_eq(ns, &old.user_ns) {
            return self.permitted & !old.permitted == 0;
        }
        while let Some(parent) = &ns.parent {
            if Arc::ptr_eq(parent, &old.user_ns) && ns.owner == old.euid {
                return true;
            }
            ns = parent;
        }
        false
    }

    /// The effective set of the task's own user namespace holds the capability.
    pub const fn has(&self, capability: Capability) -> bool {
        self.effective & capability.bit() != 0
    }

    /// The capability is held in the sandbox's own user namespace.
    pub fn has_in_root(&self, capability: Capability) -> bool {
        self.has(capability) && self.user_ns.parent.is_none()
    }

    /// The capability counts for a file with these attributes: its owner and group are known to the user
    /// namespace (`user_namespaces(7)`, "Capabilities").
    pub fn has_over(&self, attr: &Attr, capability: Capability) -> bool {
        self.has(capability) && self.user_ns.knows(attr)
    }

    /// The capability counts in `target`: held there or in an ancestor, or the caller owns the
    /// namespace from its parent (`user_namespaces(7)`).
    pub fn has_in(&self, target: &Arc<UserNamespace>, capability: Capability) -> bool {
        let mut ns = target;
        loop {
            if Arc::ptr_eq(ns, &self.user_ns) {
                return self.has(capability);
            }
            let Some(parent) = &ns.parent else { return false };
            if Arc::ptr_eq(parent, &self.user_ns) && ns.owner == self.euid {
                return true;
            }
            ns = parent;
        }
    }

    /// The file-system group or a supplementary group is `gid`.
    pub fn is_in_group(&self, gid: u32) -> bool {
        self.fsgid == gid || self.groups.binary_search(&gid).is_ok()
    }

    /// May the caller access a file with these attributes? `want` is a mask of 4 read, 2 write,
    /// 1 execute (search). `EACCES`. (`path_resolution(7)`, "Permissions".)
    pub fn may_access(&self, attr: &Attr, want: u32) -> Result<(), Errno> {
        let bits = if self.fsuid == attr.uid {
            attr.mode >> 6
        } else if self.is_in_group(attr.gid) {
            attr.mode >> 3
        } else {
            attr.mode
        } & 7;
        if want & !bits == 0 {
            return Ok(());
        }
        let is_dir = attr.kind == abi::fs::FileType::Directory;
        let is_free = is_dir || want & 1 == 0 || attr.mode & 0o111 != 0;
        if is_free && self.has_over(attr, Capability::DacOverride) {
            return Ok(());
        }
        if (want == 4 || (is_dir && want & 2 == 0)) && self.has_over(attr, Capability::DacReadSearch) {
            return Ok(());
        }
        Err(Errno::EACCES)
    }

    /// Owner of the file, or `CAP_FOWNER`.
    pub fn is_owner_or_capable(&self, attr: &Attr) -> bool {
        self.fsuid == attr.uid || self.has_over(attr, Capability::Fowner)
    }
}
