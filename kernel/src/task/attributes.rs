//! What a thread is, apart from what it does: credentials, name, namespaces.

use crate::ipc::IpcNamespace;
use crate::namespace::CgroupNamespace;
use crate::pid::PidNamespace;
use crate::sched::Scheduling;
use crate::timens::TimeNamespace;
use crate::uts::UtsNamespace;
use abi::process::TASK_COMM_LEN;
use net::NetNamespace;
use std::sync::Arc;
use vfs::Credentials;

/// The namespaces of a thread, except those that live elsewhere (mounts: [`vfs::FsContext`]; users:
/// [`Credentials`]; its own pids: [`crate::Pid`]).
#[derive(Clone, Debug)]
pub struct Namespaces {
    /// Names of the machine.
    pub uts: Arc<UtsNamespace>,
    /// System V IPC and message queues.
    pub ipc: Arc<IpcNamespace>,
    /// Where its children get their ids.
    pub pid_for_children: Arc<PidNamespace>,
    /// Control groups.
    pub cgroup: Arc<CgroupNamespace>,
    /// Sockets and devices.
    pub net: Arc<NetNamespace>,
    /// Its clocks.
    pub time: Arc<TimeNamespace>,
    /// The clocks of its children, and its own after execve.
    pub time_for_children: Arc<TimeNamespace>,
}

/// Whose session it is, as `pam_loginuid(8)` notes it: /proc/PID/loginuid and sessionid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Login {
    /// Kernel uid; -1 before anybody has logged in.
    pub uid: u32,
    /// Number of the session; -1 before anybody has logged in.
    pub session: u32,
}

impl Login {
    /// Nobody has logged in.
    pub const NOBODY: Self = Self { uid: u32::MAX, session: u32::MAX };
}

/// What a thread is. Kept while it is a zombie.
#[derive(Clone, Debug)]
pub struct Attributes {
    /// Identity and rights.
    pub creds: Arc<Credentials>,
    /// Name: `comm` of proc(5).
    pub comm: [u8; TASK_COMM_LEN],
    /// `PR_SET_NO_NEW_PRIVS`.
    pub no_new_privs: bool,
    /// `PR_SET_PDEATHSIG`; 0 is none.
    pub parent_death_signal: u8,
    /// `personality(2)`.
    pub personality: u32,
    /// Whose session it is.
    pub login: Login,
    /// How it is scheduled.
    pub sched: Scheduling,
    /// Namespaces.
    pub namespaces: Namespaces,
}

impl Attributes {
    /// Sets the name, cut to 15 bytes.
    pub fn set_comm(&mut self, name: &[u8]) {
        self.comm = [0; TASK_COMM_LEN];
        for (to, &from) in self.comm.iter_mut().take(TASK_COMM_LEN - 1).zip(name.iter().take_while(|&&b| b != 0)) {
            *to = from;
        }
    }

    /// The name without its end.
    pub fn comm(&self) -> &[u8] {
        let len = self.comm.iter().position(|&byte| byte == 0).unwrap_or(TASK_COMM_LEN);
        &self.comm[..len]
    }
}
