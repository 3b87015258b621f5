//! User namespaces: `user_namespaces(7)`.

use crate::cred::{Capability, Credentials};
use crate::inode::Attr;
use crate::quota::{Charge, Kind, Quotas};
use abi::Errno;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use sync::{Mutex, Rank};

/// What ids without a mapping look like: /proc/sys/kernel/overflowuid.
pub const OVERFLOW_ID: u32 = 65534;

/// Number of the root namespace in /proc/PID/ns, as Linux numbers its own.
const ROOT: u64 = 4_026_531_837;
/// Most namespaces of all kinds together: what /proc/sys/user/max_*_namespaces are for.
const NAMESPACES_MAX: usize = 16384;
/// Namespaces above the deepest one.
const MAX_LEVEL: u32 = 33;

/// Range of ids of a map line: `inside`, `outside` (a kernel id), `count`.
pub type IdRange = (u32, u32, u32);

/// Which ids a map is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdKind {
    /// /proc/PID/uid_map.
    User,
    /// /proc/PID/gid_map.
    Group,
    /// /proc/PID/projid_map.
    Project,
}

/// A map: kernel ids (ids of the root namespace) for those inside. Written once.
#[derive(Debug, Default)]
struct IdMap(OnceLock<Box<[IdRange]>>);

impl IdMap {
    fn ranges(&self) -> &[IdRange] {
        self.0.get().map_or(&[], |ranges| ranges)
    }

    /// The kernel id of the first of `count` ids inside, which lie in one range.
    fn inwards(&self, id: u32, count: u32) -> Option<u32> {
        let &(inside, outside, _) = self.ranges().iter().find(|&&(inside, _, len)| {
            let at = id.wrapping_sub(inside);
            id >= inside && at < len && count <= len - at
        })?;
        Some(outside + (id - inside))
    }

    /// What a kernel id is inside.
    fn outwards(&self, id: u32) -> Option<u32> {
        let &(inside, outside, _) =
            self.ranges().iter().find(|&&(_, outside, len)| id >= outside && id - outside < len)?;
        Some(inside + (id - outside))
    }
}

/// A user namespace.
#[derive(Debug)]
pub struct UserNamespace {
    /// Number in /proc/PID/ns.
    pub id: u64,
    /// The namespace that it was made in; `None` for the sandbox's root.
    pub parent: Option<Arc<UserNamespace>>,
    /// Effective user of the maker, as a kernel uid.
    pub owner: u32,
    /// Effective group of the maker, as a kernel gid.
    pub group: u32,
    /// The maker could have given files capabilities: it may map user 0 of the parent.
    pub maker_had_setfcap: bool,
    level: u32,
    /// Namespaces of all kinds in the sandbox, this one included.
    count: Arc<AtomicUsize>,
    /// It counts for its maker.
    _charge: Option<Charge>,
    pub(crate) quotas: Quotas,
    users: IdMap,
    groups: IdMap,
    projects: IdMap,
    is_setgroups_denied: AtomicBool,
    /// Held while a map, or that setgroups is denied, is written.
    writing: Mutex<()>,
}

impl UserNamespace {
    /// The sandbox's root user namespace: every id is itself.
    pub fn root() -> Arc<Self> {
        let all = || {
            let map = IdMap::default();
            // It is new, and empty.
            let _ = map.0.set(Box::new([(0, 0, u32::MAX)]));
            map
        };
        Arc::new(Self {
            id: ROOT,
            parent: None,
            owner: 0,
            group: 0,
            maker_had_setfcap: true,
            level: 0,
            count: Arc::new(AtomicUsize::new(1)),
            _charge: None,
            quotas: Quotas::new(true),
            users: all(),
            groups: all(),
            projects: all(),
            is_setgroups_denied: AtomicBool::new(false),
            writing: Mutex::new(Rank::Leaf, ()),
        })
    }

    /// A namespace inside the one of `maker`: `ENOSPC` when it would lie too deep, `EPERM` for a maker whose
    /// effective ids are not mapped.
    pub fn child(maker: &Credentials, id: u64) -> Result<Arc<Self>, Errno> {
        let parent = maker.user_ns.clone();
        if parent.level >= MAX_LEVEL {
            return Err(Errno::ENOSPC);
        }
        parent.check_room()?;
        let charge = Charge::new(&parent, Kind::User, maker.euid)?;
        if parent.map_out(IdKind::User, maker.euid).is_none() || parent.map_out(IdKind::Group, maker.egid).is_none() {
            return Err(Errno::EPERM);
        }
        parent.count.fetch_add(1, SeqCst);
        Ok(Arc::new(Self {
            id,
            owner: maker.euid,
            group: maker.egid,
            maker_had_setfcap: maker.has(Capability::Setfcap),
            level: parent.level + 1,
            count: parent.count.clone(),
            _charge: Some(charge),
            quotas: Quotas::new(false),
            users: IdMap::default(),
            groups: IdMap::default(),
            projects: IdMap::default(),
            is_setgroups_denied: AtomicBool::new(parent.is_setgroups_denied()),
            writing: Mutex::new(Rank::Leaf, ()),
            parent: Some(parent),
        }))
    }

    /// There may be one more namespace of whatever kind in the sandbox: `ENOSPC`.
    pub fn check_room(&self) -> Result<(), Errno> {
        if self.count.load(SeqCst) < NAMESPACES_MAX { Ok(()) } else { Err(Errno::ENOSPC) }
    }

    /// Most namespaces of a kind that one user may have made in it: /proc/sys/user.
    pub fn max_namespaces(&self, kind: Kind) -> i32 {
        self.quotas.max(kind)
    }

    /// Sets that.
    pub fn set_max_namespaces(&self, kind: Kind, max: i32) {
        self.quotas.set_max(kind, max);
    }

    /// Namespaces above it.
    pub const fn level(&self) -> u32 {
        self.level
    }

    /// It is the sandbox's own.
    pub const fn is_root(&self) -> bool {
        self.parent.is_none()
    }

    const fn map(&self, kind: IdKind) -> &IdMap {
        match kind {
            IdKind::User => &self.users,
            IdKind::Group => &self.groups,
            IdKind::Project => &self.projects,
        }
    }

    /// The lines of a map; none before it is written.
    pub fn ranges(&self, kind: IdKind) -> &[IdRange] {
        self.map(kind).ranges()
    }

    /// The kernel id of the first of `count` ids inside, where one line maps them all.
    pub fn map_in(&self, kind: IdKind, first: u32, count: u32) -> Option<u32> {
        self.map(kind).inwards(first, count)
    }

    /// A kernel id as it is inside; `None` where nothing is mapped.
    pub fn map_out(&self, kind: IdKind, id: u32) -> Option<u32> {
        self.map(kind).outwards(id)
    }

    /// Writes a map, which must be empty: `EPERM`.
    pub fn set_map(&self, kind: IdKind, ranges: Vec<IdRange>) -> Result<(), Errno> {
        let _writing = self.writing.lock();
        self.map(kind).0.set(ranges.into()).map_err(|_| Errno::EPERM)
    }

    /// /proc/PID/setgroups says "deny".
    pub fn is_setgroups_denied(&self) -> bool {
        self.is_setgroups_denied.load(SeqCst)
    }

    /// `setgroups(2)` may be called: it is not denied, and there are groups.
    pub fn allows_setgroups(&self) -> bool {
        !self.ranges(IdKind::Group).is_empty() && !self.is_setgroups_denied()
    }

    /// Denies setgroups for good: `EPERM` once there is a map of groups.
    pub fn deny_setgroups(&self) -> Result<(), Errno> {
        let _writing = self.writing.lock();
        if !self.groups.ranges().is_empty() {
            return Err(Errno::EPERM);
        }
        self.is_setgroups_denied.store(true, SeqCst);
        Ok(())
    }

    /// Owner and group have names inside.
    pub(crate) fn knows(&self, attr: &Attr) -> bool {
        self.is_root() || self.kernel_ids_are_known(attr.uid, attr.gid)
    }

    /// Both ids have names inside.
    pub fn kernel_ids_are_known(&self, uid: u32, gid: u32) -> bool {
        self.map_out(IdKind::User, uid).is_some() && self.map_out(IdKind::Group, gid).is_some()
    }

    /// Is `self`, or lies somewhere inside of `other`.
    pub fn is_within(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        let mut ns = self;
        while ns.level > other.level {
            let Some(parent) = &ns.parent else { return false };
            ns = parent;
        }
        Arc::ptr_eq(ns, other)
    }

    /// The kernel uid of a user of this namespace; `None` where nothing is mapped (`EINVAL` for `chown`).
    pub fn kernel_uid(&self, uid: u32) -> Option<u32> {
        self.map_in(IdKind::User, uid, 1)
    }

    /// The kernel gid of a group of this namespace.
    pub fn kernel_gid(&self, gid: u32) -> Option<u32> {
        self.map_in(IdKind::Group, gid, 1)
    }

    /// What this namespace calls a kernel uid: 65534 where nothing is mapped.
    pub fn guest_uid(&self, uid: u32) -> u32 {
        self.map_out(IdKind::User, uid).unwrap_or(OVERFLOW_ID)
    }

    /// What this namespace calls a kernel gid.
    pub fn guest_gid(&self, gid: u32) -> u32 {
        self.map_out(IdKind::Group, gid).unwrap_or(OVERFLOW_ID)
    }
}

impl Drop for UserNamespace {
    fn drop(&mut self) {
        self.count.fetch_sub(1, SeqCst);
    }
}

/// The user namespace that owns another namespace, which is counted as long as this is there.
#[derive(Debug)]
pub struct Owner {
    ns: Arc<UserNamespace>,
    /// It counts for its maker.
    _charge: Option<Charge>,
}

impl Owner {
    /// Counts a namespace of this owner, which nobody inside made.
    pub fn new(ns: Arc<UserNamespace>) -> Self {
        Self::counted(ns, None)
    }

    /// Counts a namespace of a kind that a user with a kernel uid makes: `ENOSPC`.
    pub fn charged(ns: &Arc<UserNamespace>, kind: Kind, uid: u32) -> Result<Self, Errno> {
        let charge = Charge::new(ns, kind, uid)?;
        Ok(Self::counted(ns.clone(), Some(charge)))
    }

    fn counted(ns: Arc<UserNamespace>, charge: Option<Charge>) -> Self {
        ns.count.fetch_add(1, SeqCst);
        Self { ns, _charge: charge }
    }
}

impl From<Arc<UserNamespace>> for Owner {
    fn from(ns: Arc<UserNamespace>) -> Self {
        Self::new(ns)
    }
}

impl Deref for Owner {
    type Target = Arc<UserNamespace>;

    fn deref(&self) -> &Arc<UserNamespace> {
        &self.ns
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.ns.count.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_written_once() {
        let root = Credentials::root(UserNamespace::root());
        let ns = UserNamespace::child(&root, 1).expect("not deep");
        assert_eq!((ns.guest_uid(5), ns.kernel_uid(0)), (OVERFLOW_ID, None));
        assert_eq!(ns.set_map(IdKind::User, vec![(0, 1000, 2), (10, 0, 1)]), Ok(()));
        assert_eq!(ns.set_map(IdKind::User, vec![(0, 0, 1)]), Err(Errno::EPERM));
        assert_eq!((ns.kernel_uid(1), ns.kernel_uid(2), ns.kernel_uid(10)), (Some(1001), None, Some(0)));
        assert_eq!((ns.guest_uid(1001), ns.guest_uid(0), ns.guest_uid(999)), (1, 10, OVERFLOW_ID));
        assert_eq!(ns.map_in(IdKind::User, 0, 3), None);
    }

    #[test]
    fn nesting_ends() {
        let mut creds = Credentials::root(UserNamespace::root());
        for level in 1..=MAX_LEVEL {
            let ns = UserNamespace::child(&creds, 1).expect("not too deep");
            assert_eq!((ns.level(), ns.is_within(&creds.user_ns), creds.user_ns.is_within(&ns)), (level, true, false));
            ns.set_map(IdKind::User, vec![(0, 0, 1)]).expect("empty");
            ns.set_map(IdKind::Group, vec![(0, 0, 1)]).expect("empty");
            creds.user_ns = ns;
        }
        assert_eq!(UserNamespace::child(&creds, 1).map(|_| ()), Err(Errno::ENOSPC));
    }

    #[test]
    fn namespaces_are_counted() {
        let root = Credentials::root(UserNamespace::root());
        let owners: Vec<Owner> = (1..NAMESPACES_MAX).map(|_| Owner::new(root.user_ns.clone())).collect();
        assert_eq!(root.user_ns.check_room(), Err(Errno::ENOSPC));
        assert_eq!(UserNamespace::child(&root, 1).map(|_| ()), Err(Errno::ENOSPC));
        drop(owners);
        let inner = UserNamespace::child(&root, 1).expect("room");
        drop(Owner::new(inner));
        assert_eq!(root.user_ns.count.load(SeqCst), 1);
    }

    #[test]
    fn setgroups_is_denied_before_the_map() {
        let root = Credentials::root(UserNamespace::root());
        let ns = UserNamespace::child(&root, 1).expect("not deep");
        assert!(!ns.allows_setgroups());
        ns.set_map(IdKind::Group, vec![(0, 0, 1)]).expect("empty");
        assert!(ns.allows_setgroups());
        assert_eq!(ns.deny_setgroups(), Err(Errno::EPERM));
    }
}
