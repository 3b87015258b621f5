//! System V IPC and POSIX message queues: `sysvipc(7)`, `mq_overview(7)`, `ipc_namespaces(7)`.
//!
//! - `perm.rs`, `registry.rs`: what the three kinds of System V object share: rights, keys, ids.
//! - `sem.rs`, `undo.rs`; `shm.rs`; `msg.rs`: the three kinds.
//! - `limits.rs`: what /proc/sys/kernel says about them.
//! - `mqueue.rs`: POSIX message queues.

mod limits;
mod mqueue;
mod msg;
mod perm;
mod registry;
mod sem;
mod shm;
#[cfg(test)]
mod tests;
mod undo;

pub use limits::{Limit, Limits};
pub use mqueue::{Attributes as MqueueAttributes, Mqueue, MqueueFile, Mqueues, Notification, Told};
pub use msg::{MsgQueue, MsgStat};
pub use perm::Perm;
pub use registry::{Get, Object, Registry};
pub use sem::{SEMVMX, SemSet, Tried};
pub use shm::{Attach, Segment, ShmStat};
pub use undo::UndoList;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use vfs::Owner;

/// An IPC namespace.
pub struct IpcNamespace {
    /// Number in /proc/PID/ns.
    pub id: u64,
    /// The namespace whose root rules here.
    pub owner: Owner,
    /// Limits of the System V kinds.
    pub limits: Limits,
    /// Semaphore sets.
    pub sems: Arc<Registry<SemSet>>,
    /// Semaphores of all of them.
    pub sem_count: AtomicU64,
    /// Shared memory segments.
    pub shms: Arc<Registry<Segment>>,
    /// Message queues of System V.
    pub msgs: Arc<Registry<MsgQueue>>,
    /// POSIX message queues.
    pub mqueues: Arc<Mqueues>,
}

impl IpcNamespace {
    /// A namespace without objects.
    pub fn new(id: u64, owner: impl Into<Owner>) -> Arc<Self> {
        Arc::new(Self {
            id,
            owner: owner.into(),
            limits: Limits::default(),
            sems: Registry::new(sem::SEMMNI),
            sem_count: AtomicU64::new(0),
            shms: Registry::new(shm::SHMMNI),
            msgs: Registry::new(msg::MSGMNI),
            mqueues: Arc::new(Mqueues::new()),
        })
    }
}

impl fmt::Debug for IpcNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IpcNamespace({})", self.id)
    }
}

/// Seconds since the epoch, as the status structures hold them.
fn now() -> i64 {
    let now: Duration = sync::now(sync::Clock::Realtime);
    now.as_secs() as i64
}
