//! Sleeping on the host, in a call of the futex family.

use crate::task::{CurrentTask, RestartBlock};
use platform::Wait;
use sync::{Deadline, Fail, Restart};

/// A wait on the host that the task is about to make, or is in.
#[derive(Clone, Copy, Debug)]
pub struct HostWait {
    wait: Wait,
    /// A wait with a timeout goes on after a signal with the time that is left.
    block: Option<RestartBlock>,
}

impl CurrentTask {
    /// Lets the task sleep in a host call, whose result is that of the guest's call. `deadline`: at the argument of
    /// that index. With `block`, `restart_syscall(2)` goes on with the call when a signal interrupts it.
    pub fn sleep_on_host(
        &mut self,
        nr: u32,
        args: [u64; 6],
        deadline: Option<(usize, Deadline)>,
        block: Option<RestartBlock>,
    ) -> Result<u32, Fail> {
        let deadline = deadline.map(|(index, deadline)| {
            let time = deadline.to_timespec();
            (index, time.sec, time.nsec)
        });
        let wait = HostWait { wait: Wait { nr, args, deadline }, block };
        // The stub may have come here because a kick ended the sleep that it began itself.
        if self.task().word().is_interrupted() {
            return Err(self.interrupt_wait(&wait));
        }
        self.host_wait = Some(wait);
        // The host's result takes its place.
        Ok(0)
    }

    /// How the call goes on that a signal keeps from sleeping.
    pub(crate) fn interrupt_wait(&mut self, wait: &HostWait) -> Fail {
        match wait.block {
            None => Fail::Interrupted(Restart::Sa),
            Some(block) => {
                self.set_restart_block(block);
                Fail::Interrupted(Restart::Block)
            }
        }
    }
}

impl HostWait {
    /// What the platform is to do.
    pub(crate) const fn wait(&self) -> &Wait {
        &self.wait
    }
}
