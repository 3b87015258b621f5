//! How many namespaces a user may have made: /proc/sys/user/max_*_namespaces (`namespaces(7)`).

use crate::users::UserNamespace;
use abi::Errno;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
use sync::{Mutex, Rank};

/// Kinds of namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Users, groups and capabilities.
    User,
    /// Process ids.
    Pid,
    /// Names of the machine.
    Uts,
    /// System V IPC and message queues.
    Ipc,
    /// Network.
    Net,
    /// Mounts.
    Mount,
    /// Control groups.
    Cgroup,
    /// Clocks.
    Time,
}

/// How many they are.
const KINDS: usize = 8;
/// Most namespaces of each kind at first: in the sandbox's own user namespace, and in others.
const FIRST_MAX: i32 = 96343;
const INNER_MAX: i32 = i32::MAX;

/// What the users of a user namespace have made, and may make.
#[derive(Debug)]
pub(crate) struct Quotas {
    maxima: [AtomicI32; KINDS],
    /// By kind and kernel uid; what is 0 is not there.
    used: Mutex<HashMap<(Kind, u32), i32>>,
}

impl Quotas {
    pub(crate) fn new(is_root: bool) -> Self {
        let max = if is_root { FIRST_MAX } else { INNER_MAX };
        let maxima = [(); KINDS].map(|()| AtomicI32::new(max));
        Self { maxima, used: Mutex::new(Rank::Leaf, HashMap::new()) }
    }

    fn take(&self, kind: Kind, uid: u32) -> Result<(), Errno> {
        let mut used = self.used.lock();
        let count = used.get(&(kind, uid)).copied().unwrap_or_default();
        if count >= self.max(kind) {
            return Err(Errno::ENOSPC);
        }
        used.insert((kind, uid), count + 1);
        Ok(())
    }

    fn give_back(&self, kind: Kind, uid: u32) {
        let mut used = self.used.lock();
        if let Some(count) = used.get_mut(&(kind, uid)) {
            *count -= 1;
            if *count == 0 {
                used.remove(&(kind, uid));
            }
        }
    }

    pub(crate) fn max(&self, kind: Kind) -> i32 {
        self.maxima[kind as usize].load(SeqCst)
    }

    pub(crate) fn set_max(&self, kind: Kind, max: i32) {
        self.maxima[kind as usize].store(max, SeqCst);
    }
}

/// A namespace that counts for its maker, and for the makers of the user namespaces around it.
#[derive(Debug)]
pub(crate) struct Charge {
    ns: Arc<UserNamespace>,
    kind: Kind,
    uid: u32,
}

impl Charge {
    /// One more that a user with a kernel uid made in a user namespace: `ENOSPC`.
    pub(crate) fn new(ns: &Arc<UserNamespace>, kind: Kind, uid: u32) -> Result<Self, Errno> {
        for (done, (at, uid)) in makers(ns, uid).enumerate() {
            if let Err(errno) = at.quotas.take(kind, uid) {
                makers(ns, uid).take(done).for_each(|(at, uid)| at.quotas.give_back(kind, uid));
                return Err(errno);
            }
        }
        Ok(Self { ns: ns.clone(), kind, uid })
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        makers(&self.ns, self.uid).for_each(|(at, uid)| at.quotas.give_back(self.kind, uid));
    }
}

/// A user in its namespace, then who made that, in the one around it, and so on.
fn makers(ns: &UserNamespace, uid: u32) -> impl Iterator<Item = (&UserNamespace, u32)> {
    std::iter::successors(Some((ns, uid)), |(ns, _)| Some((&**ns.parent.as_ref()?, ns.owner)))
}
