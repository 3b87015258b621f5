//! Processes as files: `pidfd_open(2)`.

use crate::task::{Task, ThreadGroup};
use abi::fs::OpenFlags;
use abi::poll::Events;
use std::sync::Arc;
use sync::WaitQueue;
use vfs::{File, OpenFile};

/// A process, or one thread of it, as a file.
pub struct PidFd {
    group: Arc<ThreadGroup>,
    /// `PIDFD_THREAD`.
    thread: Option<Arc<Task>>,
}

/// A pidfd of a process. `is_nonblock`: with `PIDFD_NONBLOCK`.
pub fn open(group: &Arc<ThreadGroup>, is_nonblock: bool) -> Arc<OpenFile> {
    make(PidFd { group: group.clone(), thread: None }, is_nonblock)
}

/// A pidfd of a thread: `PIDFD_THREAD`.
pub fn open_thread(task: &Arc<Task>, is_nonblock: bool) -> Arc<OpenFile> {
    make(PidFd { group: task.group().clone(), thread: Some(task.clone()) }, is_nonblock)
}

fn make(pidfd: PidFd, is_nonblock: bool) -> Arc<OpenFile> {
    let status = if is_nonblock { OpenFlags::NONBLOCK } else { OpenFlags::empty() };
    OpenFile::anonymous(Box::new(pidfd), OpenFlags::RDWR | status)
}

impl PidFd {
    /// The process.
    pub const fn group(&self) -> &Arc<ThreadGroup> {
        &self.group
    }

    /// The thread, for one that stands for a thread.
    pub const fn thread(&self) -> Option<&Arc<Task>> {
        self.thread.as_ref()
    }
}

impl File for PidFd {
    fn readiness(&self) -> Events {
        let has_ended = self.group.status().is_some() || self.thread.as_ref().is_some_and(|task| !task.is_live());
        if has_ended { Events::IN | Events::RDNORM } else { Events::empty() }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(if self.thread.is_some() { &self.group.thread_events } else { &self.group.exit_events })
    }

    fn fdinfo(&self) -> String {
        let pid = self.thread.as_ref().map_or_else(|| self.group.pid().clone(), |task| task.pid());
        let ids: Vec<String> =
            pid.ids_from(self.group.kernel().root_pids()).iter().skip(1).map(ToString::to_string).collect();
        format!("Pid:\t{}\nNSpid:\t{}\n", pid.outermost(), ids.join("\t"))
    }

    fn anonymous_name(&self) -> Option<String> {
        Some("anon_inode:[pidfd]".to_owned())
    }
}
