//! Waiting for children: `wait4(2)`, `waitid(2)`.

use crate::process::zombie::child_code;
use crate::status::{CONTINUED_TO_WAIT, Status, stopped_to_wait};
use crate::task::{CurrentTask, ThreadGroup};
use crate::tree::{GroupNode, Tree};
use crate::usage::Usage;
use abi::Errno;
use abi::poll::Events;
use abi::signal::{CLD_CONTINUED, CLD_STOPPED, SIGCHLD, SIGCONT};
use abi::wait::WaitFlags;
use std::sync::Arc;
use sync::Fail;

/// Which children.
#[derive(Clone, Debug)]
pub enum Which {
    /// Any.
    Any,
    /// The process with this id in the root namespace; 0 is none.
    Process(i32),
    /// Those in the process group with this id in the root namespace; 0 is none.
    Group(i32),
}

/// What happened to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It ended.
    Ended(Status),
    /// It was stopped by a signal.
    Stopped(u8),
    /// SIGCONT made it go on.
    Continued,
}

impl What {
    /// As `wait4(2)` stores it.
    pub const fn to_wait(self) -> i32 {
        match self {
            Self::Ended(status) => status.to_wait(),
            Self::Stopped(signal) => stopped_to_wait(signal),
            Self::Continued => CONTINUED_TO_WAIT,
        }
    }

    /// `si_code` and `si_status` as `waitid(2)` stores them.
    pub const fn to_info(self) -> (i32, i32) {
        match self {
            Self::Ended(status) => child_code(status),
            Self::Stopped(signal) => (CLD_STOPPED, signal as i32),
            Self::Continued => (CLD_CONTINUED, SIGCONT as i32),
        }
    }
}

/// News of a child.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Its id, as the one who waits sees it.
    pub pid: i32,
    /// Its real user.
    pub uid: u32,
    /// What happened.
    pub what: What,
    /// What it and the children that it waited for have used.
    pub usage: Usage,
}

/// Result of one look at the children.
enum Look {
    Found(Event),
    /// Something may happen yet.
    Nothing,
    /// There is no child that could be waited for.
    Childless,
}

impl CurrentTask {
    /// Waits for news of children; `None` with `WNOHANG` when there are none. `ECHILD`.
    pub fn wait(&self, which: &Which, flags: WaitFlags) -> Result<Option<Event>, Fail> {
        let queue = &self.group().child_events;
        let look = || match self.look(which, flags) {
            Look::Found(event) => Some(Ok(Some(event))),
            Look::Childless => Some(Err(Errno::ECHILD)),
            Look::Nothing if flags.contains(WaitFlags::NOHANG) => Some(Ok(None)),
            Look::Nothing => None,
        };
        Ok(self.caller().block(queue, Events::IN, None, look)??)
    }

    fn look(&self, which: &Which, flags: WaitFlags) -> Look {
        let mut tree = self.kernel().tree();
        let Some(own) = tree.node_of(self.group()) else { return Look::Childless };
        let children: Vec<i32> = match *which {
            Which::Process(id) => own.children.get(&id).copied().into_iter().collect(),
            _ => own.children.iter().copied().collect(),
        };
        let mut is_any = false;
        for id in children {
            let Some(child) = tree.node(id).filter(|child| self.is_waited_for(child, which, flags)) else { continue };
            is_any = true;
            let Some(what) = news(child, flags) else { continue };
            return Look::Found(self.collect(&mut tree, id, what, flags));
        }
        if is_any { Look::Nothing } else { Look::Childless }
    }

    fn is_waited_for(&self, child: &GroupNode, which: &Which, flags: WaitFlags) -> bool {
        if let Which::Group(id) = *which
            && child.process_group.id().root() != id
        {
            return false;
        }
        if flags.contains(WaitFlags::NOTHREAD) && child.parent_thread != self.task().serial() {
            return false;
        }
        flags.contains(WaitFlags::ALL) || (child.exit_signal != SIGCHLD) == flags.contains(WaitFlags::CLONE)
    }

    /// Takes the news unless `WNOWAIT` leaves it; a zombie is gone after that.
    fn collect(&self, tree: &mut Tree, id: i32, what: What, flags: WaitFlags) -> Event {
        let keep = flags.contains(WaitFlags::NOWAIT);
        let mut event = Event { pid: 0, uid: 0, what, usage: Usage::default() };
        let Some(child) = tree.node(id) else { return event };
        let group: Arc<ThreadGroup> = child.group.clone();
        event.pid = group.pid().within(self.group().pid().namespace());
        event.uid = child.threads.first().map_or(0, |thread| thread.task.creds().uid);
        event.usage = tree.group_usage(&group);
        event.usage.add(&group.past_usage().1);
        if keep {
            return event;
        }
        match what {
            What::Ended(_) => {
                self.group().add_child_usage(&event.usage);
                tree.remove_group(&group);
            }
            What::Stopped(_) => group.signals.lock().stop_report = None,
            What::Continued => group.signals.lock().continue_report = false,
        }
        event
    }
}

/// What there is to say of a child.
fn news(child: &GroupNode, flags: WaitFlags) -> Option<What> {
    if let Some(status) = child.zombie {
        return flags.contains(WaitFlags::EXITED).then_some(What::Ended(status));
    }
    let signals = child.group.signals.lock();
    if let Some(signal) = signals.stop_report
        && flags.contains(WaitFlags::STOPPED)
    {
        return Some(What::Stopped(signal));
    }
    (signals.continue_report && flags.contains(WaitFlags::CONTINUED)).then_some(What::Continued)
}
