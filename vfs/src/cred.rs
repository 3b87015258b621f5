//! Credentials: `credentials(7)`, `capabilities(7)`, `user_namespaces(7)`.

use crate::inode::Attr;
use abi::Errno;
use std::sync::Arc;
use sync::{Mutex, Rank};

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

/// What ids without a mapping look like: /proc/sys/kernel/overflowuid.
pub const OVERFLOW_ID: u32 = 65534;

/// Range of ids of a map line: `inside`, `outside` (in the parent), `count`.
pub type IdRange = (u32, u32, u32);

/// A user namespace.
#[derive(Debug)]
pub struct UserNamespace {
    /// The namespace that it was made in; `None` for the sandbox's root.
    pub parent: Option<Arc<UserNamespace>>,
    /// Effective user of the maker, as a kernel uid.
    pub owner: u32,
    /// Maps, once written.
    pub maps: Mutex<IdMaps>,
}

/// The maps of a user namespace, in kernel ids (ids of the root namespace).
#[derive(Debug, Default)]
pub struct IdMaps {
    /// /proc/PID/uid_map.
    pub uid: Vec<IdRange>,
    /// /proc/PID/gid_map.
    pub gid: Vec<IdRange>,
    /// /proc/PID/setgroups says "deny".
    pub setgroups_denied: bool,
}

impl UserNamespace {
    /// An id inside as a kernel id; `None` where nothing is mapped.
    fn map_in(&self, id: u32, of: fn(&IdMaps) -> &[IdRange]) -> Option<u32> {
        if self.parent.is_none() {
            return Some(id);
        }
        let maps = self.maps.lock();
        of(&maps)
            .iter()
            .find(|&&(inside, _, count)| id.wrapping_sub(inside) < count)
            .map(|&(inside, outside, _)| outside.wrapping_add(id.wrapping_sub(inside)))
    }

    /// A kernel id as it is inside; `None` where nothing is mapped.
    fn map_out(&self, id: u32, of: fn(&IdMaps) -> &[IdRange]) -> Option<u32> {
        if self.parent.is_none() {
            return Some(id);
        }
        let maps = self.maps.lock();
        of(&maps)
            .iter()
            .find(|&&(_, outside, count)| id.wrapping_sub(outside) < count)
            .map(|&(inside, outside, _)| inside.wrapping_add(id.wrapping_sub(outside)))
    }

    /// Owner and group have names inside.
    fn knows(&self, attr: &Attr) -> bool {
        self.parent.is_none()
            || (self.map_out(attr.uid, |maps| &maps.uid).is_some()
                && self.map_out(attr.gid, |maps| &maps.gid).is_some())
    }

    /// The kernel uid of a user of this namespace; `None` where nothing is mapped (`EINVAL` for `chown`).
    pub fn kernel_uid(&self, uid: u32) -> Option<u32> {
        self.map_in(uid, |maps| &maps.uid)
    }

    /// The kernel gid of a group of this namespace.
    pub fn kernel_gid(&self, gid: u32) -> Option<u32> {
        self.map_in(gid, |maps| &maps.gid)
    }

    /// What this namespace calls a kernel uid: 65534 where nothing is mapped.
    pub fn guest_uid(&self, uid: u32) -> u32 {
        self.map_out(uid, |maps| &maps.uid).unwrap_or(OVERFLOW_ID)
    }

    /// What this namespace calls a kernel gid.
    pub fn guest_gid(&self, gid: u32) -> u32 {
        self.map_out(gid, |maps| &maps.gid).unwrap_or(OVERFLOW_ID)
    }

    /// The sandbox's root user namespace: every id is itself.
    pub fn root() -> Arc<Self> {
        let all = vec![(0, 0, u32::MAX)];
        let maps = IdMaps { uid: all.clone(), gid: all, setgroups_denied: false };
        Arc::new(Self { parent: None, owner: 0, maps: Mutex::new(Rank::Leaf, maps) })
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
