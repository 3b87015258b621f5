//! `RLIMIT_CPU` of `getrlimit(2)`.

use super::{Expire, Timer};
use crate::clock::{Counted, CpuClock};
use crate::task::ThreadGroup;
use abi::Errno;
use abi::resource::{RLIM_INFINITY, Resource, Rlimit};
use abi::signal::{SIGXCPU, SigInfo};
use std::sync::{Arc, Weak};
use std::time::Duration;
use sync::{Deadline, Mutex, Rank};

/// Watches the processor time of a process: SIGXCPU each second from the soft limit on, death at the hard one.
pub(super) struct CpuLimit {
    group: Weak<ThreadGroup>,
    clock: CpuClock,
    timer: Mutex<Timer>,
    /// The timer thread looked in vain so often.
    looks: Mutex<u32>,
}

impl CpuLimit {
    /// A watch that does not look yet. Host errors.
    pub(super) fn new(group: &Arc<ThreadGroup>) -> Result<Arc<Self>, Errno> {
        let service = group.kernel().timers();
        service.start()?;
        let group = Arc::downgrade(group);
        let clock = CpuClock { whose: Counted::Process(group.clone()), only_user: false };
        Ok(Arc::new_cyclic(|me: &Weak<Self>| Self {
            group,
            clock,
            timer: Mutex::new(Rank::Buffer, service.timer(me.clone())),
            looks: Mutex::new(Rank::Leaf, 0),
        }))
    }

    /// Has the timer thread look at once; the tree may be locked.
    pub(super) fn look(&self) {
        *self.looks.lock() = 0;
        self.timer.lock().arm(Deadline::after(Duration::ZERO));
    }

    /// The process ends.
    pub(super) fn end(&self) {
        self.timer.lock().arm(None);
    }
}

impl Expire for CpuLimit {
    fn expire(&self) {
        let Some(group) = self.group.upgrade() else { return };
        let mut limit = group.limits.lock().get(Resource::Cpu);
        if limit.cur == RLIM_INFINITY || self.clock.is_over() {
            return self.end();
        }
        let used = self.clock.now();
        if limit.max != RLIM_INFINITY && used >= Duration::from_secs(limit.max) {
            group.kill();
            return self.end();
        }
        // A limit of zero is one second: so has setrlimit had it ever since.
        if used >= Duration::from_secs(limit.cur.max(1)) {
            group.send(SigInfo::kernel(SIGXCPU));
            limit = Rlimit { cur: used.as_secs() + 1, ..limit };
            group.limits.lock().set(Resource::Cpu, limit);
            *self.looks.lock() = 0;
        }
        let next = limit.cur.max(1).min(limit.max.max(1));
        let looks = {
            let mut looks = self.looks.lock();
            *looks = looks.saturating_add(1);
            *looks
        };
        let at = self.clock.look_again(Duration::from_secs(next).saturating_sub(used), looks - 1);
        self.timer.lock().arm(at);
    }
}
